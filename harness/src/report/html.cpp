// report.html: one page that needs nothing from elsewhere and no script. First what failed, then the matrix, then every
// case with its findings, figures and timelines.

#include <algorithm>
#include <cstdio>

#include "base/text.hpp"
#include "report/html_style.hpp"
#include "report/markup.hpp"
#include "report/reports.hpp"
#include "spec/spec.hpp"
#include "version.hpp"

namespace millrace::harness {

namespace {

const char* css_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::Ok:
            return "ok";
        case Verdict::NonStrict:
            return "loose";
        case Verdict::Failed:
            return "failed";
        case Verdict::Unsupported:
            return "none";
        case Verdict::Informational:
            return "info";
    }
    return "none";
}

std::string mark_of(Verdict verdict) {
    return verdict == Verdict::Unsupported ? "–" : std::string(cell_of(verdict));
}

std::string anchor_of(const Case& played) {
    std::string anchor(played.id);
    std::replace(anchor.begin(), anchor.end(), '/', '-');
    return anchor;
}

// The rows of the report: cases in the order of the plan, each once.
std::vector<const Case*> rows_of(const Report& report) {
    std::vector<const Case*> rows;
    for (const auto& result : report.results) {
        if (std::find(rows.begin(), rows.end(), result.played) == rows.end()) rows.push_back(result.played);
    }
    return rows;
}

// What the line says is a hint over it.
std::string spec_tag(std::string_view id) {
    const SpecLine* const line = find_spec_line(id);
    const std::string hint = line == nullptr ? "" : " title=\"" + html(plain(line->text)) + "\"";
    return "<span class=\"spec\"" + hint + ">" + html(id) + "</span>";
}

std::string spec_tags(const Case& played) {
    std::string out;
    for (const auto& line : played.spec) out += spec_tag(line);
    return out;
}

std::string header(const Report& report) {
    std::string out = "<header><h1>millrace conformance</h1><p class=\"chips\">";
    for (const auto verdict :
         {Verdict::Ok, Verdict::NonStrict, Verdict::Failed, Verdict::Unsupported, Verdict::Informational}) {
        const size_t n = report.number_of(verdict);
        if (n == 0) continue;
        out += std::string("<span class=\"chip ") + css_of(verdict) + "\"><b>" + std::to_string(n) + "</b> " +
               std::string(name_of(verdict)) + "</span>";
    }
    out += "</p><p class=\"meta\">" + std::to_string(rows_of(report).size()) + " cases, " +
           std::to_string(report.agents.size()) + (report.agents.size() == 1 ? " agent, " : " agents, ") +
           std::to_string(report.servers.size()) + (report.servers.size() == 1 ? " server" : " servers") +
           "; harness " + html(version) + ", agent protocol " + std::to_string(agent_protocol) + ", seed " +
           std::to_string(report.seed) + "</p></header>\n";
    return out;
}

std::string findings_list(const CaseResult& result) {
    if (result.findings.empty()) return {};
    std::string out = "<ul class=\"findings\">";
    for (const auto& finding : result.findings) {
        out += std::string("<li class=\"") + (finding.severity == Severity::Failed ? "failed" : "loose") + "\">" +
               spec_tag(finding.spec) + " " + html(finding.text) + "</li>";
    }
    return out + "</ul>";
}

std::string failures(const Report& report) {
    std::string out;
    for (const auto& result : report.results) {
        if (result.verdict != Verdict::Failed) continue;
        out += "<article class=\"failure\"><h3><a href=\"#" + anchor_of(*result.played) + "\">" +
               html(result.played->id) + "</a> <small>" + html(report.agents[result.agent].given) + " on " +
               html(short_name(report.servers[result.server])) + "</small></h3>" + findings_list(result) + "<pre>" +
               html(repeat_command(report, result)) + "</pre></article>\n";
    }
    if (out.empty()) return {};
    out += "<dl class=\"lines\">";
    for (const std::string& id : missed_lines(report)) {
        const SpecLine* const line = find_spec_line(id);
        out += "<dt>" + spec_tag(id) + "</dt><dd>" + html(plain(line->text)) + "</dd>";
    }
    return "<section><h2>Failures</h2>" + out + "</dl></section>\n";
}

// With many servers the titles would push the verdicts out of sight: they are a hint over the id then.
bool has_titles(const Report& report) {
    return report.servers.size() <= 4;
}

std::string matrix_row(const Report& report, size_t agent, const Case* row) {
    std::string out = "<tr><th scope=\"row\"><a href=\"#" + anchor_of(*row) + "\" title=\"" + html(row->title) + "\">" +
                      html(row->id) + "</a></th>";
    if (has_titles(report)) out += "<td class=\"title\">" + html(row->title) + "</td>";
    for (size_t server = 0; server < report.servers.size(); ++server) {
        for (const auto& result : report.results) {
            if (result.agent != agent || result.server != server || result.played != row) continue;
            const bool absent = !report.servers[server].absent.empty();
            out += std::string("<td class=\"cell ") + css_of(result.verdict) + "\" title=\"" + html(result.why) +
                   "\">" + (absent ? "absent" : mark_of(result.verdict)) + "</td>";
        }
    }
    return out + "</tr>\n";
}

std::string matrix(const Report& report, size_t agent) {
    const auto& under_test = report.agents[agent];
    std::string out = "<section><h2>" + html(under_test.given);
    if (!under_test.hello.name.empty()) {
        out += " <small>" + html(under_test.hello.name + " " + under_test.hello.version) + "</small>";
    }
    out += "</h2><div class=\"wide\"><table class=\"matrix\"><thead><tr><th>case</th>";
    if (has_titles(report)) out += "<th class=\"title\"></th>";
    for (const auto& server : report.servers) {
        out += "<th scope=\"col\" title=\"" + html(server.name + (server.absent.empty() ? "" : ": " + server.absent)) +
               "\">" + html(short_name(server)) + "</th>";
    }
    out += "</tr></thead><tbody>\n";
    for (const Case* row : rows_of(report)) out += matrix_row(report, agent, row);
    return out + "</tbody></table></div></section>\n";
}

std::string figure_text(const Json& value) {
    const double number = value.get<double>();
    char text[32];
    std::snprintf(text, sizeof text, number == static_cast<double>(static_cast<int64_t>(number)) ? "%.0f" : "%.2f",
                  number);
    return text;
}

std::string figures_list(const CaseResult& result) {
    if (result.figures.empty()) return {};
    std::string out = "<dl class=\"figures\">";
    for (const auto& [name, value] : result.figures.items()) {
        std::string label = name;
        std::replace(label.begin(), label.end(), '_', ' ');
        out += "<div><dt>" + html(label) + "</dt><dd>" + figure_text(value) + "</dd></div>";
    }
    return out + "</dl>";
}

std::string played(const Report& report, const CaseResult& result) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f s", to_ms(result.took) / 1000.0);
    std::string out = std::string("<div class=\"played\"><h4><span class=\"verdict ") + css_of(result.verdict) + "\">" +
                      mark_of(result.verdict) + "</span> " + html(short_name(report.servers[result.server]));
    if (report.agents.size() > 1) out += ", " + html(report.agents[result.agent].given);
    out += std::string(" <small>") + seconds + "</small></h4>" + findings_list(result) + timeline_svg(result) +
           figures_list(result);
    for (const auto& note : result.notes) out += "<p class=\"note\">" + html(note) + "</p>";
    if (!result.agent_errors.empty()) {
        out += "<details><summary>stderr of the agent</summary><pre>" + html(result.agent_errors) + "</pre></details>";
    }
    return out + "</div>\n";
}

std::string case_section(const Report& report, const Case* row) {
    std::string body;
    std::vector<std::string> reasons;
    bool open = false;
    for (const auto& result : report.results) {
        if (result.played != row) continue;
        if (result.verdict == Verdict::Unsupported) {
            const std::string reason = short_name(report.servers[result.server]) + ": " + result.why;
            reasons.push_back(reason);
        } else {
            body += played(report, result);
            open = open || result.verdict == Verdict::Failed;
        }
    }
    if (!reasons.empty()) body += "<p class=\"note\">Not played: " + html(join(reasons, "; ")) + ".</p>";
    return "<details class=\"case\" id=\"" + anchor_of(*row) + "\"" + (open ? " open" : "") + "><summary><b>" +
           html(row->id) + "</b> " + html(row->title) + " " + spec_tags(*row) + "</summary>" + body + "</details>\n";
}

constexpr const char* legend =
    "<p class=\"legend\"><span class=\"key publish\"></span>published <span class=\"key read\"></span>read, by "
    "XPENDING "
    "<span class=\"key size\"></span>handed over by size <span class=\"key flush\"></span>by flush "
    "<span class=\"key recovery\"></span>by recovery <span class=\"key ack\"></span>acked "
    "<span class=\"key fault\"></span>fault</p>";

}  // namespace

std::string report_html(const Report& report) {
    std::string out =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<title>millrace conformance</title><style>";
    out += html_style;
    out += "</style></head><body><main>\n" + header(report) + failures(report);
    for (size_t agent = 0; agent < report.agents.size(); ++agent) out += matrix(report, agent);
    out += "<section><h2>Cases</h2>";
    out += legend;
    bool first = true;
    for (const Case* row : rows_of(report)) {
        std::string section = case_section(report, row);
        // The page opens with a picture in sight.
        if (first) section.replace(0, 8, "<details open");
        first = false;
        out += section;
    }
    return out + "</section></main></body></html>\n";
}

}  // namespace millrace::harness
