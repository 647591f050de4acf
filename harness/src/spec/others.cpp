// Publishing, tails, many streams, Pub/Sub.
#include "spec/spec.hpp"

namespace millrace::harness {

namespace {

constexpr SpecLine publishes[] = {
    {"PUB-1",
     R"(Each entry of a pipeline has a result of its own, and only what failed is retried. The order of a stream holds over
lost connections and with `atomic` (MULTI); else an entry that was retried alone may come behind later ones, and its
result says `reordered`.)"},
    {"PUB-2",
     R"(A write whose answer was lost is sent again and says `maybe_duplicate`, or `maybe_written` where it ends without an
answer. With `idempotent` it is there exactly once within `idempotent_window` and `idempotent_count`: by IDMP where
the server has it, else by a script; past the window it says `maybe_duplicate` again.)"},
    {"PUB-3",
     R"(Each append may trim by `max_len`, about or exactly, or by `max_age` of the server's clock. With `keep_pending` what a
group has pending or has not read yet stays.)"},
    {"PUB-5",
     R"(Fields arrive as they were given: order, repeats and every byte. Values may be as large as the server takes them;
`max_message_bytes` bounds them.)"},
};

constexpr SpecLine tails[] = {
    {"TAIL-1",
     R"(A tail reads without a group, and each reader gets every entry: from now on, the last n, after an id, or from a saved
cursor, in batches as BAT has them. "From now on" is fixed to an id once: `$`, sent twice, misses what comes in
between.)"},
    {"TAIL-2",
     R"(After the newest entry of a canonical id, found backwards within bounds, or the error `cursor_not_found`.)"},
    {"TAIL-3",
     R"(Entries that were trimmed before they could be read are told as a `gap` between two ids, a stream that was made anew
as a `reset`; then the tail goes on.)"},
};

constexpr SpecLine many[] = {
    {"MUL-1",
     R"(One consumer reads many streams, and a busy one lets the others in between. A stream that is missing or of a wrong
type is mended or left; the others go on.)"},
    {"MUL-2", R"(Of a pattern, streams that come are joined within `discover_interval`, and those that go are left.)"},
};

constexpr SpecLine pubsub[] = {
    {"PS-1",
     R"(The fallback for servers before 5: the same batches, acks that do nothing, empty ids. It is `at_most_once` and says
so, and its cases are never a pass of one for Streams. A payload that is a JSON object is the fields; another is one
field `data`. A message that a channel and a pattern both bring comes once.)"},
    {"PS-2", R"(After a lost connection the subscription is made again, and the gap is told.)"},
};

}  // namespace

const std::span<const SpecLine> publish_lines = publishes;
const std::span<const SpecLine> tail_lines = tails;
const std::span<const SpecLine> many_lines = many;
const std::span<const SpecLine> pubsub_lines = pubsub;

}  // namespace millrace::harness
