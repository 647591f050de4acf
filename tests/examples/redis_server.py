"""A Redis server of a test's own that keeps what it has confirmed, and the few words that are said to it."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time


class ServerError(Exception):
    """A reply that is an error."""


class Connection:
    """Commands, and their replies: int, str, None or lists of them. To a unix socket's path, or to a host and port."""

    def __init__(self, address):
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
                data = str(word).encode()
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
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        return rest.decode()


class RedisServer:
    """Syncs every write before it answers, so that a kill takes nothing back. Its files are in `folder`."""

    def __init__(self, executable, folder):
        self.executable, self.folder = executable, pathlib.Path(folder)
        self.path = self.folder / "socket"
        self.process = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @staticmethod
    def found():
        """redis-server of PATH, or the one that ./dev servers fetched; None where there is none."""
        cache = os.environ.get("MILLRACE_CACHE", pathlib.Path(__file__).parents[2] / ".cache")
        return shutil.which("redis-server") or shutil.which(pathlib.Path(cache, "servers/redis-7.0/server"))

    def start(self, is_open=True):
        """Returns once its data is loaded. Not open, it is to be had over the unix socket alone."""
        self.path.unlink(missing_ok=True)
        options = {"port": self.port if is_open else 0, "bind": "127.0.0.1", "unixsocket": self.path}
        options |= {"dir": self.folder, "logfile": self.folder / "log"}
        options |= {"appendonly": "yes", "appendfsync": "always", "save": ""}
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        self.process = subprocess.Popen([self.executable, *words], start_new_session=True)
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
