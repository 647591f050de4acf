#!/usr/bin/env python3
"""How fast each language consumes through the C ABI, and beside it what people use there without millrace.

    run.py [--rounds=N] [--count=N] [--batch=N] [--server=PATH] [--json=FILE] [--check] LANGUAGE[=COMMAND]...

    run.py python='venv/bin/python python/bench.py' go=go/bench rust=rust/target/release/bench c=./c-bench c++=./cpp-bench

A COMMAND is called with WHICH URL STREAM GROUP COUNT BATCH and prints {"entries":n,"bytes":n,"seconds":s}; it exits 3
where WHICH is not at hand. A stream is filled once on a server of the run's own; the programs of a language take turns,
each with a group of its own that begins at the first entry, and what they read and acked is checked afterwards.

Prints entries a second, the median of the rounds, and how many times as fast millrace is: the median of the ratios
within a round. Exits 1 where a program failed or read something else; with --check also where a ratio is below what is
wanted of it.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/examples"))
from redis_server import ScratchServer  # noqa: E402

STREAM = "bench"
PAYLOAD = b"0123456789" * 25
PYTHON = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).parent / 'python/bench.py'))}"
ABSENT = 3  # the exit code that says so
RUN_TIMEOUT = 300

# By language: its peers, and how many times as fast as each of them millrace has to be. The peer of C is the client of
# C++, whose program has a command of its own.
PEERS = {
    "python": {"redis-py": 1.5},
    "go": {"go-redis": 1.0, "rueidis": 1.0},
    "rust": {"redis-rs": 2.0},
    "c": {"c++": 0.95},
}


class BenchError(Exception):
    """A program failed, or did something else than the others."""


@dataclass
class Program:
    language: str
    name: str
    command: Optional[list]
    which: str
    wanted: Optional[float] = None
    absent: Optional[str] = None
    rates: list = field(default_factory=list)
    ratios: list = field(default_factory=list)

    def result(self):
        return {
            "language": self.language,
            "name": self.name,
            "absent": self.absent,
            "rates": [round(rate) for rate in self.rates],
            "rate": round(statistics.median(self.rates)) if self.rates else None,
            "ratio": round(statistics.median(self.ratios), 3) if self.ratios else None,
            "wanted": self.wanted,
        }


def programs_of(commands):
    """By language, millrace first and its peers behind it."""
    found = {}
    for language, peers in PEERS.items():
        if language not in commands:
            continue
        found[language] = [Program(language, "millrace", commands[language], "millrace")]
        for peer, wanted in peers.items():
            program = Program(language, peer, commands[language], peer, wanted)
            if peer == "c++":
                program.command, program.which = commands.get(peer), "millrace"
                program.absent = None if program.command else "no c++=COMMAND was given"
            found[language].append(program)
    return found


def fill(redis, count):
    for first in range(0, count, 1000):
        redis.pipeline([("XADD", STREAM, "*", "payload", PAYLOAD)] * min(1000, count - first))


def run(redis, program, group, count, batch):
    """Entries a second, or None where the program is absent."""
    redis("XGROUP", "CREATE", STREAM, group, "0")
    arguments = [program.which, f"redis://127.0.0.1:{redis.port}", STREAM, group, str(count), str(batch)]
    name = f"{program.language}, {program.name}"
    try:
        done = subprocess.run([*program.command, *arguments], capture_output=True, text=True, timeout=RUN_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{name}: {error}") from error
    if done.returncode == ABSENT:
        program.absent = done.stderr.strip() or "it says that it is not at hand"
        return None
    if done.returncode != 0:
        raise BenchError(f"{name}: exit code {done.returncode}: {done.stderr.strip()}")
    try:
        told = json.loads(done.stdout)
        rate = told["entries"] / told["seconds"]
        read = told["entries"], told["bytes"]
    except (ValueError, TypeError, KeyError) as error:
        raise BenchError(f"{name}: it printed {done.stdout[:200]!r}: {error!r}") from error
    left = left_of(redis, group)
    redis("XGROUP", "DESTROY", STREAM, group)
    if (*read, left) != (count, count * len(PAYLOAD), 0):
        raise BenchError(f"{name}: of {count} entries of {len(PAYLOAD)} bytes: {told}, {left} were not acked")
    return rate


def left_of(redis, group):
    """How many entries the group has not read, or not acked."""
    (listed,) = [each for each in map(pairs, redis("XINFO", "GROUPS", STREAM)) if each["name"] == group.encode()]
    unread = redis("XRANGE", STREAM, b"(" + listed["last-delivered-id"], "+")
    return len(unread) + listed["pending"]


def pairs(flat):
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def play(redis, programs, options):
    for number in range(options.rounds):
        rates = {}
        # Every other round backwards, so that a machine that slows down favours nobody.
        for program in programs if number % 2 == 0 else reversed(programs):
            if program.absent is None:
                rate = run(redis, program, f"{program.language}-{program.name}-{number}", options.count, options.batch)
                if rate is not None:
                    rates[program.name] = rate
                    program.rates.append(rate)
        for program in programs[1:]:
            if program.name in rates and "millrace" in rates:
                program.ratios.append(rates["millrace"] / rates[program.name])


def table(results):
    lines = [f"{'language':10}{'program':12}{'entries/s':>12}{'least':>12}{'most':>12}{'millrace is':>14}{'wanted':>9}"]
    for each in results:
        line = f"{each['language']:10}{each['name']:12}"
        if each["absent"] is not None:
            lines.append(f"{line}{'absent':>12}  {each['absent'].splitlines()[0]}")
            continue
        line += f"{each['rate']:12,}{min(each['rates']):12,}{max(each['rates']):12,}"
        if each["ratio"] is not None:
            line += f"{each['ratio']:13.2f}x{each['wanted']:8.2f}x"
        lines.append(line)
    return "\n".join(lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--server", help="a redis-server; else that of REDIS_SERVER, of PATH or of ./dev servers")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("language", nargs="+", help=", ".join([*PEERS, "c++"]) + "; all but python with their command")
    options = parser.parse_args()
    if min(options.rounds, options.count, options.batch) < 1:
        parser.error("--rounds, --count and --batch are at least 1")
    options.commands = {}
    for given in options.language:
        language, _, command = given.partition("=")
        if language not in PEERS and language != "c++":
            parser.error(f"no language {language!r}: {', '.join(PEERS)} or c++")
        command = command or (PYTHON if language == "python" else "")
        if not command:
            parser.error(f"{language}: which command? {language}=COMMAND")
        options.commands[language] = shlex.split(command)
    return options


def main():
    options = parse()
    languages = programs_of(options.commands)
    with ScratchServer(options.server) as redis:
        version = dict(line.split(":", 1) for line in redis("INFO").decode().split("\r\n") if ":" in line)[
            "redis_version"
        ]
        fill(redis, options.count)
        for programs in languages.values():
            play(redis, programs, options)
    results = [program.result() for programs in languages.values() for program in programs]
    print(f"Redis {version}, {options.count:,} entries of {len(PAYLOAD)} bytes, batches of {options.batch}, ", end="")
    print(f"{options.rounds} rounds\n\n{table(results)}")
    if options.json:
        what = {"server": version, "count": options.count, "batch": options.batch, "payload_bytes": len(PAYLOAD)}
        options.json.write_text(json.dumps({**what, "rounds": options.rounds, "results": results}, indent=2) + "\n")
    missed = [each for each in results if each["ratio"] is not None and each["ratio"] < each["wanted"]]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(str(error))
