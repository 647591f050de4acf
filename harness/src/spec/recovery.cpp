// What becomes of entries whose consumer, connection, group or server was lost, and of those that nobody can handle.
#include "spec/spec.hpp"

namespace millrace::harness {

namespace {

constexpr SpecLine recoveries[] = {
    {"REC-1",
     R"(A consumer begins with what is pending under its own name (a read of `0`), in pages, before anything new. Passed over
is what it held, and what it had acked without an answer, when that read was sent: held entries outlive their
connection, and an acked one does not come again. A read of `0` counts as a delivery at the server, so the counts are
taken before (XPENDING) and given back (`XCLAIM … RETRYCOUNT`) for what was not handed over: a flapping link makes no
poison. A pending entry that was deleted is acked away and counted, never handed over.)"},
    {"REC-2",
     R"(Then, and every `claim_interval`, entries are taken over that have been idle for `claim_min_idle` under any name of
the group, this consumer's own included (a reply lost on an old socket leaves them there), but never those that this
process holds: to the end of the pending list, in pages, with the right count of deliveries, past pages that are empty
and entries that are deleted.)"},
    {"REC-3",
     R"(What is held is not claimed by others, however slow its handler: from the moment it is read, an entry gets a heartbeat
each half of `claim_min_idle` (`XCLAIM key group me ms id… JUSTID`, where ms is a little less than the time since the
last one: with 0 it would steal back what another claimed in between). What a heartbeat finds with another consumer is
told as `lost`; a later ack of it is a typed error and sends nothing.)"},
    {"REC-4",
     R"(The name of a consumer is the host's where it has a stable one, else generated. Where `consumer_lease` is on,
processes share `{consumer}-1`, `-2`, … by leases: a key with a token, for 30 s, renewed every 10 s. With a lost lease
nothing more is handed out, what is held is `lost`, and the next free name is taken. Two processes under one name get
each other's entries.)"},
    {"REC-5",
     R"(A consumer is deleted from its group only when nothing is pending for it, looked at and deleted in one script: at its
drain where the name was generated, else by others after `consumer_expiry`. Deleting one that has entries pending
loses them.)"},
    {"REC-6",
     R"(A reply that was lost after XREADGROUP went out: the connection is dropped, the old one is killed at the server where
that is allowed and it is still the same server, so that it takes nothing more; then come the acks of ACK-6, then
recovery. A blocking read is never sent again blindly. A read that is not answered within `block` + `read_slack` of
silence has lost its connection, and an idle connection is asked by PING.)"},
    {"REC-7",
     R"(A group that was destroyed, or lost with its key, is made again, with backoff and an event, by `on_lost_group`. With
`low_water` it begins before the smallest id that was pending in the whole group, or, where nothing was, behind what
was delivered last, so that all that was pending, with anybody, or unread comes again; what this process holds is
filtered. Where the key itself is new, it is read from its start, and everything held of the old one is `lost`. A
stream found by a pattern that is gone is left, not made.)"},
    {"REC-8",
     R"(The group is created with its stream where there is none, at `start`; one that exists stays as it is. A stream that a
pattern finds later is read from its start. Refused memory is waited out.)"},
};

constexpr SpecLine dead_letters[] = {
    {"DLQ-1",
     R"(An entry whose deliveries pass `max_deliveries` is not handed over. It goes to the dead stream with its fields and
`dlq_origin_id`, `dlq_stream`, `dlq_group`, `dlq_consumer`, `dlq_deliveries`, `dlq_error`, and only then is acked: in
one script, or, where scripts can't do it, step by step, each after the other's answer. Never in a MULTI, which acks
although the write failed. While it can't be written, the entry stays pending, with an event and backoff.)"},
    {"DLQ-2",
     R"(`reject` does so at once. The dead are listed, and put back to their stream (`redrive`), where only the group that
gave them up gets them; other groups ack them unseen.)"},
    {"DLQ-3",
     R"(The dead stream of `orders` is `{orders}:dead`, braces included, so that both have one slot of a cluster; a name that
has a hash tag keeps it: `a{b}c:dead`. Patterns never match dead streams.)"},
    {"DLQ-4",
     R"(A script is given at most 1,000 arguments in a call; servers refuse, and one build of 6.0 crashes, just before 8,000.)"},
};

}  // namespace

const std::span<const SpecLine> recovery_lines = recoveries;
const std::span<const SpecLine> dead_letter_lines = dead_letters;

}  // namespace millrace::harness
