#include "proxy/fault.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

[[noreturn]] void refuse(std::string_view spec, const std::string& why) {
    throw std::runtime_error("--fault=" + excerpt(spec) + ": " + why);
}

int64_t number(std::string_view spec, std::string_view text, int64_t low, std::string_view unit) {
    const auto value = parse_integer(text);
    if (!value || *value < low) {
        refuse(spec, "'" + excerpt(text) + "' is no whole number of " + std::string(unit) + " from " +
                         std::to_string(low) + " on");
    }
    return *value;
}

std::optional<int> digit(char c, int base) {
    const int value = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : base;
    if (value >= base) return std::nullopt;
    return value;
}

// The character after the backslash at text[at]; moves `at` to the last character of the escape.
char unescape_one(std::string_view spec, std::string_view text, size_t& at) {
    constexpr std::string_view letters = "abfnrtv\\\"'?";
    constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\\"'?";
    const size_t start = at;
    if (++at == text.size()) refuse(spec, "the bytes end with a backslash");
    if (const size_t letter = letters.find(text[at]); letter != std::string_view::npos) return meanings[letter];
    const bool is_hex = text[at] == 'x';
    const int base = is_hex ? 16 : 8;
    const size_t digits_max = is_hex ? 2 : 3;
    size_t next = is_hex ? at + 1 : at;
    int value = 0;
    size_t digits = 0;
    for (; digits < digits_max && next < text.size(); ++digits, ++next) {
        const auto one = digit(text[next], base);
        if (!one) break;
        value = value * base + *one;
    }
    if (digits == 0) refuse(spec, "'" + excerpt(text.substr(start, 2)) + "' is no escape of C");
    if (value > 255) refuse(spec, "'" + excerpt(text.substr(start, next - start)) + "' is more than a byte");
    at = next - 1;
    return static_cast<char>(value);
}

std::string unescape(std::string_view spec, std::string_view text) {
    std::string bytes;
    for (size_t at = 0; at < text.size(); ++at) bytes += text[at] == '\\' ? unescape_one(spec, text, at) : text[at];
    return bytes;
}

std::string upper(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

void add_delay(Faults& faults, std::string_view spec, std::string_view argument) {
    constexpr int64_t day_ms = 86'400'000;
    const int64_t delay_ms = number(spec, argument, 0, "milliseconds");
    if (delay_ms > day_ms) refuse(spec, "'" + excerpt(argument) + "' milliseconds are more than a day");
    faults.pace.delay = std::chrono::milliseconds(delay_ms);
}

void add_split(Faults& faults, std::string_view spec, std::string_view argument) {
    faults.pace.split = static_cast<size_t>(number(spec, argument, 1, "bytes"));
}

void add_throttle(Faults& faults, std::string_view spec, std::string_view argument) {
    faults.pace.bytes_per_second = static_cast<uint64_t>(number(spec, argument, 1, "bytes a second"));
}

void add_cut(Faults& faults, std::string_view spec, std::string_view argument) {
    const size_t at = argument.find('@');
    const std::string_view direction = argument.substr(0, at);
    if (direction != "up" && direction != "down") {
        refuse(spec, "'" + excerpt(direction) + "' is neither up (to the server) nor down (to the client)");
    }
    if (at == std::string_view::npos) refuse(spec, "no byte is named: cut:" + std::string(direction) + "@<byte>");
    const int64_t byte = number(spec, argument.substr(at + 1), 0, "bytes");
    faults.cuts.push_back(
        {direction == "up" ? Direction::Up : Direction::Down, static_cast<uint64_t>(byte), std::nullopt});
}

void add_reply(Faults& faults, std::string_view spec, std::string_view argument) {
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos) refuse(spec, "no bytes are given: reply:<COMMAND>[#<nth>]=<bytes>");
    const std::string_view asked = argument.substr(0, equals);
    const size_t mark = asked.find('#');
    CommandFault fault;
    fault.command = upper(asked.substr(0, mark));
    if (fault.command.empty()) refuse(spec, "no command is named: reply:<COMMAND>[#<nth>]=<bytes>");
    if (mark != std::string_view::npos) {
        fault.nth = static_cast<uint64_t>(number(spec, asked.substr(mark + 1), 1, "commands"));
    }
    fault.bytes = unescape(spec, argument.substr(equals + 1));
    if (fault.bytes.empty()) refuse(spec, "the reply is empty");
    faults.commands.push_back(std::move(fault));
}

void add_half_open(Faults& faults, std::string_view, std::string_view) {
    faults.half_open = true;
}

void add_black_hole(Faults& faults, std::string_view, std::string_view) {
    faults.black_hole = true;
}

struct Word {
    std::string_view word;
    std::string_view argument;  // its form, for messages; empty: it takes none
    void (*add)(Faults&, std::string_view spec, std::string_view argument);
};

constexpr std::array words{
    Word{"delay", "<ms>", add_delay},
    Word{"split", "<n>", add_split},
    Word{"throttle", "<bytes/s>", add_throttle},
    Word{"cut", "<up|down>@<byte>", add_cut},
    Word{"halfopen", "", add_half_open},
    Word{"blackhole", "", add_black_hole},
    Word{"reply", "<COMMAND>[#<nth>]=<bytes>", add_reply},
};

}  // namespace

void add_fault(Faults& faults, std::string_view spec) {
    const size_t colon = spec.find(':');
    const std::string_view given = spec.substr(0, colon);
    std::vector<std::string> known;
    for (const auto& word : words) {
        known.emplace_back(word.word);
        if (word.word != given) continue;
        const bool has_argument = colon != std::string_view::npos;
        if (has_argument && word.argument.empty()) refuse(spec, std::string(given) + " takes no argument");
        if (!has_argument && !word.argument.empty()) {
            refuse(spec, "it is " + std::string(given) + ":" + std::string(word.argument));
        }
        word.add(faults, spec, has_argument ? spec.substr(colon + 1) : std::string_view{});
        return;
    }
    const auto near = nearest(given, known);
    refuse(spec, "there is no fault '" + excerpt(given) + "'" +
                     (near ? "; did you mean " + *near + "?" : "; there are " + join(known, ", ")));
}

std::string command_words(const std::vector<std::string>& arguments) {
    constexpr std::array<std::string_view, 9> containers{"CLIENT", "XGROUP", "XINFO",  "COMMAND", "SCRIPT",
                                                         "CONFIG", "ACL",    "OBJECT", "PUBSUB"};
    if (arguments.empty()) return {};
    std::string text = upper(arguments.front());
    if (text == "XREADGROUP") return text + (arguments.back() == ">" ? " >" : " ID");
    if (arguments.size() > 1 && std::find(containers.begin(), containers.end(), text) != containers.end()) {
        text += " " + upper(arguments[1]);
    }
    return text;
}

bool means_command(std::string_view asked, std::string_view words) {
    return words == asked || (words.size() > asked.size() && words.starts_with(asked) && words[asked.size()] == ' ');
}

}  // namespace millrace::harness
