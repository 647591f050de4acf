#include "support/story.hpp"

#include <cstdlib>

namespace millrace::test {
namespace {

struct Describe {
    BatchNumbers& batches;

    static std::string number_of(SourceId id) {
        const auto number = static_cast<uint32_t>(id);
        return number == 1 ? "" : " #" + std::to_string(number);
    }
    static std::string told(const Error& error) {
        return std::string(name(error.code)) + " (" + error.message + ")" + (error.retryable ? " retryable" : "");
    }

    std::string operator()(const Ready& e) const {
        std::string text = "ready" + number_of(e.source) + " " + std::string(name(e.delivery));
        if (!e.consumer.empty()) text += " consumer=" + e.consumer;
        return text + " resp" + std::to_string(e.protocol) + " " + e.server_version;
    }
    std::string operator()(const BatchReady& e) const {
        batches.emplace(e.batch, batches.size() + 1);
        std::string text = "batch " + std::to_string(batches.at(e.batch)) + number_of(e.source) + " by " +
                           std::string(name(e.reason)) + ":";
        std::string_view first;
        bool many = false;
        for (const Entry entry : e.entries) {
            if (first.empty()) first = entry.stream();
            many = many || entry.stream() != first || entry.stream().size() > 3;
        }
        for (const Entry entry : e.entries) {
            text += ' ';
            if (many) text.append(entry.stream()).append("/");
            if (entry.id() == EntryId{}) {
                text += '{';
                for (const Field field : entry) text.append(field.name).append("=").append(field.value).append(";");
                text += '}';
                continue;
            }
            text += entry.id().text();
            if (entry.deliveries() > 1) text += "(x" + std::to_string(entry.deliveries()) + ")";
        }
        return text;
    }
    std::string operator()(const Acked& e) const {
        std::string text = "acked " + std::to_string(batches[e.batch]) + ":";
        for (const uint32_t index : e.indices) text += " " + std::to_string(index);
        return text;
    }
    std::string operator()(const Lost& e) const {
        std::string text = "lost" + number_of(e.source) + " " + e.stream + ":";
        for (const EntryId id : e.ids) text += " " + id.text();
        return text;
    }
    std::string operator()(const Duplicate& e) const {
        return "duplicate" + number_of(e.source) + " " + e.stream + ": " + e.id.text() + " of " + e.canonical_id;
    }
    std::string operator()(const GroupRecreated& e) const {
        return "group recreated" + number_of(e.source) + " " + e.stream + " from " + e.from;
    }
    std::string operator()(const DeadLettered& e) const {
        return "dead" + number_of(e.source) + " " + e.stream + "/" + e.id.text() + "(x" + std::to_string(e.deliveries) +
               ") in " + e.dead_stream + "/" + e.dead_id.text() + ": " + e.error;
    }
    std::string operator()(const DeadFailed& e) const {
        return "dead failed" + number_of(e.source) + " " + e.stream + "/" + e.id.text() + " to " + e.dead_stream +
               ": " + told(e.error);
    }
    std::string operator()(const DeadListed& e) const {
        std::string text = "dead of " + e.stream + " in " + e.dead_stream + ":";
        if (e.error.has_value()) text += " " + told(*e.error);
        for (const DeadLetter& letter : e.letters) {
            text += " [" + letter.dead_id.text();
            if (letter.id != EntryId{}) {
                text += " was " + letter.stream + "/" + letter.id.text() + " of " + letter.group + "/" +
                        letter.consumer + "(x" + std::to_string(letter.deliveries) + "): " + letter.error;
            }
            for (const auto& [key, value] : letter.fields) text.append(" ").append(key).append("=").append(value);
            text += letter.is_cut ? " …]" : "]";
        }
        return text;
    }
    std::string operator()(const Redriven& e) const {
        std::string text = "redriven " + e.stream + ":";
        for (const RedriveResult& result : e.results) {
            text += " [" + result.dead_id.text() + " ";
            text += result.error.has_value() ? told(*result.error) : "as " + result.id.text();
            text += result.maybe_duplicate ? " maybe_duplicate]" : "]";
        }
        return text;
    }
    std::string operator()(const GroupChanged& e) const {
        return "group " + e.group + " of " + e.stream + (e.changed ? " changed" : " not changed") +
               (e.error.has_value() ? ": " + told(*e.error) : "");
    }
    std::string operator()(const Published& e) const {
        std::string text = "published " + std::to_string(static_cast<uint64_t>(e.ticket)) + ":";
        for (const PublishResult& result : e.results) {
            text += " [" + (result.error.has_value() ? told(*result.error) : result.id);
            if (result.maybe_duplicate) text += " maybe_duplicate";
            if (result.maybe_written) text += " maybe_written";
            if (result.reordered) text += " reordered";
            text += ']';
        }
        return text;
    }
    std::string operator()(const ModeChanged& e) const {
        return "mode " + std::string(name(e.delivery)) + " " + e.server_version;
    }
    std::string operator()(const Disconnected& e) const {
        return "disconnected " + std::string(name(e.role)) + " " + std::string(name(e.reason)) + ": " + told(e.error);
    }
    std::string operator()(const Reconnected& e) const {
        return "reconnected " + std::string(name(e.role)) + " after " + std::to_string(e.attempts);
    }
    std::string operator()(const Gap& e) const {
        return "gap " + e.stream + " from " + e.cursor.text() + " to " + e.first.text() +
               (e.missed.has_value() ? ", " + std::to_string(*e.missed) + " missed" : ", possibly");
    }
    std::string operator()(const Reset& e) const {
        return "reset " + e.stream + " at " + e.cursor.text() + ", last " + e.last.text();
    }
    std::string operator()(const Interrupted& e) const {
        return "interrupted" + number_of(e.source) + " " + e.stream + " for " + std::to_string(e.lasted.us / 1000) +
               " ms";
    }
    std::string operator()(const TooLarge& e) const {
        return "too large" + number_of(e.source) + ": " + e.stream + "/" + e.id.text() + " (" +
               std::to_string(e.bytes) + ")";
    }
    std::string operator()(const Failure& e) const {
        return "failure" + (e.source.has_value() ? number_of(*e.source) : std::string(" of all")) + ": " +
               told(e.error) + (e.closed ? ", closed" : "");
    }
    std::string operator()(const Log& e) const {
        std::string text = "log " + std::string(name(e.level)) + ": " + e.message;
        for (const auto& [key, value] : e.fields) text += " " + key + "=" + value;
        return text;
    }
    std::string operator()(const Closed& e) const {
        return "closed" + (e.source.has_value() ? " source" + number_of(*e.source) : std::string(" all")) + ", " +
               std::to_string(e.held) + " held";
    }
};

std::string argument_text(std::string_view bytes) {
    bool plain = !bytes.empty();
    for (const char c : bytes) plain = plain && c > ' ' && c <= '~' && c != '"';
    if (bytes.size() > 200) return "(" + std::to_string(bytes.size()) + " bytes)";
    return plain ? std::string(bytes) : '"' + std::string(bytes) + '"';
}

/// The number behind the type byte at `at`, which is moved behind the line; none when the line has not ended.
bool take_number(std::string_view wire, size_t& at, size_t& number) {
    const size_t end = wire.find("\r\n", at);
    if (end == std::string_view::npos) return false;
    number = static_cast<size_t>(std::strtoull(wire.data() + at + 1, nullptr, 10));
    at = end + 2;
    return true;
}

}  // namespace

std::string lines(const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& line : all) text += line + "\n";
    return text;
}

std::string describe(const Event& event, BatchNumbers& batches) {
    return std::visit(Describe{batches}, event);
}

std::vector<std::string> take_commands(std::string& wire) {
    std::vector<std::string> commands;
    size_t taken = 0;
    for (size_t at = 0; at < wire.size();) {
        size_t arguments = 0;
        if (!take_number(wire, at, arguments)) break;
        std::string text;
        bool whole = true;
        for (size_t i = 0; whole && i < arguments; ++i) {
            size_t size = 0;
            whole = take_number(wire, at, size) && at + size + 2 <= wire.size();
            if (!whole) break;
            if (i > 0) text += ' ';
            text += argument_text(std::string_view(wire).substr(at, size));
            at += size + 2;
        }
        if (!whole) break;
        commands.push_back(std::move(text));
        taken = at;
    }
    wire.erase(0, taken);
    return commands;
}

}  // namespace millrace::test
