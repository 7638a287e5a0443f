//! JSONPath: what does a state that uses it make of its input? Plain paths, payload templates, two intrinsic functions
//! and the comparisons that the states use; anything else is refused, and a path that leads nowhere is an error.

use serde_json::{Map, Value, json};

use super::StateError;

/// What a plain path such as `$.lease.status` or `$$.Execution.Id` leads to.
pub(crate) fn path(path: &str, input: &Value, context: &Value) -> Result<Value, StateError> {
    find(path, input, context)?
        .ok_or_else(|| StateError::runtime(format!("The JSONPath '{path}' could not be found in the input '{input}'")))
}

fn find(path: &str, input: &Value, context: &Value) -> Result<Option<Value>, StateError> {
    let (root, fields) = match path.strip_prefix("$$") {
        Some(fields) => (context, fields),
        None => (input, path.strip_prefix('$').ok_or_else(|| StateError::unknown(path))?),
    };
    let mut found = Some(root);
    for field in fields.split('.').skip(1) {
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(StateError::unknown(path));
        }
        found = found.and_then(Value::as_object).and_then(|object| object.get(field));
    }
    if !fields.is_empty() && !fields.starts_with('.') {
        return Err(StateError::unknown(path));
    }
    Ok(found.cloned())
}

/// A payload template with its `.$` fields filled in.
pub(crate) fn template(template: &Value, input: &Value, context: &Value) -> Result<Value, StateError> {
    let Value::Object(fields) = template else { return Ok(template.clone()) };
    let mut filled = Map::new();
    for (name, value) in fields {
        let (name, value) = match (name.strip_suffix(".$"), value) {
            (Some(name), Value::String(query)) => (name, query_of(query, input, context)?),
            (Some(name), _) => return Err(StateError::runtime(format!("{name}.$ must be a path"))),
            (None, value) => (name.as_str(), self::template(value, input, context)?),
        };
        filled.insert(name.to_owned(), value);
    }
    Ok(Value::Object(filled))
}

/// A path or an intrinsic function.
pub(crate) fn query_of(query: &str, input: &Value, context: &Value) -> Result<Value, StateError> {
    let Some(arguments) = query.strip_prefix("States.Format('").and_then(|rest| rest.strip_suffix(')')) else {
        return path(query, input, context);
    };
    let (words, argument) = arguments.split_once("', ").ok_or_else(|| StateError::unknown(query))?;
    let inner = argument.strip_prefix("States.JsonToString(").and_then(|rest| rest.strip_suffix(')'));
    let value = path(inner.ok_or_else(|| StateError::unknown(query))?, input, context)?;
    if words.matches("{}").count() != 1 || words.contains('\\') {
        return Err(StateError::unknown(query));
    }
    Ok(json!(words.replace("{}", &value.to_string())))
}

/// What `ResultPath` makes of a state's input and its result.
pub(crate) fn put(result_path: &Value, input: &Value, result: Value) -> Result<Value, StateError> {
    let path = match result_path {
        // The state's field is there, and says: nowhere.
        Value::Null => return Ok(input.clone()),
        Value::String(path) => path.strip_prefix("$.").ok_or_else(|| StateError::unknown(path))?,
        other => return Err(StateError::unknown(&other.to_string())),
    };
    let mut output = input.clone();
    let mut place = &mut output;
    for field in path.split('.') {
        let Value::Object(fields) = place else {
            return Err(StateError::new("States.ResultPathMatchFailure", format!("{path} does not fit into {input}")));
        };
        place = fields.entry(field).or_insert_with(|| json!({}));
    }
    *place = result;
    Ok(output)
}

/// Whether a choice rule is met. All but `IsPresent` fail on a path that leads nowhere.
pub(crate) fn met(rule: &Value, input: &Value) -> Result<bool, StateError> {
    if let Some(rules) = rule.get("And").and_then(Value::as_array) {
        for rule in rules {
            if !met(rule, input)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let no_context = Value::Null;
    let variable = rule["Variable"].as_str().ok_or_else(|| StateError::unknown(&rule.to_string()))?;
    let tests: Vec<_> = rule.as_object().into_iter().flatten().filter(|(test, _)| *test != "Variable").collect();
    let [(test, expected)] = tests[..] else { return Err(StateError::unknown(&rule.to_string())) };
    if test == "IsPresent" {
        return Ok(Some(find(variable, input, &no_context)?.is_some()) == expected.as_bool());
    }
    let found = path(variable, input, &no_context)?;
    Ok(match (test.as_str(), expected) {
        ("IsString", Value::Bool(expected)) => found.is_string() == *expected,
        ("IsNumeric", Value::Bool(expected)) => found.is_number() == *expected,
        ("IsBoolean", Value::Bool(expected)) => found.is_boolean() == *expected,
        ("BooleanEquals", Value::Bool(expected)) => found.as_bool() == Some(*expected),
        ("StringEquals", Value::String(expected)) => found.as_str() == Some(expected),
        ("StringGreaterThan", Value::String(expected)) => {
            // Whether another type is less or an error is not the same everywhere, so it must not get here.
            found.as_str().ok_or_else(|| StateError::unknown(&format!("{found} in an order with {expected:?}")))?
                > expected.as_str()
        }
        ("NumericGreaterThan", expected) => {
            let unordered = || StateError::unknown(&format!("{found} in an order with {expected}"));
            found.as_f64().ok_or_else(unordered)? > expected.as_f64().ok_or_else(unordered)?
        }
        _ => return Err(StateError::unknown(&rule.to_string())),
    })
}
