#include "report/terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/text.hpp"
#include "report/reports.hpp"

namespace millrace::harness {

namespace {

bool on_terminal() {
    return ::isatty(STDERR_FILENO) == 1;
}

struct Counter {
    size_t total = 0;
    size_t done = 0;
    size_t failed = 0;
};

std::string padded(std::string text, size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

// Bytes are not columns: the few names with letters beyond ASCII count by code point.
size_t columns(const std::string& text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(),
                                             [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

Progress terminal_progress(bool quiet) {
    Progress progress;
    if (quiet) return progress;
    auto counter = std::make_shared<Counter>();
    progress.begins = [counter](size_t total) { counter->total = total; };
    progress.played = [counter](const CaseResult& result, const Report& report) {
        ++counter->done;
        if (result.verdict == Verdict::Failed) ++counter->failed;
        const std::string server = short_name(report.servers[result.server]);
        const std::string id(result.played->id);
        if (on_terminal()) {
            std::fprintf(stderr, "\r\033[K%zu of %zu%s  %s on %s", counter->done, counter->total,
                         counter->failed == 0 ? "" : (", " + std::to_string(counter->failed) + " failed").c_str(),
                         id.c_str(), server.c_str());
        } else if (result.verdict != Verdict::Unsupported) {
            std::fprintf(stderr, "%s %s %s %.2f s\n", padded(std::string(name_of(result.verdict)), 11).c_str(),
                         padded(id, 30).c_str(), padded(server, 16).c_str(), to_ms(result.took) / 1000.0);
        }
    };
    return progress;
}

void end_progress(bool quiet) {
    if (!quiet && on_terminal()) std::fputs("\r\033[K", stderr);
}

namespace {

std::string table_of(const Report& report, size_t agent) {
    std::string out;
    const auto& hello = report.agents[agent].hello;
    out += "\nagent " + report.agents[agent].given;
    if (!hello.name.empty())
        out += " (" + excerpt(hello.name) + (hello.version.empty() ? "" : " " + excerpt(hello.version)) + ")";
    out += "\n\n";
    std::vector<const Case*> rows;
    size_t id_width = 4;
    for (const auto& result : report.results) {
        if (result.agent != agent) continue;
        if (std::find(rows.begin(), rows.end(), result.played) == rows.end()) rows.push_back(result.played);
        id_width = std::max(id_width, result.played->id.size());
    }
    std::string head = padded("", id_width);
    std::vector<size_t> widths;
    for (const auto& server : report.servers) {
        const std::string name = short_name(server);
        widths.push_back(std::max<size_t>(columns(name), 10));
        head += "  " + padded(name, widths.back());
    }
    out += head + "\n";
    for (const Case* row : rows) {
        std::string line = padded(std::string(row->id), id_width);
        for (size_t server = 0; server < report.servers.size(); ++server) {
            for (const auto& result : report.results) {
                if (result.agent != agent || result.server != server || result.played != row) continue;
                const bool absent = !report.servers[server].absent.empty();
                line += "  " + padded(absent ? "absent" : std::string(cell_of(result.verdict)), widths[server]);
            }
        }
        out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
}

}  // namespace

std::string summary_text(const Report& report) {
    std::string out;
    for (size_t agent = 0; agent < report.agents.size(); ++agent) out += table_of(report, agent);
    for (const auto& server : report.servers) {
        if (!server.absent.empty()) out += "\nabsent: " + server.name + ": " + server.absent + "\n";
    }
    for (const auto& result : report.results) {
        if (result.findings.empty() || result.verdict == Verdict::Ok || result.verdict == Verdict::Unsupported)
            continue;
        out += "\n" + std::string(name_of(result.verdict)) + " " + std::string(result.played->id) + ", " +
               report.agents[result.agent].given + " on " + short_name(report.servers[result.server]) + "\n";
        for (const auto& finding : result.findings) out += "  " + finding.spec + ": " + finding.text + "\n";
        if (result.verdict == Verdict::Failed) out += "  again: " + repeat_command(report, result) + "\n";
    }
    if (const auto lines = missed_lines(report); !lines.empty()) {
        out += "\nwhat these lines ask: millrace-harness spec " + join({lines.begin(), lines.end()}, " ") + "\n";
    }
    out += "\n" + std::to_string(report.number_of(Verdict::Ok)) + " OK";
    for (const auto verdict : {Verdict::NonStrict, Verdict::Failed, Verdict::Unsupported, Verdict::Informational}) {
        const size_t n = report.number_of(verdict);
        if (n > 0) out += ", " + std::to_string(n) + " " + std::string(name_of(verdict));
    }
    out += "; seed " + std::to_string(report.seed) + "\n";
    if (report.number_of(Verdict::Unsupported) > 0) out += "- is UNSUPPORTED: the report says why\n";
    return out;
}

}  // namespace millrace::harness
