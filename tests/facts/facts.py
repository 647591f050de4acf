#!/usr/bin/env python3
"""What servers do, asked of them and printed.

usage: facts.py ask SERVER [--as=VERSION]   every fact of the table, of a server of its own: a name of ./dev servers, or a
                                            program; --as: as if it were of that version (5.0, valkey), for tests
       facts.py print                       docs/servers.md

Exit codes: 0 all as the table says, 1 something else was answered, 2 bad usage, 77 no such server is here.
"""

import os
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/examples"))
from redis_server import ScratchServer  # noqa: E402

# In the order of the page: each puts its facts into the table.
import reading  # noqa: E402, F401
import claims  # noqa: E402, F401
import commands  # noqa: E402, F401
from table import FACTS, VERSIONS, family  # noqa: E402

HEAD = """# What servers do

<!-- Printed from tests/facts. Change that, then: cmake --build <build directory> --target update-docs -->

Facts about Redis and Valkey that a consumer of Streams stands on, and that their documentation does not tell, or tells of one version.
Each was asked of every server here, Redis 5.0, 6.0, 6.2, 7.0, 8.0, 8.6, Valkey 8.1 and 9, and is asked again by each `./dev test`;
`tests/facts/facts.py ask FILE` asks a server of yours. The last column names the lines of [what delivery means](delivery.md) that stand on it.
"""


def executable(name):
    cache = pathlib.Path(os.environ.get("MILLRACE_CACHE", ROOT / ".cache"))
    return shutil.which(cache / "servers" / name / "server") or shutil.which(name)


def ask(name, pretended):
    program = executable(name)
    if program is None:
        print(f"facts: {name} is not here (./dev servers)")
        return 77
    wrong = 0
    with ScratchServer(program) as server:
        version = pretended or family(server("INFO", "server").decode())
        for fact in FACTS:
            server("FLUSHALL")
            said, expected = fact.probe(server), fact.answer_of(version)
            if said != expected:
                wrong += 1
                print(f"{fact.section}: {fact.what}\n  expected of {version}: {expected}\n  said: {said}")
    print(f"{name}: {len(FACTS)} facts asked, {wrong} answered otherwise")
    return 1 if wrong else 0


def print_page():
    print(HEAD, end="")
    section = None
    for fact in FACTS:
        if fact.section != section:
            section = fact.section
            print(f"\n## {section}\n\n| what is asked | what servers answer | lines |\n|---|---|---|")
        print(f"| {fact.what} | {fact.in_words()} | {fact.lines} |")
    return 0


def main(words):
    pretended = [word.removeprefix("--as=") for word in words if word.startswith("--as=")]
    names = [word for word in words if not word.startswith("--")]
    known = not pretended or pretended[0] in VERSIONS
    if len(names) == 2 and names[0] == "ask" and known and len(names) + len(pretended) == len(words):
        return ask(names[1], pretended[0] if pretended else None)
    if words == ["print"]:
        return print_page()
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main(sys.argv[1:]))
