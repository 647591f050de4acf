"""millrace for Python: reliable delivery over Redis Streams, on Python 3.9 and later alone. Copy it, and _millrace.py.

    with Client("redis://localhost:6379?streams=orders&group=billing&consumer=billing-1") as client:
        for batch in client:
            with batch:  # acked at its end, delivered again when it raises
                for entry in batch:
                    handle(entry.id, entry["payload"])

millrace_asyncio.py is the same for asyncio. The library is found by its name, or at the path in MILLRACE_LIBRARY. Keys
and URLs: docs/configuration.md; codes of errors: docs/errors.md; kinds of events: millrace.h. Times are seconds. Fields
are bytes, names of streams str (with surrogateescape where they are no UTF-8).
"""

import json
import threading
import time
from ctypes import byref, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof
from dataclasses import dataclass

import _millrace as abi
from _millrace import Config, Event, MillraceError, Publish, Published, call, mr

__all__ = ["BaseClient", "Batch", "Client", "Config", "Entry", "Event", "MillraceError", "Published", "Source"]

SLICE = 0.1  # of a wait in the library: between two Python runs its handlers of signals


def microseconds(seconds):
    return c_int64(-1 if seconds is None else int(seconds * 1e6))


@dataclass(eq=False)
class Entry:
    """An entry of a stream: its fields in order and with their repeats, and how often it was delivered so far."""

    __slots__ = ("stream", "ms", "seq", "fields", "deliveries", "position")
    stream: str
    ms: int
    seq: int
    fields: list[tuple[bytes, bytes]]
    deliveries: int
    position: int

    @property
    def id(self):
        return f"{self.ms}-{self.seq}"  # 0-0 of a message of Pub/Sub, which has none

    def __getitem__(self, name):
        """The value of the first field of that name."""
        wanted = name.encode() if isinstance(name, str) else name
        for each, value in self.fields:
            if each == wanted:
                return value
        raise KeyError(name)

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default


class Batch:
    """Entries that were handed over together: copies, which outlive it, as it outlives its client.

    What is not settled stays pending with this consumer. Each way of settling takes some of the entries, or all that
    are left; `with batch` acks what is left, and wants it delivered again after an exception.
    """

    def __init__(self, client, handle):
        self._client, self._handle = client, handle
        view = abi.mr_batch_view(sizeof(abi.mr_batch_view))
        if status := mr.mr_batch_read(handle, byref(view)):
            raise MillraceError(status, "a batch can't be read")
        self.source, self.reason, self.number = view.source, abi.REASONS[view.reason], view.batch
        self.entries = entries = []
        fields = abi.fields_at(view.fields, view.field_count)
        first, last, stream = 0, None, ""
        table = abi.rows(abi.ENTRY, view.entries, view.count, view.entry_stride)
        for position, (name, size, ms, seq, _, count, deliveries, _) in enumerate(table):
            if name != last:  # the entries of a stream share its name
                last, stream = name, abi.text_at(name, size)
            end = first + count
            entries.append(Entry(stream, ms, seq, fields[first:end], deliveries, position))
            first = end
        mr.mr_batch_release(handle)

    def __iter__(self):
        return iter(self.entries)

    def __len__(self):
        return len(self.entries)

    def ack(self, entries=None):
        """Acks them; the event `acked` tells that the server did it."""
        self._settle(mr.mr_batch_ack, entries)

    def nack(self, entries=None, delay=None):
        """Wants them delivered here again, after `delay`, or else the configuration's nack_delay."""
        self._settle(mr.mr_batch_nack, entries, microseconds(delay))

    def give_back(self, entries=None):
        """Leaves them to the group: whoever sweeps it next may take them over."""
        self._settle(mr.mr_batch_give_back, entries)

    def reject(self, reason, entries=None):
        """Gives them up: they go to the dead stream with `reason`, and are acked then."""
        self._settle(mr.mr_batch_reject, entries, abi.to_c(reason))

    def _settle(self, function, entries, *arguments):
        some, count = None, 0
        if entries is not None:
            entries = list(entries)
            positions = [each.position for each in entries]
            if [self.entries[each] for each in positions if each < len(self)] != entries:
                raise ValueError("an entry is of another batch")
            some, count = (c_uint32 * len(entries))(*positions), len(entries)
        if some is None or count:
            call(function, self._handle, some, c_size_t(count), *arguments)
            self._client.turn_soon()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            (self.nack if kind else self.ack)()
        except MillraceError as error:
            if not kind and error.code != "lost":  # of which an event tells: another consumer has them by now
                raise

    def __del__(self, free=mr.mr_batch_free):
        free(self._handle)


class Source:
    """What one call of consumer() or tail() reads. Of a Client, iterate over it for its batches alone."""

    def __init__(self, client, number):
        self.client, self.number = client, number

    def __iter__(self):
        return self.client.batches(self)

    def pause(self):
        self._command(mr.mr_client_pause)

    def resume(self):
        self._command(mr.mr_client_resume)

    def close(self):
        """What it has not handed over goes back to the group."""
        self._command(mr.mr_client_close_source)

    def _command(self, function):
        call(function, self.client.handle, self.number)
        self.client.turn_soon()


class BaseClient:
    """What both clients share. A Client may be used by any thread, an AsyncClient by that of its loop."""

    handle = None

    def __init__(self, url, keys, thread, event_max):
        self.handle = c_void_p()
        self.config = url if isinstance(url, Config) else Config(url, **keys)
        self._has_source = self._is_closed = False
        options = abi.mr_client_options(sizeof(abi.mr_client_options), thread, event_max)
        call(mr.mr_client_new, self.config.handle, byref(options), byref(self.handle))

    def consumer(self, **keys):
        """Begins to consume as the URL says, and the keys: streams, group, consumer, batch_size and so on."""
        number = c_uint32()
        config = Config(base=self.config, **keys)
        call(mr.mr_client_open, self.handle, config.handle, byref(number))
        self._has_source = True
        self.turn_soon()
        return Source(self, number.value)

    def tail(self, **keys):
        """Begins to read without a group: `from_` says where. Nothing of it needs an ack."""
        return self.consumer(group="", **keys)

    def take(self, timeout, source=None):
        """The next batch, of a source or of any; None when none came within `timeout`."""
        handle = c_void_p()
        call(mr.mr_client_next, self.handle, source.number if source else 0, microseconds(timeout), byref(handle))
        return Batch(self, handle) if handle else None

    def stop(self):
        """Ends all waiting for batches, for good. A handler of a signal may call it."""
        mr.mr_client_stop(self.handle)

    def metrics(self):
        """All metrics as Prometheus text."""
        return abi.text_of(mr.mr_client_metrics, self.handle)

    def turn_soon(self):
        """Something is to be sent."""

    def _health(self, source, timeout):
        return json.loads(abi.text_of(mr.mr_client_health_json, self.handle, source.number, microseconds(timeout)))

    def _begin(self):
        if self._is_closed:
            raise MillraceError(abi.CLOSED, "the client is closed")
        if not self._has_source:
            self.consumer()

    def _close(self, timeout):
        """How many entries stay pending with this client's consumers."""
        held = c_uint64()
        if not self._is_closed:
            self._is_closed = True
            call(mr.mr_client_close, self.handle, microseconds(timeout), byref(held))
        return held.value

    def __del__(self, free=mr.mr_client_free):
        free(self.handle)


class Client(BaseClient):
    """For threads. The library has one of its own, which acks, keeps what is held and reads on while you work for long.

    `event_max`: so many events may wait; who asks for them must take them, or nothing more is read.
    """

    def __init__(self, url=None, *, event_max=0, **keys):
        super().__init__(url, keys, abi.THREAD_OWN, event_max)
        self._polling = threading.Lock()

    def next(self, timeout=None, source=None):
        """The next batch; None when none came within `timeout`."""
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            batch = self.take(min(SLICE, max(0.0, end - time.monotonic())), source)
            if batch is not None or time.monotonic() >= end:
                return batch

    def batches(self, source=None):
        """All batches, of a source or of any, until stop() or close(). Opens what the URL names if nothing is open."""
        self._begin()
        while True:
            try:
                batch = self.next(source=source)
            except MillraceError as error:
                if error.code != "closed":
                    raise
                return
            yield batch

    def __iter__(self):
        return self.batches()

    def publish(self, stream, fields, timeout=30.0, **options):
        """Writes an entry, a dict or a list of pairs, and answers its id. `options`: keys such as max_len."""
        publish = Publish(stream, [fields], self.config, options)
        publish.send(self.handle, microseconds(timeout))
        return publish.results()[0].id

    def publish_many(self, stream, entries, timeout=30.0, **options):
        """Writes entries, and answers what became of each."""
        publish = Publish(stream, entries, self.config, options)
        try:
            publish.send(self.handle, microseconds(timeout))
        except MillraceError:
            if not any(each.error for each in publish.results()):
                raise
        return publish.results()

    def events(self):
        """What happened since: acked, lost, reconnected, log and so on."""
        with self._polling:
            return abi.poll_events(self.handle)

    def health(self, source, timeout=1.0):
        """How a source is, with the figures of its group if the server tells them in time."""
        return self._health(source, timeout)

    def close(self, timeout=5.0):
        """Waits for the answers to acks and publishes; how many entries stay pending with this client's consumers."""
        return self._close(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
