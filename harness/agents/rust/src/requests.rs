//! What requests ask for: the configuration of a start, entries to publish, keys to settle.
use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::event::Field;
use crate::held::Key;
use crate::values::{bytes_from, Refusal};

const PUBLISH_KEYS: [&str; 9] = [
    "atomic",
    "max_len",
    "max_len_exact",
    "max_age",
    "keep_pending",
    "idempotent",
    "idempotent_window",
    "idempotent_count",
    "on_oom",
];

/// A member that may be left out.
pub fn optional<'a>(request: &'a Value, key: &str) -> Option<&'a Value> {
    request.get(key).filter(|value| !value.is_null())
}

pub fn member<'a>(request: &'a Value, key: &str) -> Result<&'a Value, Refusal> {
    optional(request, key).ok_or_else(|| Refusal::bad(format!("{}: '{key}' is missing", request["op"])))
}

pub fn array_of<'a>(value: &'a Value, what: &str) -> Result<&'a Vec<Value>, Refusal> {
    value.as_array().ok_or_else(|| Refusal::bad(format!("{what} must be a list, not {value}")))
}

pub fn milliseconds(request: &Value, key: &str) -> Result<Option<Duration>, Refusal> {
    let wanted = |value: &Value| {
        let ms = value.as_u64().filter(|ms| *ms <= i64::MAX as u64 / 1000);
        ms.ok_or_else(|| Refusal::bad(format!("'{key}' must be whole milliseconds, not {value}")))
    };
    Ok(optional(request, key).map(wanted).transpose()?.map(Duration::from_millis))
}

/// The streams that a request names.
pub fn streams_of(request: &Value) -> Result<Vec<Vec<u8>>, Refusal> {
    if let Some(stream) = optional(request, "stream") {
        return Ok(vec![bytes_from(stream, "'stream'")?]);
    }
    match optional(request, "streams") {
        Some(streams) => array_of(streams, "'streams'")?.iter().map(|each| bytes_from(each, "a stream")).collect(),
        None => Ok(Vec::new()),
    }
}

pub fn configuration(request: &Value) -> Result<Config, Refusal> {
    let url = member(request, "url")?.as_str().ok_or_else(|| Refusal::bad("'url' must be text"))?;
    let mut config = Config::new(url)?;
    let streams = streams_of(request)?;
    let pattern = optional(request, "pattern");
    if let Some(keys) = optional(request, "config") {
        let mut keys = keys.clone();
        if let (Value::Object(keys), true) = (&mut keys, !streams.is_empty() || pattern.is_some()) {
            for key in ["stream", "streams", "pattern"] {
                keys.remove(key);
            }
        }
        config.json(&keys.to_string())?;
    }
    if !streams.is_empty() {
        config.set_list("streams", &streams)?;
    }
    if let Some(pattern) = pattern {
        config.set("pattern", bytes_from(pattern, "'pattern'")?)?;
    }
    config.set("group", optional(request, "group").map_or(Ok(Vec::new()), |group| bytes_from(group, "'group'"))?)?;
    for key in ["consumer", "from"] {
        if let Some(text) = optional(request, key) {
            config.set(key, bytes_from(text, key)?)?;
        }
    }
    Ok(config)
}

/// What options say on top of a configuration; None where there are none.
pub fn publish_options(request: &Value, config: &Config) -> Result<Option<Config>, Refusal> {
    let options = match optional(request, "options") {
        Some(options) => options,
        None => return Ok(None),
    };
    let keys = options.as_object().ok_or_else(|| Refusal::bad("'options' must be an object"))?;
    if let Some((key, value)) = keys.iter().find(|(key, _)| !PUBLISH_KEYS.contains(&key.as_str())) {
        let message = format!("publish: option '{key}': {value}");
        return Err(Refusal { code: "unsupported", message, retryable: false });
    }
    let mut config = config.copy()?;
    config.json(&options.to_string())?;
    Ok(Some(config))
}

pub fn publish_entries(request: &Value) -> Result<Vec<Vec<Field>>, Refusal> {
    let field = |field: &Value| match field.as_array().map(Vec::as_slice) {
        Some([name, value]) => Ok((bytes_from(name, "a name")?, bytes_from(value, "a value")?)),
        _ => Err(Refusal::bad(format!("a field must be [name, value], not {field}"))),
    };
    let entry = |entry: &Value| array_of(entry, "an entry")?.iter().map(field).collect();
    array_of(member(request, "entries")?, "'entries'")?.iter().map(entry).collect()
}

pub fn keys(request: &Value) -> Result<Vec<Key>, Refusal> {
    let key = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
        Some([stream, Value::String(id)]) => Ok((bytes_from(stream, "a stream")?, id.clone())),
        _ => Err(Refusal::bad(format!("'entries' must be [[stream, id], …], not {entry}"))),
    };
    array_of(member(request, "entries")?, "'entries'")?.iter().map(key).collect()
}
