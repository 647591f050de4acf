#!/usr/bin/env python3
"""Consumers that survive.py has to tell apart: `careless_consumer.py WAY URL`, a plain loop that is right, or is not.

whole       prints, then acks
acks_first  acks a batch before it prints it
drops       acks an entry of each batch that it does not print
history     prints what the stream has when it starts, whatever was acked
cuts        prints no value
deaf        does not end cleanly on SIGTERM
"""

import signal
import sys
import time
from urllib.parse import parse_qs, urlsplit

from redis_server import Connection, ServerError

WAYS = ("whole", "acks_first", "drops", "history", "cuts", "deaf")


class Consumer:
    def __init__(self, way, url):
        parts = urlsplit(url)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.way, self.address = way, (parts.hostname, parts.port)
        self.stream, self.group, self.name = query["streams"], query["group"], query["consumer"]
        self.size = query["batch_size"]
        self.unprinted = []

    def show(self, entries):
        for id, fields in entries:
            values = ("" if self.way == "cuts" else value for value in fields[1::2])
            print(self.stream, id, *(f"{name}={value}" for name, value in zip(fields[::2], values)))
        sys.stdout.flush()

    def handle(self, redis, entries):
        ack = ("XACK", self.stream, self.group, *(id for id, _ in entries))
        if self.way == "acks_first":
            redis.ask(*ack)
            self.show(self.unprinted)
            self.unprinted = entries
        else:
            self.show(entries[1:] if self.way == "drops" else entries)
            redis.ask(*ack)

    def consume(self, redis):
        """What was left unacked comes first."""
        read = ("XREADGROUP", "GROUP", self.group, self.name, "COUNT", self.size, "BLOCK", 100, "STREAMS", self.stream)
        if self.way == "history":
            self.show(redis.ask("XRANGE", self.stream, "-", "+", "COUNT", self.size))
        after = "0"
        while True:
            reply = redis.ask(*read, after)
            entries = reply[0][1] if reply else []
            if entries:
                self.handle(redis, entries)
            elif after == "0":
                after = ">"

    def run(self):
        while True:
            try:
                with Connection(self.address) as redis:
                    self.consume(redis)
            except (OSError, ServerError):  # it is away, or loading
                time.sleep(0.02)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in WAYS:
        sys.exit(__doc__)
    if sys.argv[1] != "deaf":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Consumer(*sys.argv[1:]).run()
