//! Values as protocol 1 writes them: text, and bytes that are no UTF-8 as {"b64":…}. Long ones are written in full.
use millrace::{Error, Id};
use serde_json::{json, Value};

use crate::session::parse_id;

/// Why a request is refused.
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
    pub retryable: bool,
}

impl Refusal {
    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal { code: "bad_argument", message: message.into(), retryable: false }
    }
    pub fn event(&self) -> Value {
        json!({"event": "error", "code": self.code, "message": self.message, "retryable": self.retryable})
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal { code: error.code, message: error.message, retryable: error.retryable }
    }
}

pub fn value_of(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "b64": base64(bytes) }),
    }
}

pub fn fields_of<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Value {
    fields.map(|(name, value)| json!([value_of(name), value_of(value)])).collect()
}

/// 0-0 is that of what has none.
pub fn id_of(id: Id) -> String {
    if id == Id::default() {
        String::new()
    } else {
        id.to_string()
    }
}

pub fn bytes_from(value: &Value, what: &str) -> Result<Vec<u8>, Refusal> {
    let bytes = match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        _ => value["b64"].as_str().and_then(from_base64),
    };
    bytes.ok_or_else(|| Refusal::bad(format!("{what} must be text or {{\"b64\":…}}, not {value}")))
}

pub fn id_from(value: &Value) -> Result<Id, Refusal> {
    let text = value.as_str().ok_or_else(|| Refusal::bad(format!("no id of an entry: {value}")))?;
    Ok(parse_id(text)?)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_euclid(3) * 4 + 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    if text.len() % 4 != 0 {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for (place, digit) in chunk.iter().enumerate() {
            bits |= DIGITS.iter().position(|each| each == digit)? << (18 - 6 * place);
        }
        bytes.extend((1..chunk.len()).map(|place| (bits >> (24 - 8 * place)) as u8));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{base64, from_base64};

    /// RFC 4648, section 10.
    #[test]
    fn base64_is_the_standards() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
            assert_eq!(from_base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_base64(&base64(&all)), Some(all));
        for wrong in ["Zg=", "Zg", "Z===", "Zm9*"] {
            assert_eq!(from_base64(wrong), None);
        }
    }
}
