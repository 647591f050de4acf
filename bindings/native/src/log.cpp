#include "millrace/log.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>
#include <variant>

namespace millrace {

namespace {

using Json = nlohmann::json;

/// JSON escapes the control characters of ASCII. DEL and those of Latin-1, which move a terminal's cursor too, it does
/// not.
bool has_more_controls(std::string_view value) {
    for (size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\x7f') return true;
        if (value[i] == '\xc2' && i + 1 < value.size() && static_cast<unsigned char>(value[i + 1]) < 0xa0) return true;
    }
    return false;
}

std::string to_value(std::string_view value) {
    const bool is_plain = !value.empty() && value.find_first_of(" =\"\\") == std::string_view::npos &&
                          std::all_of(value.begin(), value.end(), [](char each) { return each > ' ' && each < 127; });
    if (is_plain) return std::string(value);
    return Json(value).dump(-1, ' ', has_more_controls(value), Json::error_handler_t::replace);
}

}  // namespace

std::string to_logfmt(const Log& log) {
    std::string line = "level=" + std::string(name(log.level)) + " msg=" + to_value(log.message);
    for (const auto& [key, value] : log.fields) line += " " + key + "=" + to_value(value);
    return line;
}

std::function<void(const Event&)> log_lines(std::function<void(const std::string&)> write, LogLevel least) {
    const auto tell = [write, least](const Error& error, std::string what) {
        const LogLevel level = error.retryable ? LogLevel::warn : LogLevel::error;
        if (level < least) return;
        if (error.retryable) what += "; trying again";
        write(to_logfmt({level, std::move(what), {{"code", std::string(name(error.code))}}}));
    };
    return [write, least, tell, is_down = false, is_stuck = false](const Event& event) mutable {
        if (const auto* log = std::get_if<Log>(&event); log != nullptr && log->level >= least) write(to_logfmt(*log));
        if (std::holds_alternative<Reconnected>(event) || std::holds_alternative<Ready>(event)) is_down = false;
        const auto* const lost = std::get_if<Disconnected>(&event);
        if (lost != nullptr && !std::exchange(is_down, true)) tell(lost->error, lost->error.message);
        // One that closes its source is answered by whoever waits there.
        const auto* const failure = std::get_if<Failure>(&event);
        if (failure != nullptr && !failure->closed) tell(failure->error, failure->error.message);
        if (std::holds_alternative<DeadLettered>(event)) is_stuck = false;
        const auto* const dead = std::get_if<DeadFailed>(&event);
        if (dead == nullptr || std::exchange(is_stuck, true)) return;
        tell(dead->error, "no dead letter could be written to " + dead->dead_stream + ": " + dead->error.message);
    };
}

std::function<void(const Event&)> log_to(std::ostream& out, LogLevel least) {
    return log_lines([&out](const std::string& line) { out << line + '\n' << std::flush; }, least);
}

}  // namespace millrace
