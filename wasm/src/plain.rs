//! Plain values: how do values cross to the page and back? As JSON, both ways; what is wrong becomes an `Error` with a
//! sentence for a person.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = JSON, catch)]
    fn parse(text: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = JSON, catch)]
    fn stringify(value: &JsValue) -> Result<JsValue, JsValue>;
}

/// An error for the page.
pub(crate) fn error(what: impl Display) -> JsError {
    JsError::new(&what.to_string())
}

/// A JavaScript object, or a text that holds JSON.
///
/// # Errors
/// When it is neither.
pub(crate) fn value(from: &JsValue, what: &str) -> Result<Value, JsError> {
    let text = match from.as_string() {
        Some(text) => text,
        None => stringify(from)
            .ok()
            .and_then(|text| text.as_string())
            .ok_or_else(|| error(format!("{what} is nothing: expected an object")))?,
    };
    serde_json::from_str(&text).map_err(|wrong| error(format!("{what} is no JSON: {wrong}")))
}

/// The same as a JavaScript object.
///
/// # Errors
/// When it can not be written as JSON: only what is not a value at all.
pub(crate) fn object(value: &impl Serialize) -> Result<JsValue, JsError> {
    let text = serde_json::to_string(value).map_err(error)?;
    parse(&text).map_err(|_| error("a value could not be written as JSON"))
}
