"""The table of facts about servers, and what probes of them share. A probe gets a server without keys and answers in a
few words; what each version has to answer stands beside it. docs/servers.md is printed from the table, and every server
at hand is asked (facts.py)."""

import socket
import threading

from redis_server import ServerError

FACTS = []  # in the order of the page
VERSIONS = ["5.0", "6.0", "6.2", "7.0", "8.0", "8.6", "valkey"]  # those that are told apart


class Fact:
    def __init__(self, section, what, answers, lines, probe):
        self.section, self.what, self.lines, self.probe = section, what, lines, probe
        self.answers = {}
        said = None
        for version in VERSIONS[:-1]:
            said = answers.get(version, said)
            self.answers[version] = said
        self.answers["valkey"] = answers.get("valkey", self.answers["7.0"])

    def answer_of(self, version):
        return self.answers[version]

    def in_words(self):
        """The answers, with the versions that give each, as a cell of a table."""
        if len(set(self.answers.values())) == 1:
            return self.answers["5.0"]
        groups = []
        for version in VERSIONS[:-1]:
            if not groups or groups[-1][1] != self.answers[version]:
                groups.append(([], self.answers[version]))
            groups[-1][0].append(version)
        parts = []
        for versions, said in groups:
            first, last = versions[0], versions[-1]
            names = (
                f"from {first}"
                if last == VERSIONS[-2] and len(groups) > 1
                else first if first == last else f"{first} to {last}"
            )
            parts.append(f"**{names}{', Valkey' if said == self.answers['valkey'] else ''}** {said}")
        return "<br>".join(parts)


def family(info):
    """The version of VERSIONS that a server's INFO counts as."""
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    if "valkey_version" in fields:
        return "valkey"
    number = [int(part) for part in fields["redis_version"].split(".")[:2]]
    return max((v for v in VERSIONS[:-1] if [int(part) for part in v.split(".")] <= number), key=VERSIONS.index)


def fact(section, what, answers, lines=""):
    """`answers`: words that all give; or {"5.0": words, ...}, each until the next version named, and "valkey" where Valkey
    does not answer as Redis 7.0. `lines`: those of docs/delivery.md that stand on it."""

    def add(probe):
        FACTS.append(Fact(section, what, {"5.0": answers} if isinstance(answers, str) else answers, lines, probe))
        return probe

    return add


def refused(ask, *words):
    """The error that a command is refused with, or None."""
    try:
        ask(*words)
    except ServerError as error:
        return str(error)
    return None


def first_word(error):
    return "done" if error is None else f"`{error.split(' ')[0]}`"


def entry(ask, key="s", at="*"):
    return ask("XADD", key, at, "f", "v")


def group(ask, key="s", name="g", at="0"):
    ask("XGROUP", "CREATE", key, name, at, "MKSTREAM")


def take(ask, count=10, consumer="c", key="s", name="g", at=">"):
    return ask("XREADGROUP", "GROUP", name, consumer, "COUNT", count, "STREAMS", key, at)


def pending(ask, key="s", name="g"):
    """[id, consumer, idle, deliveries] of each."""
    return ask("XPENDING", key, name, "-", "+", 1000)


class Blocked:
    """A read that blocks, in a thread of its own, and what becomes of it."""

    def __init__(self, server, *words):
        self._server = server
        self._said = None
        self._connection = server.connect()
        self.client = self._connection.ask("CLIENT", "ID")
        self._thread = threading.Thread(target=self._read, args=words, daemon=True)
        self._thread.start()
        while not self._blocks() and self._said is None:
            pass

    def _read(self, *words):
        try:
            reply = self._connection.ask(*words)
            self._said = "nil" if reply is None else "entries"
        except ServerError as error:
            self._said = first_word(str(error))
        except OSError:
            self._said = "the end of the connection"

    def _blocks(self):
        """As the server has it, which has handled by now whatever it was asked before."""
        clients = self._server("CLIENT", "LIST").decode().splitlines()
        return any(f"id={self.client} " in f"{client} " and " flags=b" in client for client in clients)

    def ended(self):
        """What it said; that it goes on blocking is an answer too."""
        said = "nothing"
        if not self._blocks():
            self._thread.join()
            said = self._said
        self._connection.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.__exit__()
        return said


def block(server, milliseconds=20000, key="s"):
    return Blocked(server, "XREADGROUP", "GROUP", "g", "c", "BLOCK", milliseconds, "STREAMS", key, ">")
