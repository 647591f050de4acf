"""The layer under millrace.py: what of millrace.h it calls, by ctypes, and how bytes, events and errors cross over.

Tables are copied as a whole and unpacked, so that an entry costs neither a call nor a ctypes object. Handles are
c_void_p, and numbers wider than an int are made so where they are passed: no function needs its parameters declared.
"""

import ctypes
import ctypes.util
import os
import struct
import sys
import threading
from ctypes import byref, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof
from itertools import accumulate
from types import SimpleNamespace
from typing import NamedTuple, Optional

mr = ctypes.CDLL(os.environ.get("MILLRACE_LIBRARY") or ctypes.util.find_library("millrace") or "libmillrace.so.1")
mr.mr_status_name.restype = ctypes.c_char_p
mr.mr_client_timeout_us.restype = c_int64

COPYING = threading.Lock()  # an mr_config is one thread's at a time; of a client's, copies are made by all
CLOSED, UNSUPPORTED = 3, 9
THREAD_NONE, THREAD_OWN = 0, 1
REASONS = ("size", "flush", "recovery")
FLAGS = ("maybe_duplicate", "maybe_written", "reordered")
EVENT_KINDS = (
    "none ready acked lost duplicate group_recreated published mode disconnected reconnected gap reset interrupted "
    "too_large dead dead_failed failed log closed logs_dropped dead_listed redriven group_changed batch"
).split()

# ---- structs

TYPES = {"pointer": c_void_p, "size": c_size_t, "i32": c_int32, "u32": c_uint32, "u64": c_uint64}
TYPES["message"] = ctypes.c_char * 512


def record(name, members):
    """A struct, from "type name name...; type name..."."""
    fields = [(each, TYPES[kind]) for kind, *names in map(str.split, members.split(";")) for each in names]
    TYPES[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return TYPES[name]


mr_error = record("mr_error", "size size; i32 status retryable; message message")
mr_client_options = record("mr_client_options", "size size; u32 thread event_max")
mr_id = record("mr_id", "u64 ms seq")
mr_str = record("mr_str", "pointer data; size size")
mr_batch_view = record(
    "mr_batch_view",
    "size size; pointer entries; size count entry_stride; pointer fields; size field_count; u32 source reason;"
    "u64 batch",
)
mr_publish = record("mr_publish", "size size; mr_str stream; pointer entries; size entry_count; pointer config")
mr_event = record(
    "mr_event",
    "size size; u32 kind source; u64 batch ticket count; i32 status retryable; u32 closed level protocol reason;"
    "mr_str stream consumer text message version; mr_id id other_id; pointer ids; size id_count; pointer indices;"
    "size index_count; pointer fields; size field_count; pointer results; size result_count; pointer letters;"
    "size letter_count letter_stride; pointer view",
)
# Rows of tables, as struct has them: P is a pointer, N a size.
ENTRY, FIELD, ID, INDEX, RESULT, LETTER = "PNQQPNII", "PNPN", "QQ", "I", "QQiI", "QQQQPNPNPNPNPNII"

# ---- bytes and text

MEMORY = (ctypes.c_char * sys.maxsize).from_address(0)  # all of it: a slice copies what is at an address


def copied(address, size):
    return MEMORY[address : address + size] if size else b""


def text_at(address, size):
    return copied(address, size).decode(errors="surrogateescape")


def rows(layout, address, count, stride=0):
    """The rows of a table. `stride`: of one row, where a later library may know more of it than we do."""
    row = struct.Struct(f"{layout}{max(0, stride - struct.calcsize(layout))}x")
    return row.iter_unpack(copied(address, count * row.size))


def fields_at(address, count):
    memory = MEMORY
    return [(memory[n : n + ns], memory[v : v + vs]) for n, ns, v, vs in rows(FIELD, address, count)]


def to_id(ms, seq):
    return f"{ms}-{seq}" if ms or seq else None


def to_bytes(value):
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, (str, int, float)):
        return str(value).encode(errors="surrogateescape")
    return bytes(memoryview(value))  # TypeError where it has no bytes


def to_c(value):
    """Text for a parameter that a zero ends."""
    text = to_bytes(value)
    if 0 in text:
        raise ValueError(f"a zero byte in {value!r}")
    return text


class Lent:
    """Many pieces of bytes in one, which lives as long as this; a table says where each is."""

    def __init__(self, pieces):
        self.count = len(pieces)
        self._bytes = ctypes.create_string_buffer(b"".join(pieces))
        places = accumulate(map(len, pieces), initial=ctypes.addressof(self._bytes))
        self.table = (mr_str * len(pieces))(*zip(places, map(len, pieces)))


# ---- errors


class MillraceError(Exception):
    """What went wrong: a code of docs/errors.md, what it was, and whether the same call can succeed later."""

    def __init__(self, status, message, retryable=False):
        self.code, self.message, self.retryable = code_of(status), message, bool(retryable)
        super().__init__(f"{self.code}: {message}")


def code_of(status):
    return mr.mr_status_name(status).decode() if status else None


def call(function, *arguments):
    """Calls a function whose last parameter is an mr_error."""
    error = mr_error(sizeof(mr_error))
    if function(*arguments, byref(error)):
        raise MillraceError(error.status, error.message.decode(errors="replace"), error.retryable)


def text_of(function, *arguments):
    """What a function gives as an mr_text, which is laid out as an mr_str is."""
    text = mr_str()
    call(function, *arguments, byref(text))
    try:
        return text_at(text.data, text.size)
    finally:
        mr.mr_text_free(byref(text))


# ---- configurations, publishes, events


class Config:
    """What a client, a source or a publish is told: a URL and keys, over the defaults or a copy of `base`."""

    def __init__(self, url=None, base=None, **keys):
        self.handle = c_void_p()
        if base is None:
            call(mr.mr_config_new, None if url is None else to_c(url), byref(self.handle))
        else:
            with COPYING:
                call(mr.mr_config_copy, base.handle, byref(self.handle))
        for key, value in keys.items():
            name = to_c(key.rstrip("_"))  # from_: `from` is Python's
            if isinstance(value, (list, tuple)):
                names = Lent([to_bytes(each) for each in value])
                call(mr.mr_config_set_list, self.handle, name, names.table, c_size_t(names.count))
            else:
                call(mr.mr_config_set, self.handle, name, to_c(value))

    def __del__(self, free=mr.mr_config_free):
        free(self.handle)


class Published(NamedTuple):
    """What became of an entry: its id, or the code of the error that it met, and what is not sure about it."""

    id: Optional[str]
    error: Optional[str]
    flags: tuple[str, ...]

    @classmethod
    def of(cls, ms, seq, status, flags):
        return cls(to_id(ms, seq), code_of(status), tuple(flag for i, flag in enumerate(FLAGS) if flags >> i & 1))


class Publish:
    """Entries on their way to a stream: each a dict, or a list of pairs where a name comes again."""

    def __init__(self, stream, entries, base, options):
        entries = [list(each.items() if isinstance(each, dict) else each) for each in entries]
        parts = [to_bytes(part) for each in entries for name, value in each for part in (name, value)]
        self._config = Config(base=base, **options) if options else None
        self._lent = Lent([to_bytes(stream), *parts])
        first = ctypes.addressof(self._lent.table) + sizeof(mr_str)
        firsts = accumulate((2 * sizeof(mr_str) * len(each) for each in entries), initial=first)
        self._entries = (mr_str * len(entries))(*zip(firsts, map(len, entries)))  # an mr_publish_entry is laid out so
        handle = self._config.handle if options else None
        table = ctypes.addressof(self._entries)
        self.raw = mr_publish(sizeof(mr_publish), self._lent.table[0], table, len(entries), handle)
        self._results = ctypes.create_string_buffer(struct.calcsize(RESULT) * len(entries))

    def send(self, client, timeout):
        """Waits for the answers; raises what the first entry that failed met."""
        call(mr.mr_client_publish, client, byref(self.raw), timeout, self._results)

    def results(self):
        return [Published.of(*row) for row in rows(RESULT, ctypes.addressof(self._results), self.raw.entry_count)]


def letter_of(*row):
    dead_ms, dead_seq, ms, seq, stream, s, group, g, consumer, c, reason, r, fields, count, deliveries, is_cut = row
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
        self.kind = EVENT_KINDS[raw.kind] if raw.kind < len(EVENT_KINDS) else f"of a later library: {raw.kind}"
        self.code = code_of(raw.status)
        self.ids = [to_id(*row) for row in rows(ID, raw.ids, raw.id_count)]
        self.indices = [index for (index,) in rows(INDEX, raw.indices, raw.index_count)]
        self.fields = fields_at(raw.fields, raw.field_count)
        self.results = [Published.of(*row) for row in rows(RESULT, raw.results, raw.result_count)]
        self.letters = [letter_of(*row) for row in rows(LETTER, raw.letters, raw.letter_count, raw.letter_stride)]


def poll_events(client):
    """The events that wait: until none does, as the library wants it."""
    raw, events = mr_event(sizeof(mr_event)), []
    while mr.mr_client_poll_event(client, byref(raw)) == 0 and raw.kind:
        events.append(Event(raw))
    return events
