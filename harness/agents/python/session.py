"""The asyncio client of the binding with what the agent needs besides: events, requests with tickets, raw names, drain.

What of millrace.h the binding leaves out is called here, over the handle that it lends.
"""

import asyncio
import json
from ctypes import addressof, byref, c_size_t, c_uint32, c_uint64, sizeof

from events import mr_id, poll_events
from millrace import (
    AsyncClient,
    MillraceError,
    Owned,
    call,
    configured,
    microseconds,
    mr,
    mr_publish,
    mr_publish_entry,
    mr_str,
    to_bytes,
)

EVENT_MAX = 1024  # that may wait; all are taken whenever the loop turns
CLOSED = 3  # MR_CLOSED


def strings(values):
    """An array of mr_str, which keeps the bytes."""
    pieces = [to_bytes(each) for each in values]
    return (mr_str * len(pieces))(*((each, len(each)) for each in pieces))


def ids_of(texts):
    return (mr_id * len(texts))(*(tuple(map(int, each.split("-"))) for each in texts))


def lay(config, document):
    """A JSON document of keys, or a whole file, over a configuration."""
    text = json.dumps(document).encode()
    call(mr.mr_config_json, config, text, c_size_t(len(text)))


def source_config(url, document, names):
    """As the URL and the document say, and over them names that may be any bytes: one, or a list of them."""
    config = configured(url, document)
    for key, value in names.items():
        if isinstance(value, list):
            call(mr.mr_config_set_list, config, key.encode(), strings(value), c_size_t(len(value)))
        else:
            call(mr.mr_config_set, config, key.encode(), to_bytes(value))
    return config


class Session(AsyncClient):
    """One source of a client; `on_event` is called with each event."""

    def __init__(self, url, document, names, on_event):
        self._config = source_config(url, document, names)
        self._on_event, self._answers, self._drained = on_event, {}, asyncio.get_running_loop().create_future()
        super().__init__(url, event_max=EVENT_MAX, **document)

    def open(self):
        source = c_uint32()
        call(mr.mr_client_open, self.handle, self._config, byref(source))
        self.source = source.value

    def turn(self):
        super().turn()
        self.hear()

    def hear(self):
        """Tells the events that wait."""
        for event in poll_events(self.handle):
            answer = self._answers.get(event.ticket)
            if event.kind == "closed" and not event.source:
                answer = self._drained
            if answer is None:
                self._on_event(event)
            elif not answer.done():
                answer.set_result(event)

    async def next(self):
        batch = await super().next()
        self.hear()  # what came with it
        return batch

    async def ask(self, function, *arguments):
        """Calls a function that gives a ticket, and answers the event of that ticket."""
        ticket = c_uint64()
        call(function, self.handle, *arguments, byref(ticket))
        answer = self._answers[ticket.value] = self._loop.create_future()
        mr.mr_client_wake(self.handle)
        try:
            return await answer
        finally:
            del self._answers[ticket.value]

    async def publish_entries(self, stream, entries, options):
        """What became of each entry, a list of pairs. A full queue is told, not waited for."""
        config = None
        if options:
            config = Owned(mr.mr_config_free)
            call(mr.mr_config_copy, self._config, byref(config))
            lay(config, options)
        tables = [strings(part for name, value in each for part in (name, value)) for each in entries]
        rows = (mr_publish_entry * len(tables))(*((addressof(each), len(each) // 2) for each in tables))
        (name,) = strings([stream])
        publish = mr_publish(sizeof(mr_publish), name, addressof(rows), len(rows), config)
        return (await self.ask(mr.mr_client_publish_async, byref(publish))).results

    async def dead(self, stream, after, count):
        """Dead letters of the stream that they came from, behind the dead letter `after`."""
        return (await self._request(mr.mr_client_dead, stream, ids_of([after])[0], count)).letters

    async def redrive(self, stream, ids):
        """Puts dead letters back at the end of their stream; what became of each, by its dead id."""
        event = await self._request(mr.mr_client_redrive, stream, ids_of(ids), c_size_t(len(ids)))
        return dict(zip(event.ids, event.results))

    async def _request(self, function, stream, *arguments):
        (name,) = strings([stream])
        event = await self.ask(function, name, *arguments)
        if event.status:
            raise MillraceError(event.status, event.message, event.retryable)
        return event

    def pause(self):
        call(mr.mr_client_pause, self.handle, self.source)
        mr.mr_client_wake(self.handle)

    def resume(self):
        call(mr.mr_client_resume, self.handle, self.source)
        mr.mr_client_wake(self.handle)

    async def look(self, timeout):
        """How the source is, with the figures of its group if the server tells them in time."""
        health = await asyncio.to_thread(self.health, self.source, timeout)
        self.turn()  # meanwhile the other thread did
        return health

    async def drain(self, timeout):
        """Hands over nothing more, waits until what is held was settled, and closes; how many entries stay pending."""
        call(mr.mr_client_drain, self.handle, microseconds(timeout))
        mr.mr_client_wake(self.handle)
        held = (await asyncio.shield(self._drained)).count
        await self.close()
        return held

    async def close(self, timeout=5.0):
        held = await super().close(timeout)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(MillraceError(CLOSED, "the client is closed"))
        return held
