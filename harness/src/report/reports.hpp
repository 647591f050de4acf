// The reports of a run, each a text made from the same plain result: for programs, for CI, for people.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "run/result.hpp"

namespace millrace::harness {

// report.json, schema 1; grows by new members, changes by a new number.
std::string report_json(const Report& report);
std::string report_junit(const Report& report);
// One page without anything from elsewhere.
std::string report_html(const Report& report);
// The history of one case as an SVG.
std::string timeline_svg(const CaseResult& result);

// "local:redis-7.0" and "local:/usr/bin/redis-server" as headings: "redis-7.0", "Redis 7.0.15".
std::string short_name(const ServerUnderTest& server);
// A verdict in a table: "OK", "-" where it is UNSUPPORTED.
std::string_view cell_of(Verdict verdict);
// The command that plays one case again.
std::string repeat_command(const Report& report, const CaseResult& result);
// The lines of the specification that findings name, each once, in the order of their ids.
std::set<std::string> missed_lines(const Report& report);

}  // namespace millrace::harness
