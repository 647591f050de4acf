#include "support/fake_log.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "command/scripts.hpp"
#include "support/replies.hpp"

namespace millrace::test {
namespace {

int64_t number(std::string_view text) {
    return std::strtoll(std::string(text).c_str(), nullptr, 10);
}

/// Takes a whole command off the front.
std::optional<std::vector<std::string>> take_command(std::string& input) {
    size_t at = 0;
    const auto line = [&]() -> std::optional<int64_t> {
        const size_t end = input.find("\r\n", at);
        if (end == std::string::npos) return std::nullopt;
        const int64_t value = number(std::string_view(input).substr(at + 1, end - at - 1));
        at = end + 2;
        return value;
    };
    const std::optional<int64_t> count = line();
    if (!count.has_value()) return std::nullopt;
    std::vector<std::string> words;
    for (int64_t i = 0; i < *count; ++i) {
        const std::optional<int64_t> size = line();
        if (!size.has_value() || input.size() < at + static_cast<size_t>(*size) + 2) return std::nullopt;
        words.push_back(input.substr(at, static_cast<size_t>(*size)));
        at += static_cast<size_t>(*size) + 2;
    }
    input.erase(0, at);
    return words;
}

}  // namespace

int64_t FakeLog::connect() {
    const int64_t id = next_client_++;
    clients_[id];
    return id;
}

void FakeLog::receive(int64_t client, std::string_view bytes) {
    const auto found = clients_.find(client);
    if (found == clients_.end()) return;
    Client& who = found->second;
    who.input.append(bytes);
    while (const auto command = take_command(who.input)) who.output += execute(who, client, *command);
}

std::string FakeLog::take_output(int64_t client) {
    const auto found = clients_.find(client);
    return found == clients_.end() ? std::string() : std::exchange(found->second.output, {});
}

std::string FakeLog::execute(Client& client, int64_t id, const Words& words) {
    const std::string& command = words[0];
    if (command == "HELLO") return hello(3, id, version);
    if (command == "INFO") return info(version);
    if (command == "PING") return status("PONG");
    if (command == "MULTI") {
        client.in_transaction = true;
        client.is_aborted = false;
        return ok();
    }
    if (command == "EXEC") {
        client.in_transaction = false;
        const std::vector<Words> queued = std::exchange(client.queued, {});
        if (client.is_aborted) return error("EXECABORT Transaction discarded because of previous errors.");
        Items results;
        for (const Words& each : queued) results.push_back(write(each));
        return array(results);
    }
    if (!refusal.empty()) {
        client.is_aborted = true;
        return error(refusal);
    }
    if (!client.in_transaction) return write(words);
    client.queued.push_back(words);
    return status("QUEUED");
}

std::string FakeLog::write(const Words& words) {
    const std::string& command = words[0];
    if (command == "XADD") return add(words);
    if (command == "EVAL" || command == "EVALSHA") return run_script(words);
    if (command == "XINFO") {
        const auto found = streams_.find(words[2]);
        if (found == streams_.end()) return error("ERR no such key");
        return map({bulk("length"), integer(1), bulk("idmp-duration"), integer(found->second.window.seconds),
                    bulk("idmp-maxsize"), integer(found->second.window.count)});
    }
    if (command == "XCFGSET") {
        Window& window = streams_[words[1]].window;
        window = {number(words[3]), number(words[5]), {}};
        return ok();
    }
    return error("ERR unknown command '" + command + "'");
}

std::string FakeLog::append(const std::string& stream, const std::string& value) {
    const EntryId id{next_ms_++, 0};
    streams_[stream].entries.emplace_back(id, value);
    return id.text();
}

std::string FakeLog::add(const Words& words) {
    const std::string& stream = words[1];
    const auto idmp = std::find(words.begin(), words.end(), "IDMP");
    if (idmp == words.end()) return bulk(append(stream, words.back()));
    Window& window = streams_[stream].window;
    auto& known = window.known[*(idmp + 1)];
    for (const auto& [iid, id] : known) {
        if (iid == *(idmp + 2)) return bulk(id);
    }
    const std::string id = append(stream, words.back());
    known.emplace_back(*(idmp + 2), id);
    if (known.size() > static_cast<size_t>(window.count)) known.erase(known.begin());
    return bulk(id);
}

/// `append` of command/scripts.cpp, called with two keys.
std::string FakeLog::run_script(const Words& words) {
    if (words[0] == "EVAL") {
        has_script_ = words[1] == script(ScriptId::append).source;
    } else if (!has_script_) {
        return error("NOSCRIPT No matching script. Please use EVAL.");
    }
    auto& known = hashes_[words[4]];
    std::string& id = known[words[9]];
    if (id.empty()) id = append(words[3], words.back());
    const std::string told = id;
    known.erase(words[10]);
    return bulk(told);
}

}  // namespace millrace::test
