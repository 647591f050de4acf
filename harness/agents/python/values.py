"""Values, events and answers as agent protocol 1 writes them: what is no UTF-8 as {"b64"}, what is long digested."""

import base64
import hashlib
import time

VALUE_BYTES_MAX = 4096
GUARANTEES = {"streams": "at_least_once", "pubsub": "at_most_once", "tail": "by_cursor"}


def value_of(given):
    """Bytes, or text, as a value of a line."""
    raw = given.encode(errors="surrogateescape") if isinstance(given, str) else given
    if len(raw) > VALUE_BYTES_MAX:
        return {"sha256": hashlib.sha256(raw).hexdigest(), "len": len(raw)}
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(raw).decode()}


def value_to(json):
    """A value of a line as text or bytes."""
    if isinstance(json, str):
        return json
    if isinstance(json, dict) and isinstance(json.get("b64"), str):
        return base64.b64decode(json["b64"], validate=True)
    raise ValueError(f'a value must be text or {{"b64":…}}, not {json!r}')


def printable(text):
    return text.encode(errors="surrogateescape").decode(errors="replace")


def fields_of(fields):
    return [[value_of(name), value_of(value)] for name, value in fields]


def batch_event(batch):
    now = int(time.time() * 1000)
    entries = [
        {
            "stream": value_of(entry.stream),
            "id": "" if entry.id == "0-0" else entry.id,  # a message has none
            "fields": fields_of(entry.fields),
            "deliveries": entry.deliveries,
            "t_ms": now,
        }
        for entry in batch
    ]
    return {"event": "batch", "reason": batch.reason, "entries": entries}


def ready_event(event, re):
    json = {"event": "ready", "re": re, "mode": event.text, "delivery": GUARANTEES[event.text]}
    json.update(consumer=value_of(event.consumer), protocol=event.protocol, server_version=value_of(event.version))
    if event.fields:
        json["cursors"] = [value_of(stream + b"=" + id) for stream, id in event.fields]
    return json


def error_event(code, message, retryable=False):
    return {"event": "error", "code": code, "message": printable(message), "retryable": bool(retryable)}


def told(event):
    return {"code": event.code, "message": printable(event.message), "retryable": bool(event.retryable)}


def result_of(result):
    return {"error" if result.error else "id": result.error or result.id, "flags": list(result.flags)}


def letter_of(letter):
    json = {"id": letter.dead_id, "fields": fields_of(letter.fields)}
    if letter.id is not None:
        json.update(origin_id=letter.id, deliveries=letter.deliveries, error=value_of(letter.reason))
        json.update((name, value_of(getattr(letter, name))) for name in ("stream", "group", "consumer"))
    return {**json, "cut": True} if letter.is_cut else json


def redriven_of(dead_id, result):
    json = {"dead_id": dead_id, "flags": list(result.flags)}
    if result.error:
        return {**json, "error": result.error}
    return {**json, "id": result.id} if result.id else json


def _gap(event):
    json = {"from": event.id or "0-0", "to": event.other_id}
    return {**json, "missed": event.count} if event.count else json


def _dead(event):
    json = {"id": event.id, "dead_stream": value_of(event.text), "deliveries": event.count}
    json["error"] = value_of(event.message)
    return {**json, "dead_id": event.other_id} if event.other_id else json


# By the kind of an event of the client: its name in the protocol, and what it has besides a stream.
_TRANSLATED = {
    "mode": (
        "mode",
        lambda e: {"mode": e.text, "delivery": GUARANTEES[e.text], "server_version": printable(e.version)},
    ),
    "lost": ("lost", lambda e: {"entries": [[value_of(e.stream), id] for id in e.ids]}),
    "duplicate": ("duplicate", lambda e: {"id": e.id, "canonical_id": value_of(e.text)}),
    "group_recreated": ("group_recreated", lambda e: {"from": e.text}),
    "gap": ("gap", _gap),
    "reset": ("reset", lambda e: {"from": e.id or "0-0", "last": e.other_id or "0-0"}),
    "interrupted": ("gap", lambda e: {"lasted_ms": e.count // 1000}),
    "too_large": ("too_large", lambda e: {"id": e.id or "", "bytes": e.count}),
    "dead": ("dead_lettered", _dead),
    "dead_failed": ("dead_failed", lambda e: {"id": e.id, "dead_stream": value_of(e.text), **told(e)}),
    "disconnected": ("error", lambda e: {**told(e), "role": e.text, "reason": e.reason}),
    "reconnected": ("reconnected", lambda e: {"role": e.text, "attempts": e.count}),
    "log": (
        "log",
        lambda e: {
            "level": e.level,
            "message": printable(e.message),
            "fields": {name.decode(errors="replace"): value.decode(errors="replace") for name, value in e.fields},
        },
    ),
}


def translated(event):
    """What the harness is told of an event of the client; None where that is nothing."""
    if event.kind not in _TRANSLATED:
        return None
    name, more = _TRANSLATED[event.kind]
    json = {"event": name, **more(event)}
    return {**json, "stream": value_of(event.stream)} if event.stream and "entries" not in json else json
