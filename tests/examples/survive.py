#!/usr/bin/env python3
"""Does an example consumer lose nothing when everything around it dies?

    survive.py [--entries=100000] [--server=redis-server] COMMAND [ARGUMENT...]

Starts a Redis of its own that syncs every write to its file, adds entries, and starts COMMAND with a URL behind its
arguments: a consumer that prints `STREAM ID name=value...` for each entry and acks what it has printed. At a third it
kills the server and starts it again on its data; at two thirds it kills the consumer and starts it again under its
name. At the end it ends it by SIGTERM. Every entry must have been printed, whole; nothing may be left pending; and what
was printed more than once must have been pending when something was killed: what the server had acked never comes
again. Exit code: 0, or 1 and a line for each thing that is wrong.
"""

import argparse
import collections
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from redis_server import RedisServer

STREAM, GROUP, CONSUMER = "orders", "billing", "billing-1"
BATCH_SIZE, PREFETCH = 100, 1000
# As long as something goes on there is no hurry: an entry within this time, and an end.
PATIENCE = 60.0


class Wrong(Exception):
    """What makes the rest pointless."""


def line_of(number):
    return f"{STREAM} 1-{number} n={number} item=tea"


class Consumer:
    """The command, once started, and a thread that reads its lines and strikes when enough have come."""

    def __init__(self, command, url, lines, strike_at=None, strike=None):
        self.process = subprocess.Popen([*command, url], stdout=subprocess.PIPE, start_new_session=True)
        self.lines, self.strike_at, self.strike = lines, strike_at, strike
        self.numbers = []
        self.wrong_lines = []
        self.ended = False
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if not line.endswith(b"\n"):
                break  # it was killed on its way
            text = line[:-1].decode(errors="replace")
            number = int(text.split(" ")[1][2:]) if text.startswith(f"{STREAM} 1-") else 0
            with self.news:
                if number and text == line_of(number):
                    self.numbers.append(number)
                    self.lines[number] += 1
                else:
                    self.wrong_lines.append(text)
                if self.strike is not None and len(self.lines) >= self.strike_at:
                    self.strike()
                    self.strike = None
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def strike_when(self, count, strike):
        with self.news:
            self.strike_at, self.strike = count, strike

    def wait_until(self, done, what):
        """Waits for lines as long as they come."""
        with self.news:
            while not done():
                if self.wrong_lines:
                    raise Wrong(f"no line of an entry: {self.wrong_lines[0]!r}")
                before = len(self.numbers)
                if not self.news.wait_for(lambda seen=before: self._has_news(done, seen), PATIENCE):
                    raise Wrong(f"no line for {PATIENCE:.0f} s while waiting for {what}: {len(self.lines)} came")
                if self.ended and not done():
                    raise Wrong(f"the consumer ended ({self.wait()}) before {what}")

    def _has_news(self, done, before):
        return done() or len(self.numbers) > before or self.wrong_lines or self.ended

    def wait(self):
        """All that it said is read, and it is gone; answers its exit code."""
        self.reader.join(PATIENCE)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Wrong(f"the consumer did not end within {PATIENCE:.0f} s") from None

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Survival:
    def __init__(self, server, command, entries):
        self.server, self.command, self.entries = server, command, entries
        query = f"streams={STREAM}&group={GROUP}&consumer={CONSUMER}"
        query += f"&batch_size={BATCH_SIZE}&prefetch={PREFETCH}&flush_interval=20ms"
        self.url = f"redis://127.0.0.1:{server.port}?{query}"
        self.lines = collections.Counter()  # how often each entry was printed
        self.pending_at_kills = []
        self.wrong = []

    def expect(self, good, what):
        if not good:
            self.wrong.append(what)

    def add_entries(self):
        with self.server.connect() as redis:
            redis.ask("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
            for first in range(1, self.entries + 1, 1000):
                some = range(first, min(first + 1000, self.entries + 1))
                redis.ask_all([("XADD", STREAM, f"1-{n}", "n", n, "item", "tea") for n in some])

    def pending(self):
        """The numbers of the entries that are pending, and of the last that was delivered."""
        with self.server.connect() as redis:
            listed = redis.ask("XPENDING", STREAM, GROUP, "-", "+", self.entries)
            group = redis.ask("XINFO", "GROUPS", STREAM)[0]
        last = dict(zip(group[::2], group[1::2]))["last-delivered-id"]
        return {int(id[2:]) for id, *_ in listed}, int(last.partition("-")[2])

    def kill_server(self, consumer):
        consumer.strike_when(self.entries // 3, self.server.strike)
        consumer.wait_until(lambda: consumer.strike is None, "a third of the entries")
        self.server.stop()
        self.server.start(is_open=False)  # so that nobody changes what is looked at
        pending, last = self.pending()
        self.server.stop()
        self.server.start()
        self.note_kill("server", pending, last)

    def kill_consumer(self, consumer):
        consumer.strike_when(self.entries * 2 // 3, lambda: os.killpg(consumer.process.pid, signal.SIGKILL))
        consumer.wait_until(lambda: consumer.strike is None, "two thirds of the entries")
        consumer.wait()
        self.wait_for_server(lambda redis: len(redis.ask("CLIENT", "LIST").splitlines()) == 1, "its connections end")
        pending, last = self.pending()
        self.note_kill("consumer", pending, last)
        acked = set(range(1, last + 1)) - pending
        unseen = acked - self.lines.keys()
        if unseen:
            raise Wrong(f"{len(unseen)} entries were acked before they were printed, like 1-{min(unseen)}")
        return acked

    def note_kill(self, what, pending, last):
        print(f"{what} killed after {len(self.lines)} entries: {last} delivered, {len(pending)} of them pending")
        self.pending_at_kills.append(pending)
        limit = PREFETCH + 2 * BATCH_SIZE
        self.expect(len(pending) <= limit, f"{len(pending)} were pending when the {what} was killed: more than {limit}")

    def wait_for_server(self, holds, what):
        deadline = time.monotonic() + PATIENCE
        while True:
            with self.server.connect() as redis:
                if holds(redis):
                    return
            if time.monotonic() > deadline:
                raise Wrong(f"the server waited {PATIENCE:.0f} s in vain: {what}")
            time.sleep(0.01)

    def end(self, consumer):
        consumer.wait_until(lambda: len(self.lines) == self.entries, "all entries")
        self.wait_for_server(lambda redis: redis.ask("XPENDING", STREAM, GROUP)[0] == 0, "nothing is pending")
        consumer.process.send_signal(signal.SIGTERM)
        code = consumer.wait()
        self.expect(code == 0, f"the consumer ended on SIGTERM with {code}")
        pending, _ = self.pending()
        self.expect(not pending, f"{len(pending)} entries are left pending")

    def check_repeats(self, again, acked):
        """Twice at most for one kill, three times for two; and what was acked at the second one not at all."""
        came = acked.intersection(again.numbers)
        self.expect(not came, f"{len(came)} acked entries came again, like 1-{min(came, default=0)}")
        unexplained = []
        for number, count in self.lines.items():
            if count > 1 + sum(number in pending for pending in self.pending_at_kills):
                unexplained.append(number)
        few = unexplained[:3]
        self.expect(not unexplained, f"{len(unexplained)} entries came again, and no kill explains it: {few}")
        repeats = sum(self.lines.values()) - len(self.lines)
        print(f"{len(self.lines)} entries printed, {repeats} lines of entries that had been printed before")

    def run(self):
        self.add_entries()
        began = time.monotonic()
        first = again = None
        try:
            first = Consumer(self.command, self.url, self.lines)
            self.kill_server(first)
            acked = self.kill_consumer(first)
            again = Consumer(self.command, self.url, self.lines)
            self.end(again)
            self.check_repeats(again, acked)
        finally:
            for consumer in (first, again):
                if consumer is not None:
                    consumer.kill()
        print(f"{time.monotonic() - began:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--server", default=RedisServer.found(), help="a redis-server; without it the one of PATH")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if given.server is None:
        parser.error("no redis-server in PATH: --server=FILE, or ./dev servers")
    if not given.command:
        parser.error("what is to be started?")
    if given.entries < 30 * BATCH_SIZE:
        parser.error(f"--entries: at least {30 * BATCH_SIZE}, or it is over before something can be killed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="survive-") as folder:
        server = RedisServer(given.server, folder)
        test = Survival(server, given.command, given.entries)
        try:
            server.start()
            test.run()
        except Wrong as wrong:
            test.wrong.append(str(wrong))
        except (OSError, RuntimeError) as error:  # the server or the command is none
            print(f"survive.py: {error}", file=sys.stderr)
            return 2
        finally:
            server.stop()
    for line in test.wrong[:20]:
        print(f"WRONG: {line}", file=sys.stderr)
    return 1 if test.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
