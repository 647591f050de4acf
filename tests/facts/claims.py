"""Facts about pending entries: claims, acks, deletion."""

from redis_server import ServerError
from table import entry, fact, first_word, group, pending, refused, take

SECTION = "Claiming"


def held(s, count=1):
    """Entries that consumer c has."""
    group(s)
    ids = [entry(s) for _ in range(count)]
    take(s, count)
    return ids


@fact(SECTION, "Deliveries after XCLAIM, and after XCLAIM … JUSTID, of an entry read once", "2, and 1", "ACK-4, REC-3")
def claims_count(s):
    one, two = held(s, 2)
    s("XCLAIM", "s", "g", "d", 0, one), s("XCLAIM", "s", "g", "d", 0, two, "JUSTID")
    rows = pending(s)
    return f"{rows[0][3]}, and {rows[1][3]}"


@fact(SECTION, "XCLAIM, with min-idle-time 0, of what another consumer has", "takes it", "REC-3")
def claim_steals(s):
    (one,) = held(s)
    s("XCLAIM", "s", "g", "d", 0, one, "JUSTID")
    return "takes it" if pending(s)[0][1] == b"d" else "leaves it"


@fact(SECTION, "XCLAIM … FORCE of an entry that was acked", "pending again", "REC-3")
def force_raises(s):
    (one,) = held(s)
    s("XACK", "s", "g", one), s("XCLAIM", "s", "g", "c", 0, one, "FORCE")
    return "pending again" if pending(s) else "refused"


@fact(
    SECTION,
    "XCLAIM of a pending entry that was deleted",
    {"5.0": "nil in its place; still pending", "7.0": "left out; no longer pending"},
    "REC-2",
)
def claim_of_deleted(s):
    (one,) = held(s)
    s("XDEL", "s", one)
    reply = s("XCLAIM", "s", "g", "d", 0, one)
    told = {"[None]": "nil in its place", "[]": "left out"}.get(repr(reply), repr(reply))
    return told + ("; still pending" if pending(s) else "; no longer pending")


@fact(SECTION, "XCLAIM of two entries, the first of which it does not take", "the reply does not say which", "REC-2")
def claim_drops(s):
    one, two = held(s, 2)
    s("XACK", "s", "g", one)
    reply = s("XCLAIM", "s", "g", "d", 0, one, two)
    return "the reply does not say which" if len(reply) == 1 and reply[0][0] == two else repr(reply)


@fact(SECTION, "XAUTOCLAIM", {"5.0": "unknown", "6.2": "2 elements", "7.0": "3 elements"}, "DET-6, REC-2")
def autoclaim(s):
    held(s)
    if refused(s, "XAUTOCLAIM", "s", "g", "d", 0, "0"):
        return "unknown"
    return f"{len(s('XAUTOCLAIM', 's', 'g', 'd', 0, '0'))} elements"


@fact(
    SECTION,
    "XAUTOCLAIM of a pending entry that was deleted",
    {
        "5.0": "unknown",
        "6.2": "nil without its id; still pending",
        "7.0": "named in the third element; no longer pending",
    },
    "REC-2",
)
def autoclaim_of_deleted(s):
    (one,) = held(s)
    s("XDEL", "s", one)
    try:
        reply = s("XAUTOCLAIM", "s", "g", "d", 0, "0")
    except ServerError:
        return "unknown"
    told = (
        "nil without its id"
        if reply[1] == [None]
        else "named in the third element" if reply[2] == [one] else repr(reply)
    )
    return told + ("; still pending" if pending(s) else "; no longer pending")


@fact(
    SECTION,
    "XAUTOCLAIM COUNT 1, none of 100 pending idle for long enough",
    {"5.0": "unknown", "6.2": "no entries, and a cursor behind the 10th"},
    "REC-2",
)
def autoclaim_scans(s):
    ids = held(s, 100)
    try:
        reply = s("XAUTOCLAIM", "s", "g", "d", 60000, "0", "COUNT", 1)
    except ServerError:
        return "unknown"
    return "no entries, and a cursor behind the 10th" if reply[0] == ids[10] and not reply[1] else repr(reply[:2])


@fact(SECTION, "XPENDING … IDLE, and exclusive ranges `(id`", {"5.0": "refused", "6.2": "taken"}, "DET-6")
def pending_idle(s):
    held(s)
    idle, exclusive = refused(s, "XPENDING", "s", "g", "IDLE", 0, "-", "+", 1), refused(
        s, "XPENDING", "s", "g", "(0-1", "+", 1
    )
    return "taken" if not idle and not exclusive else "refused" if idle and exclusive else f"{idle}, {exclusive}"


SETTLED = "Acks and deletion"


@fact(SETTLED, "XACK of another consumer's entry", "1: acked", "ACK-2")
def ack_by_anybody(s):
    (one,) = held(s)
    s("XCLAIM", "s", "g", "d", 0, one, "JUSTID")
    return "1: acked" if s("XACK", "s", "g", one) == 1 else "0"


@fact(SETTLED, "XACK without such a group or key", "0, no error", "ACK-6")
def ack_without_group(s):
    entry(s)
    return "0, no error" if s("XACK", "s", "nobody", "1-1") == 0 == s("XACK", "nothing", "g", "1-1") else "another"


@fact(SETTLED, "XDEL and trimming of a pending entry", "the entry goes, its id stays pending", "REC-1")
def deleted_stays_pending(s):
    ids = held(s, 2)
    s("XDEL", "s", ids[0]), s("XTRIM", "s", "MAXLEN", 0)
    return "the entry goes, its id stays pending" if len(pending(s)) == 2 and s("XLEN", "s") == 0 else "another"


@fact(SETTLED, "XGROUP DELCONSUMER of one with a pending entry", "nobody gets the entry again", "REC-5")
def delconsumer_loses(s):
    held(s)
    s("XGROUP", "DELCONSUMER", "s", "g", "c")
    return "nobody gets the entry again" if not pending(s) and take(s) is None else "another"


@fact(
    SETTLED,
    "XACKDEL (KEEPREF, its default), with a second group that has not read the entry",
    {"5.0": "unknown", "8.6": "that group never gets it", "valkey": "unknown"},
    "ACK-5",
)
def ackdel_takes(s):
    (one,) = held(s)
    group(s, name="h")
    said = refused(s, "XACKDEL", "s", "g", "IDS", 1, one)
    return "unknown" if said else "that group never gets it" if take(s, name="h") is None else "that group gets it"


@fact(
    SETTLED,
    "XACKDEL … ACKED then",
    {"5.0": "unknown", "8.6": "2: acked, and kept for that group", "valkey": "unknown"},
    "ACK-5",
)
def ackdel_acked(s):
    (one,) = held(s)
    group(s, name="h")
    if refused(s, "XACKDEL", "none", "g", "ACKED", "IDS", 1, one):
        return "unknown"
    done = s("XACKDEL", "s", "g", "ACKED", "IDS", 1, one)
    return f"{done[0]}: acked, and " + ("kept for that group" if take(s, name="h") else "gone")


@fact(
    SETTLED,
    "XACKDEL without such a group or key",
    {"5.0": "unknown", "8.6": "-1 for each id, no error", "valkey": "unknown"},
    "ACK-5",
)
def ackdel_without_group(s):
    entry(s)
    if refused(s, "XACKDEL", "s", "nobody", "IDS", 1, "1-1"):
        return "unknown"
    return "-1 for each id, no error" if [-1] == s("XACKDEL", "nothing", "g", "IDS", 1, "1-1") else "another"


@fact("Groups", "XGROUP CREATE without MKSTREAM, without a key", "`ERR`", "REC-8")
def create_without_key(s):
    return first_word(refused(s, "XGROUP", "CREATE", "s", "g", "0"))


@fact(
    "Groups",
    "`lag` in XINFO GROUPS",
    {"5.0": "absent", "7.0": "a number; nil after XDEL of an unread entry"},
    "OBS-1, OBS-2",
)
def lag(s):
    def of_group():
        row = s("XINFO", "GROUPS", "s")[0]
        return dict(zip(row[::2], row[1::2])).get(b"lag", "absent")

    group(s)
    ids = [entry(s) for _ in range(4)]
    take(s, 1)
    first = of_group()
    s("XDEL", "s", ids[2])
    if first == "absent":
        return "absent"
    return ("a number" if first == 3 else repr(first)) + (
        "; nil after XDEL of an unread entry" if of_group() is None else f"; then {of_group()}"
    )


@fact(
    "Groups",
    "`entries-added` and `max-deleted-entry-id` in XINFO STREAM",
    {"5.0": "absent", "7.0": "there; the second tells of XDEL, not of trimming"},
    "TAIL-3",
)
def stream_counts(s):
    def of_stream():
        row = s("XINFO", "STREAM", "s")
        fields = dict(zip(row[::2], row[1::2]))
        return fields.get(b"entries-added"), fields.get(b"max-deleted-entry-id")

    ids = [entry(s) for _ in range(3)]
    s("XDEL", "s", ids[0]), s("XTRIM", "s", "MAXLEN", 0)
    if of_stream() == (None, None):
        return "absent"
    return "there; the second tells of XDEL, not of trimming" if of_stream() == (3, ids[0]) else repr(of_stream())


@fact("Groups", "`inactive` in XINFO CONSUMERS", {"5.0": "absent", "8.0": "there", "valkey": "there"}, "REC-5")
def inactive(s):
    held(s)
    return "there" if b"inactive" in s("XINFO", "CONSUMERS", "s", "g")[0] else "absent"
