#!/usr/bin/env python3
"""An agent with a proxy of its own that lies to it: what it believes to have done did not happen. So a correct engine
behaves as one that is broken in one way, for the cases that are there to find that.

usage: behind_proxy.py <millrace-harness> <agent> [<fault of millrace-harness proxy>]..."""

import json
import signal
import subprocess
import sys
import threading
from urllib.parse import urlsplit

harness, agent_command, faults = sys.argv[1], sys.argv[2], sys.argv[3:]


def stand_between(url):
    """Starts the proxy before the server of `url`; the URL by way of it."""
    parts = urlsplit(url)
    command = [harness, "proxy", f"--upstream={parts.hostname}:{parts.port}", *(f"--fault={fault}" for fault in faults)]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = proxy.stdout.readline().strip()
    login = parts.netloc.rpartition("@")[0]
    return proxy, parts._replace(netloc=f"{login}@127.0.0.1:{port}" if login else f"127.0.0.1:{port}").geturl()


def pass_requests(agent, proxies):
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "start":
            proxy, request["url"] = stand_between(request["url"])
            proxies.append(proxy)
        try:
            agent.stdin.write(json.dumps(request) + "\n")
            agent.stdin.flush()
        except BrokenPipeError:
            return  # its end is told by its exit code
    agent.stdin.close()


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
started = []
child = subprocess.Popen([agent_command], stdin=subprocess.PIPE, text=True)  # its answers go out by themselves
threading.Thread(target=pass_requests, args=(child, started), daemon=True).start()
code = child.wait()
for each in started:
    each.terminate()
sys.exit(code)
