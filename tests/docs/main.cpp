// Prints a page of docs/ from the tables of the core and the harness: `millrace-docs configuration|errors|metrics|acl`;
// `millrace-docs options` prints the options of the npm package.
#include <iostream>
#include <string>
#include <string_view>

#include "command/server_error.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"
#include "millrace/metrics.hpp"
#include "options.hpp"
#include "server/acl_rules.hpp"

namespace {

constexpr std::string_view generated =
    "<!-- Printed from the tables of the core by millrace-docs. Change core/src, then: cmake --build <build directory> "
    "--target update-docs -->\n\n";

constexpr std::string_view generated_by_harness =
    "<!-- Printed from harness/src/server/acl_rules.cpp by millrace-docs. Change that, then: cmake --build <build "
    "directory> "
    "--target update-docs -->\n\n";

std::string_view type_name(millrace::KeyType type) {
    using enum millrace::KeyType;
    switch (type) {
        case text:
            return "text";
        case secret:
            return "secret";
        case integer:
            return "integer";
        case fraction:
            return "fraction";
        case boolean:
            return "boolean";
        case duration:
            return "duration";
        case bytes:
            return "bytes";
        case choice:
            return "choice";
        case list:
            return "list";
    }
    return "";
}

// In a cell of a table a bar would end it, and a pair of angle brackets would be a tag.
std::string cell(std::string_view words) {
    std::string escaped;
    for (const char c : words) {
        if (c == '|') escaped += '\\';
        if (c == '<') {
            escaped += "&lt;";
        } else {
            escaped += c;
        }
    }
    return escaped;
}

void print_configuration() {
    std::cout
        << "# Configuration\n\n"
        << generated
        << R"(The same keys are taken from a YAML or JSON file (`millrace::load_config`, natively), a JSON document, the query of a URL, and
one by one from text. A wrong value or an unknown key is an error that names the key, the value, what is allowed and the nearest
known key; of a YAML file also the line. Nothing connects then.

```json
{"host": "localhost:6379", "stream": "orders", "group": "billing", "batch_size": 100, "flush_interval": "500ms"}
```

- **URLs**: `redis://[user[:password]@]host[:port][/database][?key=value&…]`, `rediss://` for TLS, `unix:///path[?…]`,
  `host:port` or `host`. Everything is percent-decoded. In user and password `@` is written `%40`, `/` `%2F`, `?` `%3F`,
  `#` `%23` and `%` `%25`. `db` in a query is `database`.
- **Durations**: `500ms`, `5s`, `2m`, `1h30m`, or whole milliseconds as a number or text.
- **Bytes**: a whole number, or one with `KiB`, `MiB` or `GiB`.
- **Lists**: a list of texts; in a URL one text, separated by commas.
- **Keys of `tls`** stand inside an object `tls`, or are named `tls.ca` and so on.
- Text that is a whole number may be written as a number. A key without a value (`null`) keeps its default. A key is given once.
- **Whole files** of the notification agent's shape load as they are: our keys stand in `synchronization.pubsub.redis`.
  `synchronization.notification.enable: false` opens nothing; `synchronization.notification.default` is `redis` (mode auto),
  `redis-streams` (streams) or `pubsub` (Pub/Sub). Sections beside `synchronization` belong to the host and are passed over.
- **YAML**: values as they are written, quoted or not; `~` or nothing keeps the default; anchors and `<<` are resolved; one
  document. A file named `.json` is read as JSON.
- **TLS** (natively): 1.2 and 1.3, by OpenSSL. The files of `tls.*` are PEM and are read when a client is created, so that a bad one
  is an error then; `tls.ca` may be a directory. One that changes later counts from the next connection on. A connection that is
  refused over a certificate is tried again for ever, since certificates are renewed, and told each time by the error `tls`.
- Secrets are in no error, log or report.

| key | type | default | 0 means | allowed | meaning |
|---|---|---|---|---|---|
)";
    for (const millrace::ConfigKey& key : millrace::config_keys()) {
        std::cout << "| `" << key.name << "` | " << type_name(key.type) << " | " << cell(key.default_text) << " | "
                  << cell(key.zero_means) << " | " << cell(key.range) << " | " << cell(key.meaning)
                  << (key.available ? "" : " *Not yet: setting it is the error `unsupported`.*") << " |\n";
    }
}

void print_errors() {
    std::cout
        << "# Errors\n\n"
        << generated
        << R"(Every error has a code, a message of one line, and whether trying the same again can help. Three kinds never mix: *misuse*
by the caller, refusal or violation by the *peer*, failure of the *environment*.

| code | kind | retry helps | meaning | what to do |
|---|---|---|---|---|
)";
    for (const millrace::CodeInfo& row : millrace::code_table()) {
        if (row.code == millrace::Code::ok) continue;
        std::cout << "| `" << row.name << "` | " << name(row.kind) << " | " << (row.retryable ? "yes" : "no") << " | "
                  << cell(row.meaning) << " | " << cell(row.advice) << " |\n";
    }
    std::cout << R"(
## What servers say

The text of an error reply decides, by the first row that fits; case does not matter. Errors that a script passes on are
unwrapped first. A text that no row knows is `bad_argument`: the server refused what the command asked for.

| text | where | code | retry helps |
|---|---|---|---|
)";
    for (const millrace::ErrorRow& row : millrace::error_rows()) {
        std::cout << "| `" << row.text << "` | "
                  << (row.match == millrace::ErrorMatch::word ? "first word" : "anywhere") << " | `" << name(row.code)
                  << "` | " << (row.retryable ? "yes" : "no") << " |\n";
    }
}

std::string_view type_name(millrace::MetricType type) {
    using enum millrace::MetricType;
    switch (type) {
        case counter:
            return "counter";
        case gauge:
            return "gauge";
        case histogram:
            return "histogram";
    }
    return "";
}

void print_metrics() {
    std::cout << "# Health and metrics\n\n"
              << generated
              << R"(`Client::health` says how a source is, `Client::metrics` has all counters as Prometheus text, and
`Client::serve_status` offers both over HTTP: `GET /livez` (200 while the client can work at all), `GET /readyz` (200 when
every source is healthy, else 503; JSON says why) and `GET /metrics`. Bare machines have `Machine::health` and
`Machine::metrics`.

A source is healthy when it reads, and the server was heard within `health_deadline`: an open socket is no sign of life, nor
is a connection that a stopped server's kernel accepts. Length, pending and lag are as the server told them last: every
`claim_interval`, and when `look` asks for them.

The label `source` is the number that opening it returned, `stream` its name or how many there are, `group` its group. The
names stand behind `millrace_`; behind `redis_streams_` for dashboards made for that prefix (`MetricNames::redis_streams`);
and for a sink under the names of the last column, behind `deltaforge_`, with the labels `pipeline` and `sink` or `stage`.

| name | type | labels | meaning | deltaforge |
|---|---|---|---|---|
)";
    for (const millrace::Metric& metric : millrace::metric_table()) {
        std::cout << "| " << (metric.name.empty() ? "" : "`" + std::string(metric.name) + "`") << " | "
                  << type_name(metric.type) << " | " << metric.labels << " | " << cell(metric.help) << " | ";
        if (!metric.deltaforge.empty()) std::cout << '`' << metric.deltaforge << "` ";
        std::cout << "|\n";
    }
}

void print_acl() {
    std::cout
        << "# Users and rights\n\n"
        << generated_by_harness
        << R"(A user needs the rules of each feature that it uses, and no others (servers from 6.0). `STREAM` stands for a stream's name;
braces are literal. A stream whose name has a hash tag keeps it: the dead of `a{b}c` are in `a{b}c:dead`. The conformance cases
`security/*` play with exactly these rules and look into `ACL LOG` for whatever was refused all the same.

```
ACL SETUSER worker on >password resetkeys ~orders +info +ping \
  +xgroup|create +xreadgroup +xack +xpending +xclaim +xinfo|groups +xinfo|stream \
  +client|unblock +client|kill
```

What is refused and can be done without is switched off, with one event that names the command: claiming, tidying,
redriving. Without scripts (`eval`, `evalsha`) dead letters are written step by step. A refused read, group or ack closes its
source with the error `no_permission`.

| feature | for | commands | keys, channels |
|---|---|---|---|
)";
    const auto quoted = [](std::string_view text) { return "`" + cell(text) + "`"; };
    for (const millrace::harness::AclFeature& feature : millrace::harness::acl_features()) {
        std::string commands;
        for (const millrace::harness::AclCommand& command : feature.commands) {
            commands += (commands.empty() ? "" : " ") + quoted("+" + std::string(command.name));
            if (!command.since.empty()) commands += " (from " + std::string(command.since) + ")";
        }
        std::string keys;
        for (const std::string_view key : feature.keys) {
            keys += (keys.empty() ? "" : " ") + quoted("~" + std::string(key));
        }
        if (feature.channels) keys += "`&STREAM` (from 6.2)";
        std::cout << "| " << feature.name << " | " << cell(feature.what) << " | " << commands << " | " << keys
                  << " |\n";
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view page = argc == 2 ? argv[1] : "";
    if (page == "configuration") {
        print_configuration();
    } else if (page == "errors") {
        print_errors();
    } else if (page == "metrics") {
        print_metrics();
    } else if (page == "acl") {
        print_acl();
    } else if (page == "options") {
        if (!print_options(std::cout)) {
            std::cerr << "millrace-docs: the table of keys has no key any more at which an interface begins\n";
            return 1;
        }
    } else {
        std::cerr << "usage: millrace-docs configuration|errors|metrics|acl|options\n";
        return 2;
    }
    return std::cout.flush() ? 0 : 1;
}
