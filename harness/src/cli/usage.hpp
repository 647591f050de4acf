// The usage text is the command line: docopt parses by it.
#pragma once

namespace millrace::harness {

inline constexpr const char* usage = R"(millrace-harness: does a consumer of Redis Streams deliver what it promises?

Runs consumers ("agents", in any language) against real servers under real faults, checks the recorded history, and
reports case by case with the line of the specification that was missed.

Usage:
  millrace-harness list [--json]
  millrace-harness spec [<line>...] [--json]
  millrace-harness run [--agent=<cmd>]... [--server=<spec>]... [--scenario=<glob>]... [--config=<file>] [--seed=<n>]
                       [--report=<dir>] [--rounds=<n>] [--strict] [--jobs=<n>] [--timeout=<s>] [--quiet]
  millrace-harness proxy --upstream=<host:port>... [--port=<n>] [--fault=<spec>]...
  millrace-harness bench [--server=<spec>] [--against=<peer>]... [--json]
  millrace-harness --help
  millrace-harness --version

list prints the cases; spec what delivery means line by line (docs/delivery.md), or the lines named: REC-1, or all of REC.

Options:
  --agent=<cmd>      native, c (the C ABI), node, python, go or rust: millrace by its bindings, as ./dev build harness, npm,
                     python, go and rust put them into build/bin; or a command line that speaks the agent protocol
                     (harness/README.md). Repeatable: the report is a matrix. [default: native]
  --server=<spec>    redis://[[user]:password@]host[:port][/db] (a running server: only keys under a random prefix are
                     touched, and they are removed), rediss://…[?tls.ca=file&…] and unix:///path in the same way (cases
                     that fake faults on the wire are UNSUPPORTED there), local:NAME (a server that ./dev servers fetched),
                     local:/path/to/redis-server, compose:NAME. Repeatable. Without it: $MILLRACE_SERVERS (URLs), else the
                     Redis of this machine's distribution.
  --scenario=<glob>  Cases by id or by area: 'burst', 'recovery/*', 'flush/1-interval'. Repeatable. Without it: all.
  --config=<file>    Configuration keys for every start, as YAML, or as JSON in a file named .json; also a whole
                     configuration file (synchronization.pubsub.redis). A case's own keys come on top, and what cases
                     choose (host, password, streams, group and their like) is passed over.
  --seed=<n>         Seed of what cases draw. Without it: another one each time; it is in the report.
  --report=<dir>     Where report.html, report.json and junit.xml go. [default: millrace-report]
  --rounds=<n>       Rounds of the cases that play many. [default: 3]
  --strict           A missed SHOULD (NON-STRICT) fails the run too.
  --jobs=<n>         Cases at once; those that judge time play alone all the same. [default: 8]
  --timeout=<s>      Seconds that a case may take; long ones, which play on one server of a run, four times that. An
                     agent's hello and its ready may each take a sixth of it, or 10 s where that is more. [default: 60]
  --quiet            No progress: the table and the failures alone.
  --upstream=<host:port>  Where the proxy passes connections on to; of several, the first that accepts. It prints the port
                     that it listens on, on 127.0.0.1, tells each fault that strikes on stderr, and ends by Ctrl-C.
  --port=<n>         That port; 0 is any free one. [default: 0]
  --fault=<spec>     What the proxy does to connections. Repeatable.
                       delay:<ms>            everything passes so much later, in both directions
                       split:<n>             at most n bytes at a time, each piece in a write of its own
                       throttle:<bytes/s>    at most so many bytes a second in each direction
                       cut:<up|down>@<byte>  each connection ends once so many of its bytes have passed to the
                                             server (up) or to the client (down)
                       halfopen              the end of one side is not told to the other, whose socket stays open
                                             and silent
                       blackhole             connections are taken, and nothing passes
                       reply:<COMMAND>[#<nth>]=<bytes>
                                             the nth command of this name (without #: every one) is not passed on but
                                             answered with these bytes, escapes as in C, in its place among the
                                             replies: 'reply:XACK#2=-LOADING wait\r\n'. Of CLIENT, XGROUP and their like
                                             the subcommand may be named too, and 'XREADGROUP >' or 'XREADGROUP ID'.
  --against=<peer>   hiredis (a plain loop of XREADGROUP and XACK), ceiling (pipelined reads, nothing acked). Repeatable.
                     Without it: hiredis.
  --json             For programs.
  -h --help          This text.
  --version          The version.

Exit codes: 0 every case that applies is OK or NON-STRICT (with --strict: OK); 1 a case FAILED; 2 bad usage, an agent or
server that could not be started, a report that could not be written, or no case applied; 130 interrupted.
)";

}  // namespace millrace::harness
