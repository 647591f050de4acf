//! The client's events as lines of the protocol.
use std::time::{SystemTime, UNIX_EPOCH};

use millrace::{Batch, Error, Id};
use serde_json::{json, Map, Value};

use crate::event::{DeadLetter, Event, Field, Outcome};
use crate::values::{fields_of, id_of, value_of, Refusal};

pub fn batch_event(batch: &Batch, reason: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let entry = |entry: millrace::Entry| {
        json!({
            "stream": value_of(entry.stream()),
            "id": id_of(entry.id()),
            "fields": fields_of(entry.fields()),
            "deliveries": entry.deliveries(),
            "t_ms": now,
        })
    };
    json!({"event": "batch", "reason": reason, "entries": batch.iter().map(entry).collect::<Value>()})
}

pub fn ready_event(re: &Value, mode: &str, consumer: &[u8], protocol: u32, version: &str, cursors: &[Field]) -> Value {
    let mut event = json!({
        "event": "ready",
        "re": re,
        "mode": mode,
        "delivery": guarantee(mode),
        "consumer": value_of(consumer),
        "protocol": protocol,
        "server_version": version,
    });
    if !cursors.is_empty() {
        let place = |(stream, id): &Field| value_of(&[stream, &b"="[..], id].concat());
        event["cursors"] = cursors.iter().map(place).collect();
    }
    event
}

pub fn error_event(error: Error) -> Value {
    Refusal::from(error).event()
}

pub fn outcome(result: &Outcome) -> Value {
    let flags = [
        ("maybe_duplicate", result.maybe_duplicate),
        ("maybe_written", result.maybe_written),
        ("reordered", result.reordered),
    ];
    let flags: Value = flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    match result.id {
        Ok(id) => json!({"id": id_of(id), "flags": flags}),
        Err(failure) => json!({"error": failure.code, "message": failure.meaning, "flags": flags}),
    }
}

pub fn letter(letter: &DeadLetter) -> Value {
    let fields = letter.fields.iter().map(|(name, value)| (&name[..], &value[..]));
    let mut json = json!({"id": letter.dead_id.to_string(), "fields": fields_of(fields)});
    if let Some(origin) = &letter.origin {
        json["origin_id"] = json!(origin.id.to_string());
        json["stream"] = value_of(&origin.stream);
        json["group"] = value_of(&origin.group);
        json["consumer"] = value_of(&origin.consumer);
        json["deliveries"] = json!(origin.deliveries);
        json["error"] = value_of(&origin.reason);
    }
    if letter.is_cut {
        json["cut"] = json!(true);
    }
    json
}

pub fn redriven((dead_id, result): &(Id, Outcome)) -> Value {
    let mut json = outcome(result);
    json["dead_id"] = json!(dead_id.to_string());
    json
}

/// What happened without a request, and is told as it is. None: it is not told.
pub fn event_of(event: Event) -> Option<Value> {
    Some(match event {
        Event::Mode { mode, version } => {
            json!({"event": "mode", "mode": mode, "delivery": guarantee(&mode), "server_version": version})
        }
        Event::Lost { stream, ids, .. } => {
            let entries: Value = ids.iter().map(|id| json!([value_of(&stream), id.to_string()])).collect();
            json!({"event": "lost", "entries": entries})
        }
        Event::Duplicate { stream, id, canonical_id, .. } => json!({
            "event": "duplicate",
            "stream": value_of(&stream),
            "id": id.to_string(),
            "canonical_id": value_of(&canonical_id),
        }),
        Event::GroupRecreated { stream, from, .. } => {
            json!({"event": "group_recreated", "stream": value_of(&stream), "from": from})
        }
        Event::Gap { stream, read, next, missed, .. } => {
            let mut event = json!({
                "event": "gap",
                "stream": value_of(&stream),
                "from": read.to_string(),
                "to": next.to_string(),
            });
            if let Some(missed) = missed {
                event["missed"] = json!(missed);
            }
            event
        }
        Event::Reset { stream, read, last, .. } => json!({
            "event": "reset",
            "stream": value_of(&stream),
            "from": read.to_string(),
            "last": last.to_string(),
        }),
        Event::Interrupted { stream, lasted, .. } => {
            json!({"event": "gap", "stream": value_of(&stream), "lasted_ms": lasted.as_millis() as u64})
        }
        Event::TooLarge { stream, id, bytes, .. } => json!({
            "event": "too_large",
            "stream": value_of(&stream),
            "id": id.map_or(String::new(), id_of),
            "bytes": bytes,
        }),
        Event::Dead { stream, id, dead, dead_id, deliveries, reason, .. } => json!({
            "event": "dead_lettered",
            "stream": value_of(&stream),
            "id": id.to_string(),
            "dead_stream": value_of(&dead),
            "dead_id": id_of(dead_id),
            "deliveries": deliveries,
            "error": value_of(&reason),
        }),
        Event::DeadFailed { stream, id, dead, error, .. } => {
            let mut event = error_event(error);
            event["event"] = json!("dead_failed");
            event["stream"] = value_of(&stream);
            event["id"] = json!(id.to_string());
            event["dead_stream"] = value_of(&dead);
            event
        }
        Event::Disconnected { lane, reason, error } => {
            let mut event = error_event(error);
            event["role"] = json!(lane);
            event["reason"] = json!(reason);
            event
        }
        Event::Reconnected { lane, attempts } => json!({"event": "reconnected", "role": lane, "attempts": attempts}),
        Event::Log { level, message, fields } => {
            let fields: Map<_, _> = fields.into_iter().map(|(name, value)| (name, json!(value))).collect();
            let level = format!("{level:?}").to_lowercase();
            json!({"event": "log", "level": level, "message": message, "fields": fields})
        }
        _ => return None,
    })
}

fn guarantee(mode: &str) -> &'static str {
    match mode {
        "streams" => "at_least_once",
        "pubsub" => "at_most_once",
        _ => "by_cursor",
    }
}
