"""A Redis of one's own on a Unix socket and a free port, and commands to it: for tests and benchmarks, with no library.

REDIS_SERVER names the program; else it is MILLRACE_CACHE/servers/redis-7.0, or the redis-server of this system.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_TIMEOUT = 10.0


class ServerError(Exception):
    """What the server says in place of an answer."""


def program():
    """The path of a server."""
    if os.environ.get("REDIS_SERVER"):
        return os.environ["REDIS_SERVER"]
    cache = os.environ.get("MILLRACE_CACHE", Path(__file__).resolve().parents[2] / ".cache")
    fetched = Path(cache) / "servers/redis-7.0/server"
    found = str(fetched) if fetched.exists() else shutil.which("redis-server")
    if found is None:
        raise FileNotFoundError("no redis-server: set REDIS_SERVER, or MILLRACE_CACHE")
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    """A server outlives nobody who starts it, however that one ends."""
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class RedisServer:
    def __init__(self, path=None, port=None):
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-redis-")
        self.port = port or free_port()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder.name, "appendonly": "no"}
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [path or program(), *arguments, "--save", ""], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
        )
        self._connection = None
        self._connection = self._connect()

    def _connect(self):
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=START_TIMEOUT) as connected:
                    return connected.makefile("rwb")  # which keeps it open
            except ConnectionError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.close()
                    raise
                time.sleep(0.01)

    def url(self, **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return f"redis://127.0.0.1:{self.port}?{text}"

    def __call__(self, *words):
        """One command: bytes, integers, lists, None; an error is raised."""
        return self.pipeline([words])[0]

    def pipeline(self, commands):
        for words in commands:
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            self._connection.write(b"*%d\r\n" % len(parts))
            self._connection.writelines(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._connection.flush()
        return [self._answer() for _ in commands]

    def _answer(self):
        line = self._connection.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(rest.decode())
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._connection.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._answer() for _ in range(int(rest))]
        raise ConnectionError(f"no answer of Redis: {line!r}")

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._connection:
            self._connection.close()
        self.kill()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
