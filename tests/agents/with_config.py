#!/usr/bin/env python3
"""An agent that is started with configuration keys of somebody else's: so a correct engine behaves as a careless one,
for the cases that are there to find that.

usage: with_config.py <agent> [<JSON object that is merged into each start's config>]"""

import json
import signal
import subprocess
import sys
import threading

agent_command, changes = sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def pass_requests(agent):
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "start":
            merge(request.setdefault("config", {}), changes)
        try:
            agent.stdin.write(json.dumps(request) + "\n")
            agent.stdin.flush()
        except BrokenPipeError:
            return  # its end is told by its exit code
    agent.stdin.close()


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
child = subprocess.Popen([agent_command], stdin=subprocess.PIPE, text=True)  # its answers go out by themselves
threading.Thread(target=pass_requests, args=(child,), daemon=True).start()
sys.exit(child.wait())
