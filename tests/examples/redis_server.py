"""A Redis server of a test's own, which keeps what it has confirmed, or keeps nothing; and the few words that are said
to it. For tests and benchmarks, with no library.

REDIS_SERVER may name the program; else it is redis-server of PATH, or the one that ./dev servers fetched.
"""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class ServerError(Exception):
    """A reply that is an error."""


class Connection:
    """Commands, and their replies: int, str or else bytes, None or lists of them. To a unix socket's path, or to a host
    and port."""

    def __init__(self, address, as_text=True):
        self.as_text = as_text
        self.socket = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, *words):
        return self.ask_all([words])[0]

    def ask_all(self, commands):
        """Pipelined."""
        packed = []
        for words in commands:
            packed.append(b"*%d\r\n" % len(words))
            for word in words:
                data = word if isinstance(word, bytes) else str(word).encode()
                packed.append(b"$%d\r\n%b\r\n" % (len(data), data))
        self.socket.sendall(b"".join(packed))
        return [self._reply() for _ in commands]

    def _reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._string(self.file.read(int(rest) + 2)[:-2])
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        return self._string(rest)

    def _string(self, data):
        return data.decode() if self.as_text else data


class ReservedPort:
    """A port of 127.0.0.1 that nobody else gets as long as this lives: a socket stays bound to it and doesn't listen. A
    server may, since it sets SO_REUSEADDR; until it does, connections are refused."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        # Shared only afterwards: asked for with SO_REUSEADDR, any port could be one that another socket shares.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.number = self._socket.getsockname()[1]

    def close(self):
        self._socket.close()


def die_with_parent():
    """A server outlives nobody who starts it, however that one ends."""
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class RedisServer:
    """Syncs every write before it answers, so that a kill takes nothing back. Its files are in `folder`."""

    persistence = {"appendonly": "yes", "appendfsync": "always"}

    def __init__(self, executable, folder):
        self.executable, self.folder = executable, pathlib.Path(folder)
        self.path = self.folder / "socket"
        self.process = None
        self._reserved = ReservedPort()
        self.port = self._reserved.number

    @staticmethod
    def found():
        """The program; None where there is none."""
        cache = os.environ.get("MILLRACE_CACHE", pathlib.Path(__file__).parents[2] / ".cache")
        named = os.environ.get("REDIS_SERVER", "redis-server")
        return shutil.which(named) or shutil.which(pathlib.Path(cache, "servers/redis-7.0/server"))

    def start(self, is_open=True):
        """Returns once its data is loaded. Not open, it is to be had over the unix socket alone."""
        self.path.unlink(missing_ok=True)
        options = {"port": self.port if is_open else 0, "bind": "127.0.0.1", "unixsocket": self.path}
        options |= {"dir": self.folder, "logfile": self.folder / "log"}
        options |= {**self.persistence, "save": ""}
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        self.process = subprocess.Popen([self.executable, *words], start_new_session=True, preexec_fn=die_with_parent)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.folder / "log"
                said = log.read_text() if log.exists() else "nothing"
                raise RuntimeError(f"{self.executable} does not answer; its log says: {said}")
            time.sleep(0.01)

    def _answers(self):
        try:
            with self.connect() as connection:
                return connection.ask("PING") == "PONG"
        except (OSError, ServerError):  # not there yet, or loading
            return False

    def connect(self):
        return Connection(str(self.path))

    def strike(self):
        """SIGKILL, without waiting for the end: stop() does."""
        self.process.send_signal(signal.SIGKILL)

    def stop(self):
        """Kills it where it still runs, and waits for its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class ScratchServer(RedisServer):
    """Keeps nothing, and runs until it is closed. Called with the words of a command it answers, in bytes."""

    persistence = {"appendonly": "no"}

    def __init__(self, executable=None):
        executable = executable or self.found()
        if executable is None:
            raise FileNotFoundError("no redis-server in PATH: REDIS_SERVER=FILE, or ./dev servers")
        self._own_folder = tempfile.TemporaryDirectory(prefix="millrace-redis-")
        super().__init__(executable, self._own_folder.name)
        try:
            self.start()
            self._connection = Connection(str(self.path), as_text=False)
        except BaseException:
            self._end()
            raise

    def __call__(self, *words):
        return self._connection.ask(*words)

    def pipeline(self, commands):
        return self._connection.ask_all(commands)

    def url(self, **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return f"redis://127.0.0.1:{self.port}?{text}"

    def close(self):
        self._connection.__exit__()
        self._end()

    def _end(self):
        self.stop()
        self._reserved.close()
        self._own_folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
