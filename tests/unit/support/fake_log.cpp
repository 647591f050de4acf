#include "support/fake_log.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "command/scripts.hpp"
#include "support/replies.hpp"

namespace millrace::test {

std::string FakeLog::execute(LogClient& client, int64_t id, const Words& words) {
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
