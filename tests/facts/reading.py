"""Facts about reads: what they bring, and how those that block end."""

from table import block, entry, fact, first_word, group, pending, refused, take

SECTION = "Reading"


@fact(
    SECTION, "XREADGROUP with BLOCK and an id other than `>`, nothing pending", "at once: the key, no entries", "REC-1"
)
def history_does_not_block(s):
    group(s)
    reply = s("XREADGROUP", "GROUP", "g", "c", "BLOCK", 60000, "STREAMS", "s", "0")
    return "at once: the key, no entries" if reply == [[b"s", []]] else repr(reply)


@fact(SECTION, "XREADGROUP with BLOCK of one stream by `>` and another by `0`", "at once", "MUL-1")
def mixed_ids_do_not_block(s):
    group(s, "s"), group(s, "t")
    s("XREADGROUP", "GROUP", "g", "c", "BLOCK", 60000, "STREAMS", "s", "t", ">", "0")
    return "at once"


@fact(SECTION, "XREADGROUP COUNT 0", "no limit", "CFG-2")
def count_0(s):
    group(s)
    for _ in range(200):
        entry(s)
    return "no limit" if len(take(s, 0)[0][1]) == 200 else "a limit"


@fact(SECTION, "Deliveries that XPENDING tells after a read by `>` and one of `0`", "2", "REC-1")
def history_counts(s):
    group(s), entry(s), take(s), take(s, at="0")
    return str(pending(s)[0][3])


@fact(SECTION, "A pending entry that was deleted, in a read of `0` (RESP2)", "its id and a null array", "REC-1")
def tombstone(s):
    group(s)
    one = entry(s)
    take(s), s("XDEL", "s", one)
    return "its id and a null array" if take(s, at="0") == [[b"s", [[one, None]]]] else "another"


@fact(
    SECTION, "One of two streams of a read has no such group", "`NOGROUP`, and nothing is taken of the other", "MUL-1"
)
def one_nogroup(s):
    group(s, "s"), entry(s, "s"), entry(s, "t")
    said = refused(s, "XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "t", ">", ">")
    return f"{first_word(said)}, and " + (
        "nothing is taken of the other" if not pending(s) else "the other's are taken"
    )


@fact(
    SECTION,
    "XREAD behind `7-18446744073709551615`, where there are `7-5` and `8-1`",
    {"5.0": "begins with `7-5`", "6.0": "begins with `8-1`"},
    "TAIL-1",
)
def wraps(s):
    entry(s, at="7-5"), entry(s, at="8-1")
    reply = s("XREAD", "STREAMS", "s", "7-18446744073709551615")
    return f"begins with `{reply[0][1][0][0].decode()}`"


BLOCKED = "Reads that block"


@fact(
    BLOCKED,
    "The key is deleted",
    {"5.0": "nothing", "7.0": "`UNBLOCKED`", "8.0": "`NOGROUP`", "valkey": "`NOGROUP`"},
    "REC-7",
)
def key_deleted(s):
    group(s)
    blocked = block(s)
    s("DEL", "s")
    return blocked.ended()


@fact(
    BLOCKED,
    "The key is overwritten by SET",
    {"5.0": "nothing", "7.0": "`UNBLOCKED`", "8.0": "`WRONGTYPE`", "valkey": "`WRONGTYPE`"},
    "REC-7",
)
def key_overwritten(s):
    group(s)
    blocked = block(s)
    s("SET", "s", "x")
    return blocked.ended()


@fact(BLOCKED, "The group is destroyed", {"5.0": "nothing", "6.0": "`NOGROUP`"}, "REC-7")
def group_destroyed(s):
    group(s)
    blocked = block(s)
    s("XGROUP", "DESTROY", "s", "g")
    return blocked.ended()


@fact(BLOCKED, "The consumer is deleted, then an entry comes", "entries, pending under the deleted name", "REC-5")
def consumer_deleted(s):
    group(s)
    blocked = block(s)
    s("XGROUP", "DELCONSUMER", "s", "g", "c")
    entry(s)
    said = blocked.ended()
    return said + (", pending under the deleted name" if pending(s)[0][1] == b"c" else "")


@fact(BLOCKED, "CLIENT UNBLOCK", "nil, as at its timeout", "DRN-1")
def unblocked(s):
    group(s)
    blocked = block(s)
    s("CLIENT", "UNBLOCK", blocked.client)
    return blocked.ended() + ", as at its timeout"


@fact(BLOCKED, "An entry comes while the client's socket is closed by CLIENT KILL", "not taken", "REC-6")
def killed(s):
    group(s)
    blocked = block(s)
    s("CLIENT", "KILL", "ID", blocked.client)
    entry(s)
    blocked.ended()
    return "taken" if pending(s) else "not taken"
