#!/usr/bin/env python3
"""A consumer on redis-py as an agent of millrace-harness: one batch at a time. pip install redis"""
import json, sys, time
import redis

def say(event, **members): print(json.dumps({"event": event, **members}), flush=True)
def hear(): return json.loads(sys.stdin.readline() or sys.exit(0))
def text(raw): return raw.decode() if raw.isascii() else {"b64": __import__("base64").b64encode(raw).decode()}
def seconds(value): return value / 1000 if isinstance(value, int) else float(value.rstrip("ms")) / (1000 if "ms" in value else 1)

def hand_over(reason, entries):
    say("batch", reason=reason, entries=[
        {"stream": stream, "id": id.decode(), "fields": [[text(k), text(v)] for k, v in (fields or {}).items()],
         "t_ms": int(time.time() * 1000)} for id, fields in entries])
    request = hear()  # the harness acks each batch as it comes
    db.xack(stream, group, *[id for _, id in request["entries"]])
    say("acked", re=request["re"], entries=[[s, i, "ok"] for s, i in request["entries"]])

say("hello", re=hear()["re"], protocol=1, name="redis-py", version=redis.__version__, capabilities=["streams"])
start = hear()
db, stream, group, me = redis.from_url(start["url"]), start["stream"], start["group"], start["consumer"]
size, flush = start["config"].get("batch_size", 10), seconds(start["config"].get("flush_interval", "5s"))
try: db.xgroup_create(stream, group, "0", mkstream=True)
except redis.ResponseError: pass  # it exists
say("ready", re=start["re"], mode="streams", consumer=me, protocol=2)
after, waiting, due = "0", [], 0.0
while True:
    block = None if after != ">" else max(1, int((due - time.time()) * 1000)) if waiting else 100
    reply = db.xreadgroup(group, me, {stream: after}, count=size - len(waiting), block=block)
    entries = reply[0][1] if reply else []
    if after != ">":  # what an earlier life left unacked comes first
        if entries: hand_over("recovery", entries)
        after = entries[-1][0] if entries else ">"
        continue
    if entries and not waiting: due = time.time() + flush
    waiting += entries
    if len(waiting) == size or (waiting and time.time() >= due):
        hand_over("size" if len(waiting) == size else "flush", waiting)
        waiting = []
