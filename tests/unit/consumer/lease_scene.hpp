// A source that reads under a leased name, and the commands by which it has one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {

inline std::string sha(ScriptId id) {
    return std::string(script(id).sha1);
}

inline std::string key(uint32_t n) {
    return "{s}:lease:g:c-" + std::to_string(n);
}

/// The question for the 64 names from `first` on.
inline std::string look(uint32_t first = 1) {
    std::string text = "control: MGET";
    for (uint32_t n = first; n < first + 64; ++n) text += " " + key(n);
    return text;
}

/// Its answer: the first `taken` are somebody's.
inline std::string taken(size_t taken) {
    Items items(64, null());
    for (size_t i = 0; i < taken; ++i) items[i] = bulk("theirs");
    return array(items);
}

inline SourceConfig leased() {
    SourceConfig config = source_of();
    config.consumer_lease = true;
    config.flush_interval = milliseconds(100);
    config.claim_interval = seconds(3600);
    return config;
}

/// Both lanes are ready, and the first window of names is asked for.
struct LeasedName : ::testing::Test {
    LeasedName() {
        source = host.open(leased());
        host.greet("control");
        host.forget();
        host.greet("read");
        asked = host.story();
    }

    /// Answers that the first `others` names are taken, and learns the token.
    void find(size_t others = 0) {
        host.forget();
        host.reply("control", taken(others));
        const std::string text = host.story();
        const std::string start = "control: SET " + key(static_cast<uint32_t>(others) + 1) + " ";
        ASSERT_EQ(text.substr(0, start.size()), start);
        token = text.substr(start.size(), 32);
        EXPECT_EQ(text, start + token + " NX PX 30000\n");
    }
    [[nodiscard]] std::string renewal(uint32_t n) const {
        return "control: EVALSHA " + sha(ScriptId::renew_lease) + " 1 " + key(n) + " " + token + " 30000";
    }
    [[nodiscard]] std::string freeing(uint32_t n) const {
        return "control: EVALSHA " + sha(ScriptId::free_lease) + " 1 " + key(n) + " " + token;
    }
    /// Takes c-1 and reads under it: a blocking read is out.
    void read() {
        find();
        host.reply("control", ok());
        host.reply("control", integer(1));
        host.reply("read", ok());
        host.forget();
    }
    /// The same, with one entry in a batch that was handed over, and one that waits for its flush.
    void hold() {
        read();
        host.reply("read", stream("s", {"1-0"}));
        host.wait(100);
        host.reply("read", stream("s", {"2-0"}));
        host.forget();
    }

    /// Nothing happens for so long: each read ends empty.
    void pass(int64_t ms) {
        for (; ms > 0; ms -= 1900) {
            host.wait(std::min<int64_t>(ms, 1900));
            host.reply("read", null());
        }
    }
    ScriptedHost host;
    SourceId source{};
    std::string asked;
    std::string token;
};

}  // namespace millrace::test
