"""millrace for asyncio: the client of millrace.py, which must be beside it, turned by your loop.

    async with AsyncClient("redis://localhost:6379?streams=orders&group=billing&consumer=billing-1") as client:
        async for batch in client.batches():
            with batch:  # acked at its end, delivered again when it raises or is cancelled
                for entry in batch:
                    await handle(entry.id, entry["payload"])

Cancelling what waits here loses no batch: one is taken only when it can be returned at once. Work that keeps the loop
busy for longer than claim_min_idle keeps back the signs of life, too: give it to a thread, or use the Client.
"""

import asyncio
from ctypes import byref, c_size_t, c_uint64

import _millrace as abi
from _millrace import MillraceError, Publish, call, mr
from millrace import BaseClient, microseconds

EVENT_MAX = 1024  # that may wait; all are taken whenever the loop turns


class AsyncClient(BaseClient):
    """Made within a running loop, whose thread alone may use it. `on_event` is called with each event."""

    def __init__(self, url=None, *, on_event=lambda event: None, **keys):
        self._loop = asyncio.get_running_loop()
        super().__init__(url, keys, abi.THREAD_NONE, EVENT_MAX)
        self._on_event, self._answers, self._waiters, self._timer = on_event, {}, set(), None
        self._drained = self._loop.create_future()
        self._fd = mr.mr_client_fd(self.handle)
        if self._fd < 0:
            raise MillraceError(abi.UNSUPPORTED, "asyncio needs mr_client_fd, which this system has not")
        self._loop.add_reader(self._fd, self._turn)

    def turn_soon(self):
        if self._timer is not None:
            self._timer.cancel()
        wait = -1 if self._is_closed else mr.mr_client_timeout_us(self.handle)
        self._timer = self._loop.call_later(wait / 1e6, self._turn) if wait >= 0 else None

    def _turn(self):
        mr.mr_client_process(self.handle, None)  # what fails there is told by events, and by take
        self._hear()
        self._wake()
        self.turn_soon()

    def _hear(self):
        for event in abi.poll_events(self.handle):
            answer = self._answers.get(event.ticket)
            if event.kind == "closed" and not event.source:
                answer = self._drained
            if answer is None:
                self._tell(event)
            elif not answer.done():
                answer.set_result(event)

    def _tell(self, event):
        try:
            self._on_event(event)
        except Exception as error:  # of one event: the others are to be told, too
            self._loop.call_exception_handler({"message": f"on_event: {event.kind}", "exception": error})

    def _wake(self):
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _turned(self):
        waiter = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def next(self):
        """The next batch."""
        while True:
            found = True
            try:
                batch = self.take(0)
                found = batch is not None
            finally:
                self._hear()  # what came with it
                self.turn_soon()
                if found:
                    self._wake()  # there may be one for others too, or none ever
            if found:
                return batch
            await self._turned()

    async def batches(self):
        """All batches until stop() or close(). Opens what the URL names if nothing is open."""
        self._begin()
        while True:
            try:
                batch = await self.next()
            except MillraceError as error:
                if error.code != "closed":
                    raise
                return
            yield batch

    async def ask(self, function, *arguments):
        """Calls a function that gives a ticket, and answers the event of that ticket."""
        ticket = c_uint64()
        call(function, self.handle, *arguments, byref(ticket))
        answer = self._answers[ticket.value] = self._loop.create_future()
        self.turn_soon()
        try:
            return await answer
        finally:
            del self._answers[ticket.value]

    async def publish(self, stream, fields, **options):
        """Writes an entry, a dict or a list of pairs, and answers its id. `options`: keys such as max_len."""
        event = await self._publish(Publish(stream, [fields], self.config, options))
        raise_of(event)
        return event.results[0].id

    async def publish_many(self, stream, entries, **options):
        """Writes entries, and answers what became of each."""
        return (await self._publish(Publish(stream, entries, self.config, options))).results

    async def _publish(self, publish):
        while True:
            try:
                return await self.ask(mr.mr_client_publish_async, byref(publish.raw))
            except MillraceError as error:
                if error.code != "would_block":
                    raise
            await self._turned()  # until others have been written

    async def dead(self, stream, after="0-0", count=100):
        """Dead letters of the stream that they came from, behind the dead letter `after`."""
        return (await self._request(mr.mr_client_dead, stream, id_of(after), count)).letters

    async def redrive(self, stream, ids):
        """Puts dead letters back at the end of their stream; what became of each, by its dead id."""
        raw = (abi.mr_id * len(ids))(*map(id_of, ids))
        event = await self._request(mr.mr_client_redrive, stream, raw, c_size_t(len(ids)))
        return dict(zip(event.ids, event.results))

    async def _request(self, function, stream, *arguments):
        name = abi.Lent([abi.to_bytes(stream)])
        event = await self.ask(function, name.table[0], *arguments)
        raise_of(event)
        return event

    async def health(self, source, timeout=1.0):
        """How a source is, with the figures of its group if the server tells them in time."""
        health = await asyncio.to_thread(self._health, source, timeout)
        self._turn()  # meanwhile the other thread did
        return health

    async def drain(self, timeout=5.0):
        """Hands over nothing more, waits until what is held was settled, and closes; how many entries stay pending."""
        call(mr.mr_client_drain, self.handle, microseconds(timeout))
        self.turn_soon()
        held = (await asyncio.shield(self._drained)).count
        await self.close()
        return held

    async def close(self, timeout=5.0):
        """Waits for the answers to acks and publishes; how many entries stay pending with this client's consumers."""
        self._loop.remove_reader(self._fd)
        held = await asyncio.to_thread(self._close, timeout)
        self.turn_soon()
        self._hear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(MillraceError(abi.CLOSED, "the client is closed"))
        self._wake()
        return held

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


def id_of(text):
    return abi.mr_id(*map(int, text.split("-")))


def raise_of(event):
    if event.code:
        raise MillraceError(event.status, event.message, event.retryable)
