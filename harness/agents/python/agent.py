#!/usr/bin/env python3
"""Agent protocol 1 over millrace for Python: one consumer or tail; requests in, answers and events out.

    millrace-harness run --agent='python3 harness/agents/python/agent.py'

The protocol is in harness/README.md. Nothing is acked but what the harness acks. While the harness does not read its
end of stdout, no batch is taken.
"""

import asyncio
import json
import os
import signal
import sys
from ctypes import c_char_p
from pathlib import Path
from urllib.parse import quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bindings/c/examples/python"))
import values  # noqa: E402
from held import HeldEntries, Settling  # noqa: E402
from millrace import MillraceError, mr  # noqa: E402
from session import Session  # noqa: E402

CAPABILITIES = (
    "streams pubsub tail publish claim nack dlq redrive dedupe drain pause many pattern config tls health stats "
    "concurrent"
).split()
PUBLISH_KEYS = (
    "atomic max_len max_len_exact max_age keep_pending idempotent idempotent_window idempotent_count on_oom"
).split()
LINE_BYTES_MAX = 64 << 20
END_TIMEOUT = 5.0  # for what is on its way when nobody asks any more
LOOK_TIMEOUT = 0.5  # a server that is silent is bad news soon enough
mr.mr_version.restype = c_char_p


class Agent:
    def __init__(self, out):
        self.out = out
        self.client = self.start_re = self.only_stream = None
        self.keeps, self.is_ready, self.is_ending = True, False, False
        self.ended = asyncio.Event()
        self.held = HeldEntries()
        self.tasks = set()

    def say(self, event):
        self.out.write(json.dumps(event).encode() + b"\n")

    def spawn(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # ---- requests

    async def handle(self, line):
        re = None
        try:
            request = json.loads(line)
            re = request.get("re")
            op = request.get("op")
            if op not in OPS:
                raise ValueError(f"unknown op {op!r}")
            if self.client is None and op not in ("hello", "start", "drain"):
                raise ValueError("nothing is started")
            await OPS[op](self, request)
        except MillraceError as error:
            self.refuse(re, error.code, error.message, error.retryable)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.refuse(re, "bad_argument", f"{type(error).__name__}: {error}")

    def refuse(self, re, code, message, retryable=False):
        event = values.error_event(code, message, retryable)
        self.say(event if re is None else {**event, "re": re})

    async def hello(self, request):
        version = mr.mr_version().decode()
        hello = {"event": "hello", "re": request["re"], "protocol": 1, "name": "millrace-python", "version": version}
        self.say({**hello, "capabilities": CAPABILITIES})

    async def start(self, request):
        if self.client is not None:
            raise ValueError("start: there is a source already")
        self.start_re = request.get("re")
        client = Session(*config_of(request), self.hear)
        try:
            client.open()
        except MillraceError:
            await client.close()
            raise
        self.client = client
        self.keeps = bool(request.get("group"))
        self.only_stream = request.get("stream") or request.get("streams", [None])[0]
        self.spawn(self.take_batches())

    async def publish(self, request):
        options = request.get("options", {})
        unknown = next((key for key in options if key not in PUBLISH_KEYS), None)
        if unknown is not None:
            return self.refuse(request.get("re"), "unsupported", f"publish: option {unknown!r}")
        entries = [[map(values.value_to, field) for field in entry] for entry in request["entries"]]
        results = await self.client.publish_entries(values.value_to(request["stream"]), entries, options)
        results = [values.result_of(each) for each in results]
        self.say({"event": "published", "re": request.get("re"), "results": results})

    async def dead(self, request):
        stream = values.value_to(request.get("stream", self.only_stream))
        letters = await self.client.dead(stream, request.get("after", "0-0"), request.get("count", 1000))
        letters = [values.letter_of(each) for each in letters]
        self.say({"event": "dead", "re": request.get("re"), "stream": values.value_of(stream), "entries": letters})

    async def redrive(self, request):
        stream = values.value_to(request.get("stream", self.only_stream))
        results = await self.client.redrive(stream, request["ids"])
        results = [values.redriven_of(*each) for each in results.items()]
        self.say({"event": "redriven", "re": request.get("re"), "stream": values.value_of(stream), "results": results})

    async def pause(self, request):
        self.client.pause()
        self.say({"event": "paused", "re": request.get("re")})

    async def resume(self, request):
        self.client.resume()
        self.say({"event": "resumed", "re": request.get("re")})

    async def health(self, request):
        health = await self.client.look(LOOK_TIMEOUT)
        self.say({**health, "event": "health", "re": request.get("re")})

    async def stats(self, request):
        self.say({"event": "stats", "re": request.get("re"), "text": self.client.metrics()})

    async def drain(self, request):
        timeout = request.get("timeout_ms", 5000) / 1000
        await self.end(request.get("re"), lambda client: client.drain(timeout))

    async def end(self, re, ending):
        if self.is_ending:
            return
        self.is_ending = True
        held = 0 if self.client is None else await ending(self.client)
        self.say({"event": "drained", "held": held, **({} if re is None else {"re": re})})
        self.ended.set()

    # ---- what is held

    async def take_batches(self):
        try:
            async for batch in self.client:
                self.say(values.batch_event(batch))
                if self.keeps:
                    self.held.add(batch)
                else:
                    batch.ack()
                await self.out.drain()
        except MillraceError:
            pass  # why was told by an event
        except ConnectionError:
            self.ended.set()  # the harness is gone

    async def settle(self, request):
        asked = Settling(request)
        if self.keeps:
            self.held.settle(asked)
        if asked.open == 0:
            self.say(asked.answer())

    # ---- events

    def hear(self, event):
        if event.kind == "ready":
            self.is_ready = True
            self.keeps = event.text == "streams"
            self.say(values.ready_event(event, self.start_re))
        elif event.kind == "acked":
            for asked in self.held.acked(event.batch, event.indices):
                self.say(asked.answer())
        elif event.kind == "failed":
            failed = values.error_event(event.code, event.message, event.retryable)
            if event.closed:
                failed["closed"] = True
                if not self.is_ready:  # what ends the source before it was ready is the answer to start
                    failed["re"] = self.start_re
            self.say(failed)
        else:
            if event.kind == "lost":
                self.held.lost(event)
            if (told := values.translated(event)) is not None:
                self.say(told)


OPS = {
    name: getattr(Agent, name) for name in "hello start publish dead redrive pause resume health stats drain".split()
}
OPS.update(dict.fromkeys(("ack", "nack", "reject"), Agent.settle))


def config_of(request):
    """The URL, what is laid over it, and the names over that."""
    url, document = request["url"], dict(request.get("config", {}))
    if os.environ.get("REDIS_PASSWORD") and urlsplit(url).password is None:
        url += f"{'&' if '?' in url else '?'}password={quote(os.environ['REDIS_PASSWORD'], safe='')}"
    names = {key: request[key] for key in ("stream", "streams", "pattern") if key in request}
    if names:
        for key in ("stream", "streams", "pattern"):
            document.pop(key, None)
    if "stream" in names:
        names["streams"] = [names.pop("stream")]
    names["group"] = request.get("group", "")
    names.update((key, request[key]) for key in ("consumer", "from") if key in request)
    values_of = {
        key: list(map(values.value_to, v)) if isinstance(v, list) else values.value_to(v) for key, v in names.items()
    }
    return url, document, values_of


async def main():
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    agent = Agent(asyncio.StreamWriter(transport, protocol, None, loop))
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: agent.spawn(agent.end(None, lambda client: client.drain(END_TIMEOUT))))

    async def listen():
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                agent.refuse(None, "too_large", f"a line of more than {LINE_BYTES_MAX} bytes")
                continue
            if not line:
                break
            agent.spawn(agent.handle(line))
        await agent.end(None, lambda client: client.close(END_TIMEOUT))

    agent.spawn(listen())
    await agent.ended.wait()
    transport.close()  # once all of it is written


asyncio.run(main())
