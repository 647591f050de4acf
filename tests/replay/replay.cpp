#include "replay.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "traced_machine.hpp"

namespace millrace::replay {
namespace {

// A line of a trace, taken apart from left to right. Whatever is missing or wrong makes it not ok, and gives 0 or
// nothing.
class Words {
  public:
    explicit Words(std::string_view line) : rest_(line) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool ended() const { return rest_.empty(); }
    void refuse() { ok_ = false; }

    std::string_view word() {
        const size_t end = std::min(rest_.find(' '), rest_.size());
        const std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        if (word.empty()) ok_ = false;
        return word;
    }
    /// Takes the word if it is the next.
    bool accept(std::string_view wanted) {
        const std::string_view before = rest_;
        if (!ended() && word() == wanted) return true;
        rest_ = before;
        return false;
    }
    uint64_t number() {
        uint64_t value = 0;
        for (const char c : word()) {
            const uint64_t digit = static_cast<unsigned char>(c) - uint64_t{'0'};
            if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
                ok_ = false;
                return 0;
            }
            value = value * 10 + digit;
        }
        return value;
    }
    Instant instant() { return {static_cast<int64_t>(number())}; }
    std::string text() {
        std::string bytes;
        if (rest_.empty() || rest_.front() != '"') {
            ok_ = false;
            return bytes;
        }
        size_t i = 1;
        while (i < rest_.size() && rest_[i] != '"') {
            char c = rest_[i++];
            if (c == '\\' && i < rest_.size()) c = escaped(i);
            bytes += c;
        }
        if (i >= rest_.size()) ok_ = false;
        rest_.remove_prefix(std::min(i + 2, rest_.size()));
        return bytes;
    }

  private:
    char escaped(size_t& i) {
        const char c = rest_[i++];
        if (c == 'r') return '\r';
        if (c == 'n') return '\n';
        if (c != 'x') return c;
        int value = 0;
        for (int digits = 0; digits < 2 && i < rest_.size(); ++digits) {
            const char digit = rest_[i++];
            value = value * 16 + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
        }
        return static_cast<char>(value);
    }

    std::string_view rest_;
    bool ok_ = true;
};

std::optional<DisconnectReason> disconnect_reason(std::string_view word) {
    for (int i = 0; i <= static_cast<int>(DisconnectReason::tls_failed); ++i) {
        const auto reason = static_cast<DisconnectReason>(i);
        if (name(reason) == word) return reason;
    }
    return std::nullopt;
}

class Replay {
  public:
    /// Whether the line is a call; what it brings is in the trace.
    bool run(std::string_view line) {
        Words words(line);
        const std::string_view verb = words.word();
        if (verb == "create") {
            create(words);
        } else if (!machine_) {
            return false;
        } else if (!command(verb, words) && !happening(verb, words) && !poll(verb, words)) {
            return false;
        }
        return words.ok() && words.ended();
    }
    std::string trace;

  private:
    void create(Words& words) {
        const Instant now = words.instant();
        const WallTime wall{static_cast<int64_t>(words.number())};
        Seed128 seed;
        seed.high = words.number();
        seed.low = words.number();
        Result<TracedMachine> machine = TracedMachine::create(words.text(), seed, now, wall, trace);
        if (machine) machine_.emplace(std::move(machine).value());
    }

    bool command(std::string_view verb, Words& words) {
        if (verb != "open" && verb != "release" && verb != "close" && verb != "drain" && verb != "publish" &&
            verb != "ack" && verb != "nack" && verb != "pause" && verb != "resume") {
            return false;
        }
        const Instant now = words.instant();
        if (verb == "open") {
            static_cast<void>(machine_->open(words.text(), now));
        } else if (verb == "release") {
            machine_->release(BatchId{words.number()}, now);
        } else if (verb == "drain") {
            const Duration timeout{static_cast<int64_t>(words.number())};
            const bool awaits_acks = words.accept("acks");
            if (!awaits_acks && !words.accept("answers")) words.refuse();
            static_cast<void>(machine_->drain({timeout, awaits_acks}, now));
        } else if (verb == "publish") {
            publish(words, now);
        } else if (verb == "ack" || verb == "nack") {
            settle(verb == "ack", words, now);
        } else {
            const SourceId source{static_cast<uint32_t>(words.number())};
            static_cast<void>(verb == "close"   ? machine_->close(source, now)
                              : verb == "pause" ? machine_->pause(source, now)
                                                : machine_->resume(source, now));
        }
        return true;
    }

    void publish(Words& words, Instant now) {
        const bool atomic = words.accept("atomic");
        if (!atomic && !words.accept("plain")) words.refuse();
        const std::string stream = words.text();
        const uint64_t count = words.number();
        std::vector<std::vector<std::string>> texts;
        while (texts.size() < count && words.ok()) {
            texts.emplace_back();
            while (words.ok() && !words.accept(";")) texts.back().push_back(words.text());
        }
        std::vector<std::vector<Field>> fields;
        std::vector<PublishEntry> entries;
        for (const std::vector<std::string>& each : texts) {
            fields.emplace_back();
            for (size_t i = 0; i + 1 < each.size(); i += 2) fields.back().push_back({each[i], each[i + 1]});
        }
        for (const std::vector<Field>& each : fields) entries.push_back({each});
        static_cast<void>(machine_->publish({stream, entries, PublishConfig{.atomic = atomic}}, now));
    }

    void settle(bool is_ack, Words& words, Instant now) {
        const BatchId batch{words.number()};
        std::optional<Duration> delay;
        if (!is_ack && !words.accept("default")) delay = Duration{static_cast<int64_t>(words.number())};
        std::vector<uint32_t> indices;
        const bool all = words.accept("all");
        while (!all && !words.ended() && words.ok()) indices.push_back(static_cast<uint32_t>(words.number()));
        const EntrySet entries = all ? EntrySet::all() : EntrySet::of(indices);
        static_cast<void>(is_ack ? machine_->ack(batch, entries, now) : machine_->nack(batch, entries, delay, now));
    }

    bool happening(std::string_view verb, Words& words) {
        if (verb == "room") {
            const ConnId conn{static_cast<uint32_t>(words.number())};
            room_ = machine_->input_room(conn, static_cast<size_t>(words.number()));
            return true;
        }
        if (verb == "sent") {
            const ConnId conn{static_cast<uint32_t>(words.number())};
            machine_->advance_transmit(conn, static_cast<size_t>(words.number()));
            return true;
        }
        if (verb != "timeout" && verb != "wall" && verb != "connected" && verb != "disconnected" && verb != "input") {
            return false;
        }
        const Instant now = words.instant();
        if (verb == "timeout") {
            machine_->handle_timeout(now);
            return true;
        }
        const uint64_t number = words.number();
        const ConnId conn{static_cast<uint32_t>(number)};
        if (verb == "wall") {
            machine_->handle_wall_clock(WallTime{static_cast<int64_t>(number)}, now);
        } else if (verb == "connected") {
            machine_->handle_connected(conn, now);
        } else if (verb == "disconnected") {
            const std::optional<DisconnectReason> reason = disconnect_reason(words.word());
            if (!reason) return false;
            machine_->handle_disconnected(conn, *reason, now);
        } else {
            const std::string bytes = words.text();
            // A room smaller than the recorded one is a difference already; the bytes that fit tell more of it.
            const size_t size = std::min(bytes.size(), room_.size());
            if (size != 0) std::memcpy(room_.data(), bytes.data(), size);
            machine_->handle_input(conn, size, now);
        }
        return true;
    }

    bool poll(std::string_view verb, Words& words) {
        if (verb == "action?") {
            static_cast<void>(machine_->poll_action());
        } else if (verb == "event?") {
            static_cast<void>(machine_->poll_event());
        } else if (verb == "writable?") {
            static_cast<void>(machine_->poll_writable());
        } else if (verb == "timeout?") {
            static_cast<void>(machine_->poll_timeout());
        } else if (verb == "finished?") {
            static_cast<void>(machine_->finished());
        } else if (verb == "transmit") {
            static_cast<void>(machine_->transmit(ConnId{static_cast<uint32_t>(words.number())}));
        } else {
            return false;
        }
        return true;
    }

    std::optional<TracedMachine> machine_;
    std::span<std::byte> room_;
};

std::string_view take_line(std::string_view& text) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace

Result<std::string> replay(std::string_view trace) {
    if (trace.substr(0, trace_head.size()) != trace_head) {
        return Error(Code::bad_argument, "no trace of version 1: its first line is not `millrace-trace 1`");
    }
    trace.remove_prefix(trace_head.size());
    Replay replay;
    for (size_t number = 2; !trace.empty(); ++number) {
        const std::string_view line = take_line(trace);
        if (line.substr(0, 1) == "=") continue;
        if (!replay.run(line)) {
            return Error(Code::bad_argument, "line " + std::to_string(number) + " is no call: " + std::string(line));
        }
    }
    if (!replay.trace.empty() && replay.trace.back() != '\n') replay.trace += '\n';
    return std::move(replay.trace);
}

std::string first_difference(std::string_view expected, std::string_view actual) {
    for (size_t number = 1; !expected.empty() || !actual.empty(); ++number) {
        const std::string_view left = take_line(expected);
        const std::string_view right = take_line(actual);
        if (left == right) continue;
        return "line " + std::to_string(number) + "\n  recorded: " + std::string(left) +
               "\n  replayed: " + std::string(right);
    }
    return {};
}

}  // namespace millrace::replay
