"""Events of a client as Python has them: the agent's own declarations of what of millrace.h the binding leaves out."""

import struct
from ctypes import byref, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p, sizeof
from types import SimpleNamespace
from typing import NamedTuple, Optional

from millrace import FIELD, MEMORY, mr, record

for name in ("mr_event_name", "mr_disconnect_name", "mr_log_name"):
    getattr(mr, name).restype = c_char_p
FLAGS = ("maybe_duplicate", "maybe_written", "reordered")

Count, Number, Pointer, Size = c_uint64, c_uint32, c_void_p, c_size_t
mr_id = record("mr_id", ms=Count, seq=Count)
mr_str = record("mr_str", data=Pointer, size=Size)
mr_event = record(
    "mr_event",
    size=Size,
    **dict.fromkeys(("kind", "source"), Number),
    **dict.fromkeys(("batch", "ticket", "count"), Count),
    **dict.fromkeys(("status", "retryable"), c_int32),
    **dict.fromkeys(("closed", "level", "protocol", "reason"), Number),
    **dict.fromkeys(("stream", "consumer", "text", "message", "version"), mr_str),
    **dict.fromkeys(("id", "other_id"), mr_id),
    **{"ids": Pointer, "id_count": Size, "indices": Pointer, "index_count": Size, "fields": Pointer},
    **{"field_count": Size, "results": Pointer, "result_count": Size, "letters": Pointer},
    **{"letter_count": Size, "letter_stride": Size, "view": Pointer},
)
# Rows of tables, as struct has them: P is a pointer, N a size.
ID, INDEX, RESULT, LETTER = map(struct.Struct, ("QQ", "I", "QQiI", "QQQQPNPNPNPNPNII"))


def text_at(address, size):
    return MEMORY[address : address + size].decode(errors="surrogateescape") if size else ""


def rows(row, address, count):
    return row.iter_unpack(MEMORY[address : address + count * row.size] if count else b"")


def fields_at(address, count):
    return [(MEMORY[n : n + ns], MEMORY[v : v + vs]) for n, ns, v, vs in rows(FIELD, address, count)]


def to_id(ms, seq):
    return f"{ms}-{seq}" if ms or seq else None


def code_of(status):
    return mr.mr_status_name(status).decode() if status else None


class Published(NamedTuple):
    """What became of an entry: its id, or the code of the error that it met, and what is not sure about it."""

    id: Optional[str]
    error: Optional[str]
    flags: tuple[str, ...]

    @classmethod
    def of(cls, ms, seq, status, flags):
        return cls(to_id(ms, seq), code_of(status), tuple(flag for i, flag in enumerate(FLAGS) if flags >> i & 1))


def letter_of(*row):
    dead_ms, dead_seq, ms, seq, stream, s, group, g, consumer, c, reason, r, fields, count, deliveries, is_cut, *_ = row
    return SimpleNamespace(
        dead_id=to_id(dead_ms, dead_seq),
        id=to_id(ms, seq),
        stream=text_at(stream, s),
        group=text_at(group, g),
        consumer=text_at(consumer, c),
        reason=text_at(reason, r),
        fields=fields_at(fields, count),
        deliveries=deliveries,
        is_cut=bool(is_cut),
    )


class Event:
    """Something that happened: its kind, and what millrace.h names for that kind; the rest is empty."""

    def __init__(self, raw):
        for name, kind in mr_event._fields_:
            value = getattr(raw, name)
            if kind is mr_str:
                value = text_at(value.data, value.size)
            elif kind is mr_id:
                value = to_id(value.ms, value.seq)
            setattr(self, name, value)
        self.kind = mr.mr_event_name(raw.kind).decode()
        self.reason = mr.mr_disconnect_name(raw.reason).decode()
        self.level = mr.mr_log_name(raw.level).decode()
        self.code = code_of(raw.status)
        self.ids = [to_id(*row) for row in rows(ID, raw.ids, raw.id_count)]
        self.indices = [index for (index,) in rows(INDEX, raw.indices, raw.index_count)]
        self.fields = fields_at(raw.fields, raw.field_count)
        self.results = [Published.of(*row) for row in rows(RESULT, raw.results, raw.result_count)]
        letter = struct.Struct(f"{LETTER.format}{max(0, raw.letter_stride - LETTER.size)}x")
        self.letters = [letter_of(*row) for row in rows(letter, raw.letters, raw.letter_count)]


def poll_events(client):
    """The events that wait: until none does, as the library wants it."""
    raw, events = mr_event(sizeof(mr_event)), []
    while mr.mr_client_poll_event(client, byref(raw)) == 0 and raw.kind:
        events.append(Event(raw))
    return events
