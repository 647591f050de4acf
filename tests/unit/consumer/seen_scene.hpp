// A source that shares what was seen, and the commands and answers by which it does.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {

inline SourceConfig sharing() {
    SourceConfig config = source_of();
    config.dedupe = DedupeMode::redis;
    config.id_field = "f";
    config.flush_interval = Duration{};
    config.prefetch = 2000;
    config.claim_interval = seconds(3600);
    return config;
}

/// `MGET` of these ids.
inline std::string asks(std::initializer_list<std::string_view> ids, const std::string& lane = "read") {
    std::string line = lane + ": MGET";
    for (const std::string_view id : ids) line.append(" {s}:seen:1:g:").append(id);
    return line;
}

/// The script's call: so many keys, then the ids to remember, then those to ack.
inline std::string marks(std::initializer_list<std::string_view> canonical, const std::string& ids,
                         const std::string& how = "600000 keep") {
    std::string line = "read: EVALSHA " + std::string(script(ScriptId::mark_seen).sha1) + " " +
                       std::to_string(1 + canonical.size()) + " s";
    for (const std::string_view id : canonical) line.append(" {s}:seen:1:g:").append(id);
    return line + " g " + how + " " + ids;
}

inline std::string seen(std::initializer_list<bool> answers) {
    Items items;
    for (const bool is_seen : answers) items.push_back(is_seen ? bulk("1") : null());
    return array(items);
}

inline std::string acked(int64_t count) {
    return array({integer(count), integer(0), integer(0)});
}

using Read = std::initializer_list<std::pair<const char*, const char*>>;

struct SeenScene {
    SeenScene() : SeenScene(sharing()) {}
    explicit SeenScene(const SourceConfig& config) {
        source = consume(host, config);
        EXPECT_TRUE(host.pause(source).ok());
    }
    /// What is told and sent after a read that brings these; it is the last until the next.
    std::string read(Read ids) {
        EXPECT_TRUE(host.resume(source).ok());
        EXPECT_TRUE(host.pause(source).ok());
        host.forget();
        Items list;
        for (const auto& [id, canonical] : ids) list.push_back(entry(id, canonical));
        host.reply("read", stream_of("s", list));
        return host.story();
    }
    /// Without the reads of new entries.
    std::string story() {
        std::string all = host.story();
        std::string kept;
        for (size_t end = 0; !all.empty(); all.erase(0, end)) {
            end = all.find('\n') + 1;
            if (all.find("XREADGROUP") > end) kept += all.substr(0, end);
        }
        return kept;
    }
    ScriptedHost host;
    SourceId source{};
};

/// Two questions of one entry each, 1-0 of `a` and 2-0 of `b`, are without an answer, from reads that were in flight
/// together.
struct SeenTwice : ::testing::Test {
    SeenTwice() {
        SourceConfig config = sharing();
        config.batch_size = 1;
        config.prefetch = 4;
        source = consume(host, config);
        host.reply("read", stream_of("s", {entry("0-1", "x")}));
        host.reply("read", seen({true}));
        EXPECT_TRUE(host.pause(source).ok());
        host.forget();
        host.reply("read", stream_of("s", {entry("1-0", "a")}));
        host.reply("read", stream_of("s", {entry("2-0", "b")}));
        EXPECT_EQ(host.story(), lines({asks({"a"}), asks({"b"})}));
        // A read, the ack of 0-1, and the last read.
        for (const std::string& reply : {null(), integer(1), null()}) host.reply("read", reply);
        EXPECT_EQ(host.story(), "");
    }
    ScriptedHost host;
    SourceId source{};
};

}  // namespace millrace::test
