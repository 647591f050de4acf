"""Facts about commands that came late, scripts, refusals and what is written."""

from table import entry, fact, first_word, group, refused, take

SECTION = "Commands"


@fact(SECTION, "HELLO", {"5.0": "unknown", "6.0": "taken"}, "DET-1")
def hello(s):
    return "unknown" if refused(s, "HELLO", 2) else "taken"


@fact(SECTION, "The text for an unknown command quotes it by", {"5.0": "backticks", "7.0": "apostrophes"}, "RET-2")
def unknown_text(s):
    said = refused(s, "NOSUCH", "a")
    return {"`": "backticks", "'": "apostrophes"}[said.split("command ", 1)[1][0]]


@fact(SECTION, "COMMAND INFO of an unknown command", "a list of one nil", "DET-3")
def command_info(s):
    return "a list of one nil" if s("COMMAND", "INFO", "nosuch") == [None] else "another"


@fact(SECTION, "SCAN … TYPE stream", {"5.0": "`ERR` syntax error", "6.0": "taken"}, "MUL-2")
def scan_type(s):
    said = refused(s, "SCAN", 0, "TYPE", "stream")
    return "taken" if said is None else f"{first_word(said)} syntax error" if "syntax" in said else said


@fact(SECTION, "XADD NOMKSTREAM, and MINID", {"5.0": "refused: `Invalid stream ID`", "6.2": "taken"}, "PUB-3")
def minid(s):
    said = [refused(s, "XADD", "s", "NOMKSTREAM", "*", "f", "v"), refused(s, "XADD", "s", "MINID", 1, "*", "f", "v")]
    if said == [None, None]:
        return "taken"
    return (
        "refused: `Invalid stream ID`" if all(error and "Invalid stream ID" in error for error in said) else repr(said)
    )


@fact(
    SECTION,
    "XADD … IDMP p i, twice",
    {"5.0": "refused", "8.6": "the first one's id, also once it was deleted", "valkey": "refused"},
    "PUB-2",
)
def idmp(s):
    words = ("XADD", "s", "IDMP", "p", "i", "*", "f", "v")
    if refused(s, *words):
        return "refused"
    first = s(*words)
    s("XDEL", "s", first)
    return "the first one's id, also once it was deleted" if s(*words) == first else "another id"


@fact(SECTION, "XREADGROUP … CLAIM", {"5.0": "refused", "8.6": "taken", "valkey": "refused"}, "DET-6")
def claim_in_read(s):
    group(s)
    return "refused" if refused(s, "XREADGROUP", "GROUP", "g", "c", "CLAIM", 1000, "STREAMS", "s", ">") else "taken"


SCRIPTS = "Scripts and transactions"


@fact(
    SCRIPTS,
    "An error of a command in a script",
    {"5.0": "wrapped: `ERR Error running script …`", "7.0": "as it is, with the script's name behind it"},
    "RET-2",
)
def script_error(s):
    s("SET", "s", "x")
    said = refused(s, "EVAL", "return redis.call('XLEN', KEYS[1])", 1, "s")
    return (
        "wrapped: `ERR Error running script …`"
        if said.startswith("ERR Error running script")
        else (
            "as it is, with the script's name behind it"
            if said.startswith("WRONGTYPE") and "script: " in said
            else said
        )
    )


@fact(SCRIPTS, "`unpack` of 8,000 values in a script", "`ERR` too many results to unpack", "DLQ-4")
def unpack(s):
    said = refused(s, "EVAL", "local t = {} for i = 1, 8000 do t[i] = i end return {unpack(t)}", 0)
    return "`ERR` too many results to unpack" if said and "too many results to unpack" in said else first_word(said)


@fact(SCRIPTS, "EXEC whose second command fails", "the others are done", "DLQ-1")
def exec_does_not_roll_back(s):
    group(s)
    one = entry(s)
    take(s), s("SET", "dead", "x")
    with s.connect() as connection:
        for words in (("MULTI",), ("XADD", "dead", "*", "f", "v"), ("XACK", "s", "g", one)):
            connection.ask(*words)
        refused(connection.ask, "EXEC")
    return "the others are done" if s("XPENDING", "s", "g")[0] == 0 else "none is done"


REFUSALS = "Refusals"


@fact(REFUSALS, "`min-replicas-to-write` unmet: XREADGROUP, XACK, XCLAIM", "`NOREPLICAS` for each", "RET-2")
def noreplicas(s):
    group(s)
    one = entry(s)
    take(s)
    s("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        said = {
            first_word(refused(s, *words))
            for words in (
                ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
                ("XACK", "s", "g", one),
                ("XCLAIM", "s", "g", "d", 0, one),
            )
        }
    finally:
        s("CONFIG", "SET", "min-replicas-to-write", 0)
    return f"{said.pop()} for each" if len(said) == 1 else repr(said)


@fact(REFUSALS, "`maxmemory` reached: XADD, XREADGROUP, XACK, XCLAIM", "`OOM`, done, done, done", "RET-2")
def oom(s):
    group(s)
    one = entry(s)
    take(s)
    s("CONFIG", "SET", "maxmemory", 1)
    try:
        return ", ".join(
            first_word(refused(s, *words))
            for words in (
                ("XADD", "s", "*", "f", "v"),
                ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
                ("XACK", "s", "g", one),
                ("XCLAIM", "s", "g", "d", 0, one),
            )
        )
    finally:
        s("CONFIG", "SET", "maxmemory", 0)
