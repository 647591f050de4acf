"""How fast Python consumes, with millrace and with its peer:

    python3 bench.py millrace|redis-py URL STREAM GROUP COUNT BATCH

Reads COUNT entries of the group in batches of at most BATCH, takes the field `payload` of each as bytes, acks every
batch as a whole, and prints {"entries":n,"bytes":n,"seconds":s}: from the first read to the answer to the last ack.
Exits 3 where redis-py or its parser hiredis is not installed: pip install redis hiredis.
"""

import json
import sys
import time
from pathlib import Path

CONSUMER = "bench"


def consume_millrace(url, stream, group, count, batch_size):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/python"))
    from millrace import Client

    entries = size = 0
    names = {"streams": [stream], "group": group, "consumer": CONSUMER}
    client = Client(url, batch_size=batch_size, flush_interval="20ms", **names)  # the last batch may not be full
    begun = time.perf_counter()
    client.consumer()
    for batch in client:
        for entry in batch:
            size += len(entry[b"payload"])
        batch.ack()
        entries += len(batch)
        if entries >= count:
            break
    client.close()  # waits for the answers to the acks
    return entries, size, time.perf_counter() - begun


def consume_redis_py(url, stream, group, count, batch_size):
    try:
        import hiredis  # noqa: F401  redis-py parses with it where it is there
        import redis
    except ImportError as missing:
        print(f"redis-py is not at hand: {missing}", file=sys.stderr)
        sys.exit(3)
    entries = size = 0
    client = redis.Redis.from_url(url)
    client.ping()  # connected
    begun = time.perf_counter()
    while entries < count:
        ((_, found),) = client.xreadgroup(group, CONSUMER, {stream: ">"}, min(batch_size, count - entries), block=5000)
        ids = []
        for entry_id, fields in found:
            size += len(fields[b"payload"])
            ids.append(entry_id)
        client.xack(stream, group, *ids)
        entries += len(ids)
    return entries, size, time.perf_counter() - begun


CONSUMERS = {"millrace": consume_millrace, "redis-py": consume_redis_py}

if __name__ == "__main__":
    if len(sys.argv) != 7 or sys.argv[1] not in CONSUMERS:
        sys.exit(f"usage: bench.py {'|'.join(CONSUMERS)} URL STREAM GROUP COUNT BATCH")
    which, url, stream, group, count, batch_size = sys.argv[1:]
    entries, size, seconds = CONSUMERS[which](url, stream, group, int(count), int(batch_size))
    print(json.dumps({"entries": entries, "bytes": size, "seconds": round(seconds, 6)}))
