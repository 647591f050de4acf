// What is made of servers, configurations, errors and hostile peers, and what is seen from outside.
#include "spec/spec.hpp"

namespace millrace::harness {

namespace {

constexpr SpecLine detections[] = {
    {"DET-1",
     R"(After connecting: `HELLO 3` with the credentials where the server knows it, else AUTH in RESP2. `protocol` forces one
of the two. An error that comes unasked in HELLO's place (too many clients) is no sign of an old server.)"},
    {"DET-2",
     R"(The version is `redis_version` of INFO; Valkey is told by `server_name` and `valkey_version`. Any form of it is read
or refused cleanly: `7.0.0-rc1`, `255.255.255`, cut off, missing, binary.)"},
    {"DET-3",
     R"(From 5 on Streams, before 5 Pub/Sub. Where INFO is refused (no permission, unknown command) the version in HELLO's
reply counts, then `COMMAND INFO xreadgroup`, then XLEN of a key; only when all of them tell nothing it is Pub/Sub,
with a warning. A server that is busy, loading or gone has not answered: it is asked again. Never a silent downgrade.)"},
    {"DET-4",
     R"(The choice is logged, with the version as a field, in these words: `Auto-detecting Redis version to choose best
notification implementation...`, `Redis Streams supported - will use Streams for notifications`, `Redis Streams not
supported - will use Pub/Sub for notifications`, `Could not detect Redis version - will use Pub/Sub as safe fallback`.)"},
    {"DET-5",
     R"(Each new connection asks again. A server that was upgraded from 4 to 5 or later under a running consumer is read as
Streams from then on, without a restart, and an event says so.)"},
    {"DET-6",
     R"(What a version says may be there is tried, and the first refusal says that it is not: the consumer steps down to what
older servers have (XAUTOCLAIM, else XPENDING and XCLAIM; XACKDEL, else a script; IDMP, else a script) and loses no
work by it.)"},
};

constexpr SpecLine configurations[] = {
    {"CFG-1",
     R"(The keys are those of [configuration.md](configuration.md), by the same names in a file, a URL, a JSON document and
code. Whole configuration files load as they are; sections that are not ours are told as passed over.)"},
    {"CFG-2",
     R"(Durations are `500ms`, `5s`, `1h30m` or whole milliseconds. Negative ones are refused, and so is 0 where it would mean
no limit or a busy loop.)"},
    {"CFG-3",
     R"(A wrong value or an unknown key is an error that names the key, the value, what is allowed, and the nearest key there
is. Nothing connects then.)"},
    {"CFG-4", R"(Secrets are in no log, error, report, event or crash text.)"},
};

constexpr SpecLine retries[] = {
    {"RET-1",
     R"(The delay before a retry begins at `retry_delay` and doubles up to `max_retry_delay`. Connections, reads, acks and
groups are retried for ever, publishes and requests `max_retries` times. A connection is never tried within 50 ms of
the last attempt, whatever the settings. It stops at a refusal of credentials or of HELLO that no retry can change,
with a typed error; new credentials start it again. A read, group or ack that is refused for good ends its source;
another command that is, switches its feature off, with one event.)"},
    {"RET-2",
     R"(Which errors can go away by themselves is the table in [errors.md](errors.md): LOADING, READONLY, BUSY, too many
clients can; NOAUTH, NOPERM, WRONGTYPE can't. NOSCRIPT loads the script. Errors inside scripts are unwrapped.)"},
    {"RET-3",
     R"(READONLY, and UNBLOCKED at a failover, end the connection, so that the new one finds the master. MOVED and ASK are
`unsupported`.)"},
};

constexpr SpecLine securities[] = {
    {"SEC-1",
     R"(TLS verifies certificate and name unless told otherwise; client certificates and ACL users work; [acl.md](acl.md) has
the least rules. Credentials are sent only over the transport that was asked for, and can be replaced while it runs.)"},
    {"SEC-2",
     R"(Whatever a peer sends costs it the connection, and never the process: endless lines, huge lengths, deep nesting, too
many elements, garbage. Each is bounded before memory is taken for it.)"},
    {"SEC-3",
     R"(The bridge has one fixed upstream, tokens, a list of origins, limits on connections, sizes and rates, and credentials
of its own that a browser never sees. It passes commands on by name and by prefix of their keys, and of scripts only
its own.)",
     "the bridge's tests, in `bindings/wasm/test/bridge`"},
};

constexpr SpecLine observations[] = {
    {"OBS-1",
     R"(The metrics of [metrics.md](metrics.md), as Prometheus text. Lag is absent where the server does not know it.)"},
    {"OBS-2",
     R"(Health tells mode, length, pending, lag and the oldest pending entry, and is bad once nothing has come from the server
for `health_deadline`, whatever the sockets say.)"},
};

}  // namespace

const std::span<const SpecLine> detection_lines = detections;
const std::span<const SpecLine> configuration_lines = configurations;
const std::span<const SpecLine> retry_lines = retries;
const std::span<const SpecLine> security_lines = securities;
const std::span<const SpecLine> observation_lines = observations;

}  // namespace millrace::harness
