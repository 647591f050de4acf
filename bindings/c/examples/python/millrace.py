"""millrace for Python 3.9 and later: reliable delivery over Redis Streams. Copy this file.

    with Client("redis://localhost:6379?streams=orders&group=billing&consumer=billing-1") as client:
        client.consumer()
        for batch in client:
            with batch:  # acked at its end, delivered again when it raises
                for entry in batch:
                    handle(entry.id, entry["payload"])

URLs and keys: docs/configuration.md; codes of errors: docs/errors.md. Times are seconds, fields bytes, names of streams
str (with surrogateescape where they are no UTF-8). MILLRACE_LIBRARY may say where the library is.
"""

import asyncio
import ctypes.util
import json
import os
import struct
import sys
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from ctypes import byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof

# No parameters are declared: handles are c_void_p, and numbers wider than an int are made so where they are passed.
mr = ctypes.CDLL(os.environ.get("MILLRACE_LIBRARY") or ctypes.util.find_library("millrace") or "libmillrace.so.1")
mr.mr_status_name.restype = mr.mr_flush_name.restype = c_char_p
mr.mr_client_timeout_us.restype = c_int64
SLICE = 0.1  # of a wait in the library: between two Python runs its handlers of signals
MEMORY = (c_char * sys.maxsize).from_address(0)  # all of it: a slice copies what is at an address
ENTRY, FIELD = struct.Struct("PNQQPNII"), struct.Struct("PNPN")  # rows of mr_entry and mr_field


def record(name, **fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


I, N, P, Q = c_uint32, c_size_t, c_void_p, c_uint64  # as struct names them  # noqa: E741
mr_error = record("mr_error", size=N, status=c_int32, retryable=c_int32, message=c_char * 512)
mr_str = record("mr_str", data=c_char_p, size=N)
mr_client_options = record("mr_client_options", size=N, thread=I, event_max=I, log_fd=c_int32, log_level=I)
mr_batch_view = record(
    "mr_batch_view", size=N, entries=P, count=N, entry_stride=N, fields=P, field_count=N, source=I, reason=I, batch=Q
)
mr_publish_entry = record("mr_publish_entry", fields=P, field_count=N)
mr_publish = record("mr_publish", size=N, stream=mr_str, entries=P, entry_count=N, config=P)
mr_publish_result = record("mr_publish_result", id=Q * 2, status=c_int32, flags=I)


class MillraceError(Exception):
    """What went wrong: a code of docs/errors.md, one line about it, and whether the same call can succeed later."""

    def __init__(self, status, message, retryable=False):
        super().__init__(status, message, retryable)
        self.code, self.message, self.retryable = mr.mr_status_name(status).decode(), message, bool(retryable)

    def __str__(self):
        return f"{self.code}: {self.message}"


def call(function, *arguments):
    """Calls a function whose last parameter is an mr_error. Where it takes text, a zero would end that."""
    if any(isinstance(each, bytes) and 0 in each for each in arguments):
        raise ValueError("a zero byte in a text")
    error = mr_error(sizeof(mr_error))
    if function(*arguments, byref(error)):
        raise MillraceError(error.status, error.message.decode(errors="replace"), error.retryable)


def to_bytes(value):
    if isinstance(value, (str, int, float)):
        return str(value).encode(errors="surrogateescape")
    return bytes(memoryview(value))  # TypeError where it has no bytes


def microseconds(seconds):
    return c_int64(-1 if seconds is None else int(seconds * 1e6))


class Owned(c_void_p):
    """A handle that is freed with this."""

    def __init__(self, free):
        self.free = free

    def __del__(self):
        self.free(self)


def configured(url, keys):
    """An mr_config of a URL, and keys over it: text, numbers, booleans, lists of text."""
    config, text = Owned(mr.mr_config_free), json.dumps(keys).encode()
    call(mr.mr_config_new, None if url is None else to_bytes(url), byref(config))
    call(mr.mr_config_json, config, text, c_size_t(len(text)))
    return config


class Entry:
    """An entry of a stream: its fields in order and with their repeats, and how often it was delivered so far."""

    def __init__(self, position, stream, ms, seq, fields, deliveries):
        self.position, self.stream, self.ms, self.seq = position, stream, ms, seq
        self.fields, self.deliveries = fields, deliveries

    @property
    def id(self):
        return f"{self.ms}-{self.seq}"  # 0-0 of a message of Pub/Sub, which has none

    def get(self, name, default=None):
        """The value of the first field of that name."""
        wanted = name.encode() if isinstance(name, str) else name
        for each, value in self.fields:
            if each == wanted:
                return value
        return default

    def __getitem__(self, name):
        if (value := self.get(name)) is None:
            raise KeyError(name)
        return value


class Batch(list, AbstractContextManager):
    """Entries that were handed over together: copies. What is not settled stays pending with this consumer.

    Each way of settling takes some of them, or all that are left. `with batch` acks these, or after an exception nacks.
    """

    def __init__(self, client, handle):
        self._client, self._handle = client, handle
        view = mr_batch_view(sizeof(mr_batch_view))
        if status := mr.mr_batch_read(handle, byref(view)):
            raise MillraceError(status, "a batch can't be read")
        self.source, self.number, self.reason = view.source, view.batch, mr.mr_flush_name(view.reason).decode()
        memory, at, first, last, stream = MEMORY, view.fields or 0, 0, None, ""
        table = FIELD.iter_unpack(memory[at : at + view.field_count * FIELD.size])
        fields = [(memory[name : name + n], memory[value : value + v]) for name, n, value, v in table]
        row = struct.Struct(f"{ENTRY.format}{view.entry_stride - ENTRY.size}x")  # of a later library it may be longer
        table = row.iter_unpack(memory[view.entries : view.entries + view.count * row.size])
        for position, (name, n, ms, seq, _, count, deliveries, _) in enumerate(table):
            if name != last:  # the entries of a stream share its name
                last, stream = name, memory[name : name + n].decode(errors="surrogateescape")
            self.append(Entry(position, stream, ms, seq, fields[first : first + count], deliveries))
            first += count
        mr.mr_batch_release(handle)

    def ack(self, entries=None):
        """Sends the ack; the server has it when the client is closed."""
        self._settle(mr.mr_batch_ack, entries)

    def nack(self, entries=None, delay=None):
        """Wants them delivered here again, after `delay`, or else the configuration's nack_delay."""
        self._settle(mr.mr_batch_nack, entries, microseconds(delay))

    def give_back(self, entries=None):
        """Leaves them to the group: whoever sweeps it next may take them over."""
        self._settle(mr.mr_batch_give_back, entries)

    def reject(self, reason, entries=None):
        """Gives them up: they go to the dead stream with `reason`, and are acked then."""
        self._settle(mr.mr_batch_reject, entries, to_bytes(reason))

    def _settle(self, function, entries, *arguments):
        positions = None
        if entries is not None:
            if any(self[each.position : each.position + 1] != [each] for each in entries):
                raise ValueError("an entry is of another batch")
            positions = (c_uint32 * len(entries))(*(each.position for each in entries))
        call(function, self._handle, positions, c_size_t(len(positions or ())), *arguments)
        mr.mr_client_wake(self._client.handle)  # whichever loop turns it

    def __exit__(self, kind, *_):
        try:
            (self.nack if kind else self.ack)()
        except MillraceError as error:
            if not kind and error.code not in ("lost", "not_held"):  # another has them by now, or none was left
                raise


class Client(AbstractContextManager):
    """For threads, any of which may use it. One of the library's acks, holds and reads on while you work for long."""

    def __init__(self, url=None, *, own_thread=True, event_max=0, log_fd=2, **keys):
        self.handle, self._url, self._keys = Owned(mr.mr_client_free), url, keys
        options = mr_client_options(sizeof(mr_client_options), own_thread, event_max, log_fd, 2)  # warnings
        call(mr.mr_client_new, configured(url, keys), byref(options), byref(self.handle))

    def consumer(self, **keys):
        """Begins to consume as the URL and these keys say, or to tail without a group; answers the source's number."""
        source = c_uint32()
        call(mr.mr_client_open, self.handle, configured(self._url, {**self._keys, **keys}), byref(source))
        return source.value

    def next(self, timeout=float("inf"), source=0):
        """The next batch, of a source or of any; None when none came within `timeout`."""
        batch = Owned(mr.mr_batch_free)
        while not batch and timeout >= 0:
            call(mr.mr_client_next, self.handle, source, microseconds(min(SLICE, timeout)), byref(batch))
            timeout -= SLICE
        return Batch(self, batch) if batch else None

    def __iter__(self):
        """All batches until stop() or close()."""
        try:
            while True:
                yield self.next()
        except MillraceError as error:
            if error.code != "closed":
                raise

    def publish(self, stream, fields, timeout=30.0, **keys):
        """Writes an entry, a dict or a list of pairs, and answers its id. `keys`: such as max_len."""
        pairs = fields.items() if isinstance(fields, dict) else fields
        parts = [to_bytes(part) for name, value in pairs for part in (name, value)]
        table = (mr_str * len(parts))(*((part, len(part)) for part in parts))
        entry, result = mr_publish_entry(ctypes.addressof(table), len(parts) // 2), mr_publish_result()
        name, config = to_bytes(stream), configured(self._url, {**self._keys, **keys}) if keys else None
        publish = mr_publish(sizeof(mr_publish), (name, len(name)), ctypes.addressof(entry), 1, config)
        call(mr.mr_client_publish, self.handle, byref(publish), microseconds(timeout), byref(result))
        return "{}-{}".format(*result.id)

    def health(self, source, timeout=0.0):
        """How a source is; with a timeout the server is asked for the figures of its group first."""
        return json.loads(self._text(mr.mr_client_health_json, source, microseconds(timeout)))

    def metrics(self):
        return self._text(mr.mr_client_metrics)

    def _text(self, function, *arguments):
        text = mr_str()  # an mr_text is laid out so
        call(function, self.handle, *arguments, byref(text))
        copy = text.data.decode(errors="replace")
        mr.mr_text_free(byref(text))
        return copy

    def stop(self):
        """Ends all waiting for batches, for good. A handler of a signal may call it."""
        mr.mr_client_stop(self.handle)

    def close(self, timeout=5.0):
        """Waits for the answers to acks and publishes; how many entries stay pending with this client's consumers."""
        held = c_uint64()  # 0 where it was closed: it fails of nothing else
        mr.mr_client_close(self.handle, microseconds(max(timeout, 0)), byref(held), None)
        return held.value

    def __exit__(self, *_):
        self.close()


class AsyncClient(Client, AbstractAsyncContextManager):
    """For asyncio: made within a running loop, which turns it. A wait that is cancelled loses no batch."""

    def __init__(self, url=None, **keys):
        super().__init__(url, own_thread=False, **keys)
        self._loop, self._taking, self._turned = asyncio.get_running_loop(), asyncio.Lock(), asyncio.Event()
        self._publisher = Client(url, **self._keys)  # a thread that waited in this one would turn it behind the loop
        self._loop.add_reader(mr.mr_client_fd(self.handle), self.turn)
        self._timer = self._loop.call_soon(self.turn)

    def turn(self):
        """Does what is to be done; the loop calls it."""
        mr.mr_client_process(self.handle, None)  # what fails there is told by next
        self._set_timer()
        self._turned.set()
        self._turned.clear()

    def _set_timer(self):
        self._timer.cancel()
        wait = mr.mr_client_timeout_us(self.handle)
        self._timer = self._loop.call_later(wait / 1e6, self.turn) if wait >= 0 else self._timer

    async def next(self):
        try:
            async with self._taking:
                while (batch := super().next(0)) is None:
                    self._set_timer()  # that has turned it, too
                    await self._turned.wait()
            return batch
        finally:
            mr.mr_client_wake(self.handle)

    async def __aiter__(self):
        try:
            while True:
                yield await self.next()
        except MillraceError as error:
            if error.code != "closed":
                raise

    async def publish(self, stream, fields, timeout=30.0, **keys):
        return await asyncio.to_thread(self._publisher.publish, stream, fields, timeout, **keys)

    async def close(self, timeout=5.0):
        self._loop.remove_reader(mr.mr_client_fd(self.handle))
        try:
            await asyncio.to_thread(self._publisher.close, timeout)
            return await asyncio.to_thread(super().close, timeout)
        finally:
            self.turn()

    async def __aexit__(self, *_):
        await self.close()
