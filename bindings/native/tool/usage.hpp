// The command line of `millrace`: this text is what is parsed.
#pragma once

namespace millrace::tool {

inline constexpr char usage[] = R"(Entries of Redis Streams from the command line, one JSON object a line.

Usage:
  millrace consume <stream>... [--group=<name>] [--consumer=<name>] [--count=<n>] [--set=<key=value>]... [options]
  millrace tail <stream>... [--from=<where>] [--count=<n>] [--set=<key=value>]... [options]
  millrace publish <stream> <field=value>... [--set=<key=value>]... [options]
  millrace dead <stream> [--after=<id>] [--count=<n>] [--set=<key=value>]... [options]
  millrace redrive <stream> (--all | --id=<id>...) [--set=<key=value>]... [options]
  millrace group (create | move) <stream> <group> [--at=<id> | --since=<seconds>] [--set=<key=value>]... [options]
  millrace group destroy <stream> <group> [--set=<key=value>]... [options]
  millrace (-h | --help | --version)

consume reads as a consumer of a group; each entry is acked once its line was written. SIGINT, SIGTERM, --count and the
end of who reads our output give back what was not written, and end. dead lists what was given up, redrive puts it back
for the group that gave it up. Behind -- nothing is an option: millrace publish -- -stream -field=value

Options:
  --url=<url>          the server, and any keys in its query; a password may come by the environment's REDIS_PASSWORD
                       instead [default: redis://localhost:6379]
  --set=<key=value>    a key of the configuration, docs/configuration.md; may be repeated
  --group=<name>       the consumer group; without one the key's, which is notifications
  --consumer=<name>    our name in the group; without one it is generated
  --from=<where>       new, last:<n>, an entry id, or id:<canonical id>; without one the key's, which is new
  --count=<n>          end after so many
  --after=<id>         list what is behind this id of the dead stream
  --all                every dead letter there is now
  --id=<id>...         a dead letter, by its id in the dead stream; may be repeated
  --at=<id>            where the group reads on: 0, $, or behind an entry id [default: 0]
  --since=<seconds>    the same by time, in Unix seconds: the entries added from then on
  --timeout=<time>     how long to wait for an answer [default: 10s]
  --log=<form>         what is told on standard error: logfmt, json or none [default: logfmt]

Exit codes: 0 done, also where there was nothing to do; 1 refused, or not answered in time; 2 wrong use.
)";

}  // namespace millrace::tool
