#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol.hpp"
#include "base/text.hpp"
#include "cases/table.hpp"
#include "cli/commands.hpp"
#include "spec/spec.hpp"

namespace millrace::harness {

namespace {

constexpr size_t columns_max = 100;
constexpr size_t indent = 9;  // the widest id, and two spaces

std::string_view area_of(std::string_view line) {
    return line.substr(0, line.find('-'));
}

// Which lines there are, near to one that there is not.
std::string choices(const std::string& word) {
    std::vector<std::string> areas;
    for (const SpecSection& section : specification()) {
        const std::string area(area_of(section.lines.front().id));
        if (lower(area_of(word)) == lower(area)) {
            return area + " ends with " + std::string(section.lines.back().id);
        }
        areas.push_back(area);
    }
    return "the areas are " + join(areas, ", ");
}

// The lines that were asked for, in the order of the page; an error names what is none.
std::vector<const SpecLine*> chosen(const std::vector<std::string>& wanted) {
    std::vector<const SpecLine*> lines;
    std::vector<bool> met(wanted.size());
    for (const SpecSection& section : specification()) {
        for (const SpecLine& line : section.lines) {
            bool fits = wanted.empty();
            for (size_t i = 0; i < wanted.size(); ++i) {
                const std::string word = lower(wanted[i]);
                if (word != lower(line.id) && word != lower(area_of(line.id))) continue;
                fits = met[i] = true;
            }
            if (fits) lines.push_back(&line);
        }
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
        if (!met[i]) throw std::runtime_error("no line " + excerpt(wanted[i]) + "; " + choices(wanted[i]));
    }
    return lines;
}

// Words from `indent` on, in lines of at most `columns_max`.
std::string paragraph(std::string first, const std::string& words) {
    first.resize(std::max(first.size(), indent), ' ');
    std::string text;
    for (const std::string& word : split(words, " ")) {
        if (first.size() > indent && first.size() + word.size() >= columns_max) {
            text += first + "\n";
            first.assign(indent, ' ');
        }
        first += (first.size() > indent ? " " : "") + word;
    }
    return text + first + "\n";
}

}  // namespace

int spec_command(const Arguments& arguments) {
    const std::vector<const SpecLine*> lines = chosen(list_option(arguments, "<line>"));
    if (arguments.at("--json").asBool()) {
        Json list = Json::array();
        for (const SpecLine* line : lines) {
            list.push_back({{"id", line->id}, {"text", plain(line->text)}, {"cases", cases_for(line->id)}});
        }
        print(list.dump(1) + "\n");
        return 0;
    }
    std::string text;
    for (const SpecLine* line : lines) {
        const std::vector<std::string> ids = cases_for(line->id);
        text += (text.empty() ? "" : "\n") + paragraph(std::string(line->id), plain(line->text));
        text += paragraph("", "Cases: " + (ids.empty() ? "none; " + plain(line->shown_by) : join(ids, ", ")));
    }
    print(text);
    return 0;
}

}  // namespace millrace::harness
