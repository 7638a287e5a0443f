//! JSONata: what does a state that uses it make of its input? The part of JSONata that the states use, as JSONata 2.0.6
//! defines it: paths from `$states`, `and`, comparisons, `&`, `? :`, object and array constructors, and five functions.
//! Anything else is refused, also a path into an array, where JSONata would look into its elements.

use serde_json::{Map, Value};

use super::StateError;

/// A value; none where JSONata has nothing.
type Found = Option<Value>;

/// A field whose strings may be expressions in `{% %}`.
pub(crate) fn template(template: &Value, states: &Value) -> Result<Value, StateError> {
    Ok(match template {
        Value::String(text) => match text.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")) {
            Some(expression) => evaluate(expression, states)?,
            None => template.clone(),
        },
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), self::template(value, states)?)));
            Value::Object(filled.collect::<Result<Map<_, _>, StateError>>()?)
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| self::template(item, states)).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// The value of an expression. Nothing is an error, as in Step Functions.
fn evaluate(expression: &str, states: &Value) -> Result<Value, StateError> {
    let mut reader = Reader { tokens: tokens(expression)?, at: 0, states, takes: true };
    let found = reader.conditional()?;
    if reader.at < reader.tokens.len() {
        return Err(StateError::unknown(expression));
    }
    found.ok_or_else(|| {
        StateError::query(format!("The JSONata expression '{expression}' returned nothing (undefined)."))
    })
}

#[derive(Clone, Debug, PartialEq)]
enum JsonataToken {
    /// `$states`, `$merge`, a field's name or a word.
    Name(String),
    Text(String),
    Number(u32),
    Sign(&'static str),
}

const SIGNS: [&str; 17] = ["!=", "=", ">", "&", "?", ":", "(", ")", "[", "]", "{", "}", ",", ".", "<", "+", "*"];

fn tokens(expression: &str) -> Result<Vec<JsonataToken>, StateError> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if let Some(quoted) = rest.strip_prefix('\'') {
            let (text, _) = quoted
                .split_once('\'')
                .filter(|(text, _)| !text.contains('\\'))
                .ok_or_else(|| StateError::unknown(rest))?;
            (JsonataToken::Text(text.to_owned()), text.len() + 2)
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            (JsonataToken::Number(rest[..length].parse().map_err(|_| StateError::unknown(rest))?), length)
        } else if first.is_ascii_alphabetic() || first == '$' || first == '_' {
            let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let length = rest[1..].find(ends).map_or(rest.len(), |at| at + 1);
            (JsonataToken::Name(rest[..length].to_owned()), length)
        } else {
            let sign =
                SIGNS.into_iter().find(|sign| rest.starts_with(sign)).ok_or_else(|| StateError::unknown(rest))?;
            (JsonataToken::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Reads an expression and evaluates what it takes; the branches it does not take are only read.
struct Reader<'a> {
    tokens: Vec<JsonataToken>,
    at: usize,
    states: &'a Value,
    takes: bool,
}

impl Reader<'_> {
    fn conditional(&mut self) -> Result<Found, StateError> {
        let condition = self.both()?;
        if !self.sign("?") {
            return Ok(condition);
        }
        let holds = truth(condition.as_ref());
        let yes = self.only_if(holds, Self::conditional)?;
        self.expect(":")?;
        let no = self.only_if(!holds, Self::conditional)?;
        Ok(if holds { yes } else { no })
    }

    fn both(&mut self) -> Result<Found, StateError> {
        let mut left = self.compared()?;
        while self.tokens.get(self.at) == Some(&JsonataToken::Name("and".into())) {
            self.at += 1;
            let holds = truth(left.as_ref());
            let right = self.only_if(holds, Self::compared)?;
            left = Some(Value::Bool(holds && truth(right.as_ref())));
        }
        Ok(left)
    }

    fn compared(&mut self) -> Result<Found, StateError> {
        let left = self.joined()?;
        let Some(sign) = ["=", "!=", ">"].into_iter().find(|sign| self.sign(sign)) else { return Ok(left) };
        let right = self.joined()?;
        // With nothing on a side, neither `=` nor `!=` is true, and `>` is nothing.
        let (Some(left), Some(right)) = (left, right) else {
            return Ok((sign != ">").then_some(Value::Bool(false)));
        };
        Ok(Some(Value::Bool(match sign {
            "=" => left == right,
            "!=" => left != right,
            _ if !self.takes => false,
            _ => match (left.as_f64(), right.as_f64()) {
                (Some(left), Some(right)) => left > right,
                _ => return Err(StateError::query("T2010: `>` compares numbers or strings")),
            },
        })))
    }

    fn joined(&mut self) -> Result<Found, StateError> {
        let mut left = self.single()?;
        while self.sign("&") {
            let right = self.single()?;
            left = Some(Value::String(words(left.as_ref()) + &words(right.as_ref())));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Found, StateError> {
        let token = self
            .tokens
            .get(self.at)
            .cloned()
            .ok_or_else(|| StateError::unknown("an expression that ends too early"))?;
        self.at += 1;
        match token {
            JsonataToken::Text(text) => Ok(Some(Value::String(text))),
            JsonataToken::Number(number) => Ok(Some(number.into())),
            JsonataToken::Name(name) if name == "$states" => self.path(),
            JsonataToken::Name(name) if name == "null" => Ok(Some(Value::Null)),
            JsonataToken::Name(name) if name == "true" || name == "false" => Ok(Some(Value::Bool(name == "true"))),
            JsonataToken::Name(name) if name.starts_with('$') => self.function(&name),
            JsonataToken::Sign("(") => {
                let inner = self.conditional()?;
                self.expect(")")?;
                Ok(inner)
            }
            JsonataToken::Sign("[") => self.array(),
            JsonataToken::Sign("{") => self.object(),
            other => Err(StateError::unknown(&format!("{other:?}"))),
        }
    }

    fn path(&mut self) -> Result<Found, StateError> {
        let mut found = Some(self.states.clone());
        while self.sign(".") {
            let Some(JsonataToken::Name(field)) = self.tokens.get(self.at).cloned() else {
                return Err(StateError::unknown("a path"));
            };
            self.at += 1;
            found = match found {
                Some(Value::Object(mut fields)) => fields.remove(&field),
                Some(Value::Array(_)) if self.takes => {
                    return Err(StateError::unknown(&format!("{field} of an array")));
                }
                _ => None,
            };
        }
        Ok(found)
    }

    fn function(&mut self, name: &str) -> Result<Found, StateError> {
        self.expect("(")?;
        let argument = self.conditional()?;
        self.expect(")")?;
        if !self.takes {
            return Ok(None);
        }
        match name {
            "$exists" => Ok(Some(argument.is_some().into())),
            "$type" => Ok(argument.as_ref().map(kind).map(Value::from)),
            "$string" => Ok(argument.as_ref().map(|value| Value::String(words(Some(value))))),
            "$error" => Err(StateError::query(format!("D3137: {}", words(argument.as_ref())))),
            "$merge" => {
                let Some(Value::Array(items)) = argument else { return Err(StateError::unknown("$merge of no array")) };
                let mut merged = Map::new();
                for item in items {
                    let Value::Object(fields) = item else {
                        return Err(StateError::query(format!("T0412: $merge merges objects, not {item}")));
                    };
                    merged.extend(fields);
                }
                Ok(Some(Value::Object(merged)))
            }
            _ => Err(StateError::unknown(name)),
        }
    }

    fn array(&mut self) -> Result<Found, StateError> {
        let mut items = Vec::new();
        while !self.sign("]") {
            match self.conditional()? {
                // It would be taken apart.
                Some(Value::Array(_)) => return Err(StateError::unknown("an array in an array")),
                item => items.extend(item),
            }
            if !self.sign(",") {
                self.expect("]")?;
                break;
            }
        }
        Ok(Some(Value::Array(items)))
    }

    fn object(&mut self) -> Result<Found, StateError> {
        let mut fields = Map::new();
        while !self.sign("}") {
            let Some(Value::String(name)) = self.single()? else {
                return Err(StateError::unknown("a field without a name"));
            };
            self.expect(":")?;
            if let Some(value) = self.conditional()? {
                fields.insert(name, value);
            }
            if !self.sign(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Some(Value::Object(fields)))
    }

    /// Reads what comes, and lets it fail only where it is taken.
    fn only_if(&mut self, holds: bool, read: fn(&mut Self) -> Result<Found, StateError>) -> Result<Found, StateError> {
        let before = self.takes;
        self.takes = before && holds;
        let found = read(self);
        self.takes = before;
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(JsonataToken::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, sign: &str) -> Result<(), StateError> {
        if self.sign(sign) { Ok(()) } else { Err(StateError::unknown(&format!("an expression without its `{sign}`"))) }
    }
}

fn truth(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// As `&` and `$string` write it.
fn words(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
