"""Consumes a stream of a group until it is interrupted, and prints each entry.

Run it: python3 consumer.py 'redis://localhost:6379?streams=orders&group=billing&consumer=billing-1'
"""

import signal
import sys

from millrace import Client, MillraceError


def consume(url):
    with Client(url) as client:
        client.consumer()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: client.stop())
        for batch in client:
            for entry in batch:
                stream = entry.stream.encode(errors="surrogateescape")
                line = [stream, entry.id.encode(), *map(b"=".join, entry.fields)]
                sys.stdout.buffer.write(b" ".join(line) + b"\n")
            sys.stdout.buffer.flush()
            batch.ack()  # what is not acked is delivered again


if __name__ == "__main__":
    try:
        consume(sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379?streams=orders&group=billing")
    except MillraceError as error:
        sys.exit(str(error))
