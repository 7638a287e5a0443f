//! What does a field of an event hold? Its value with its type checked, or which field is wrong and how.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::InvalidField;
use crate::types::quoted;

/// The fields of one object of an event. `null` is the same as absent: Step Functions writes it for both.
pub(super) struct Fields<'a> {
    path: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of the event itself.
    pub(super) fn of_event(event: &'a Value) -> Result<Fields<'a>, InvalidField> {
        match event {
            Value::Object(map) => Ok(Fields { path: "", map }),
            // Not shown: there is no telling what is in it.
            other => Err(InvalidField::new("event", "a JSON object", kind(other))),
        }
    }

    /// The fields of an object within, if it is there.
    pub(super) fn object(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<Fields<'a>>, InvalidField> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Fields { path: name, map })),
            Some(other) => Err(self.wrong(name, expected, shown(other))),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is named at all, be it with `null`.
    pub(super) fn named(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// A string, if it is there; `what` says which.
    pub(super) fn text(&self, name: &'static str, what: &str) -> Result<Option<&'a str>, InvalidField> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, a_string(what), shown(other))),
        }
    }

    /// A string that must be there.
    pub(super) fn required(&self, name: &'static str, what: &str) -> Result<&'a str, InvalidField> {
        self.text(name, what)?.ok_or_else(|| self.missing(name, a_string(what)))
    }

    /// A string that is never shown, if it is there.
    pub(super) fn secret(&self, name: &'static str) -> Result<Option<&'a str>, InvalidField> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, "a string", kind(other).into())),
        }
    }

    /// True or false, if it is there.
    pub(super) fn flag(&self, name: &'static str) -> Result<Option<bool>, InvalidField> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong(name, "true or false", shown(other))),
        }
    }

    /// A whole number for which `fits` gives something, if the field is there.
    pub(super) fn whole<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        fits: impl FnOnce(u64) -> Option<T>,
    ) -> Result<Option<T>, InvalidField> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match whole(value).and_then(fits) {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(name, expected, shown(value))),
            },
        }
    }

    pub(super) fn missing(&self, name: &'static str, expected: impl Into<Cow<'static, str>>) -> InvalidField {
        self.wrong(name, expected, "nothing".into())
    }

    pub(super) fn wrong(
        &self,
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        got: String,
    ) -> InvalidField {
        match self.path {
            "" => InvalidField::new(name, expected, got),
            path => InvalidField::new(format!("{path}.{name}"), expected, got),
        }
    }
}

fn a_string(what: &str) -> String {
    format!("a string, {what}")
}

/// A number without a fraction and not below zero: `300` or, as some states write it, `300.0`.
pub(super) fn whole(value: &Value) -> Option<u64> {
    /// Above this a JSON number with a decimal point is not exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = value.as_number()?;
    number.as_u64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=EXACT).contains(float))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within what is exact")]
        Some(float as u64)
    })
}

/// A value as an error shows it: its kind and, where that is short, itself.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Bool(_) | Value::Number(_) => format!("{}: {value}", kind(value)),
        _ => kind(value).into(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
