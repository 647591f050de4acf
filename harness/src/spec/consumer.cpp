// Batches, acks, duplicates, and how much is held.
#include "spec/spec.hpp"

namespace millrace::harness {

namespace {

constexpr SpecLine batches[] = {
    {"BAT-1",
     R"(A batch is handed over when it holds `batch_size` entries, or `flush_interval` after its first entry arrived,
whichever is first, and says which it was: `size`, `flush` or `recovery`. It never holds more than `batch_size` and is
never empty. Recovered entries are not mixed with new ones, and the rest of the last page of a recovery waits for no
flush.)"},
    {"BAT-2",
     R"(Entries delivered for the first time come in the order of their stream. A burst is cut into full batches at once: 20
entries with `batch_size` 5 are 4 batches, and none of them waits.)"},
    {"BAT-3",
     R"(A flush is never early. It SHOULD be at most 50 ms late on an idle machine; 500 ms late is a failure. So it can't be
the server's BLOCK that ends it: servers look at their timeouts ten times a second.)"},
};

constexpr SpecLine acks[] = {
    {"ACK-1",
     R"(XACK is sent after the application has acked, never before. A batch costs one XACK for each stream in it; part of a
batch can be acked.)"},
    {"ACK-2",
     R"(An entry is acked at most once for each delivery. An ack of what was acked before, or is not held (any more), is the
typed error `not_held` or `lost`, entry by entry, and nothing is sent for it. The server can't help here: it takes an
XACK from anybody.)"},
    {"ACK-3",
     R"(An ack is written at once. It does not wait behind a blocking read: with two connections it goes by the other one,
with one connection `block` is short and the ack is executed when the block ends.)"},
    {"ACK-4",
     R"(`nack(delay)` leaves the entry pending here and delivers it again after the delay, and the server counts each of these
deliveries (XCLAIM without JUSTID), or a loop of nacks would never be poison. At most 10 × `prefetch` entries wait so;
what is more is released. Released to others means: pending, and idle for `claim_min_idle` at once (`XCLAIM … IDLE n
JUSTID`; XNACK where a server has it). Neither takes an entry that another consumer has claimed meanwhile.)"},
    {"ACK-5",
     R"(With `delete_acked` an entry that its group has acked goes, but never from other groups that still need it: `XACKDEL …
ACKED`, before 8.2 a script that deletes only where the stream has exactly one group, and says so where it does not.)"},
    {"ACK-6",
     R"(An ack whose answer was lost, or is an error that a retry can change, is kept and sent again; after a lost connection
before anything is recovered.)"},
};

constexpr SpecLine dedupe[] = {
    {"DUP-1",
     R"(Two entries are the same when their canonical ids are: the field `id_field`, or a path into a field's JSON
(`event.id`), else the entry's id. The window is bounded by count and by time; duplicates are counted.)"},
    {"DUP-2",
     R"(An id is seen once its entry is acked, not when it is delivered: a consumer that dies in between has seen nothing. A
later duplicate is acked and not handed over. A copy of what is held waits until the first is settled. A rejected id
is not seen.)"},
    {"DUP-3",
     R"(`dedupe: redis` survives restarts and is shared by the group. Mark and XACK are one script; where memory is refused to
it, the entry is acked all the same, and an event tells of the id without a mark. An
id of the group `billing` is marked by the key `{orders}:seen:7:billing:ID`, where 7 is the length of the group's name.)"},
};

constexpr SpecLine backpressure[] = {
    {"BP-1",
     R"(At most `prefetch` entries and `prefetch_bytes` are held (those nacked and waiting aside); then reading stops, and it
goes on by itself. Of many streams the busy ones are read in turn, a few at a time, and the quiet ones between the
turns. A read over n streams may bring one entry of each more than `prefetch`, and a single reply may be past
`prefetch_bytes`. `pause` and `resume` do the same by hand.)"},
    {"BP-2", R"(A publish past `publish_queue_bytes` is refused with `would_block`. Nothing is dropped silently.)"},
    {"BP-3",
     R"(An entry larger than `max_message_bytes` ends no connection: its bytes are counted and thrown away, an event
`too_large` names stream, id and size, and the server moves it to the dead stream. Where that is refused it stays
pending, and recovery passes over it.)"},
};

constexpr SpecLine drains[] = {
    {"DRN-1",
     R"(`drain(timeout)`: no batch is handed over from the call on. A blocking read is ended by CLIENT UNBLOCK (to close its
socket instead strands an entry that arrives in that moment). What is held and not handed over is released; what is
handed over can still be acked; queued publishes go out; the connections close. `drained` tells what was left pending
when the time was up, and nothing comes after it.)"},
};

}  // namespace

const std::span<const SpecLine> batch_lines = batches;
const std::span<const SpecLine> ack_lines = acks;
const std::span<const SpecLine> dedupe_lines = dedupe;
const std::span<const SpecLine> backpressure_lines = backpressure;
const std::span<const SpecLine> drain_lines = drains;

}  // namespace millrace::harness
