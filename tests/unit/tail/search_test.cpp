// TAIL-1 and TAIL-2: places that are searched backwards, the last n and a canonical id; and saved ones.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

struct Search : ::testing::Test {
    void begin(const SourceConfig& config) {
        source = host.open(config);
        host.greet("read");
        host.greet("control");
    }
    std::string answer(std::string_view bytes) {
        host.forget();
        host.reply("read", bytes);
        return host.story();
    }
    std::string commands() {
        std::string all = host.story();
        const size_t at = all.find("read: ");
        return at == std::string::npos ? "" : all.substr(at);
    }
    static SourceConfig by_id(std::string id, std::vector<std::string> streams = {"s"}) {
        SourceConfig config = tail_of("id:" + std::move(id), std::move(streams));
        config.id_field = "f";
        return config;
    }
    /// A page that is full: `count` entries without the id, the newest of them `from`-1.
    static std::string page(uint64_t from, uint32_t count) {
        Items items;
        for (uint32_t i = 0; i < count; ++i) items.push_back(entry(std::to_string(from - i) + "-1", "other"));
        return array(items);
    }
    ScriptedHost host;
    SourceId source{};
};

constexpr const char* ready = "ready tail resp3 7.0.15";

TEST_F(Search, AfterACanonicalIdBeginsBehindTheNewestEntryThatHasIt) {
    begin(by_id("order-7"));
    EXPECT_EQ(commands(), lines({"read: XREVRANGE s + - COUNT 1000"}));
    EXPECT_EQ(answer(array({entry("9-1"), entry("8-1", "order-7"), entry("7-1", "order-7")})),
              lines({ready, "read: XREAD COUNT 6 STREAMS s 8-0"}));
    EXPECT_EQ(answer(stream("s", {"8-1", "9-1"})).substr(0, 23), "batch 1 by flush: 9-1\nr");
}

TEST_F(Search, AnIdMayLieInAFieldsJson) {
    SourceConfig config = by_id("order-7");
    config.id_field = "f.order.id";
    begin(config);
    EXPECT_EQ(answer(array({entry("9-1", R"({"order":{"id":"order-8"}})"), entry("8-1", "no json"),
                            entry("7-1", R"({"order":{"id":"order-7"}})")})),
              lines({ready, "read: XREAD COUNT 6 STREAMS s 7-0"}));
}

TEST_F(Search, WithoutAnIdOfItsOwnAnEntryHasTheServers) {
    SourceConfig config = by_id("8-1");
    config.id_field = "id";
    begin(config);
    EXPECT_EQ(answer(entries({"9-1", "8-1"})), lines({ready, "read: XREAD COUNT 6 STREAMS s 8-0"}));
}

TEST_F(Search, GoesOnPageByPageWithoutExclusiveRanges) {
    begin(by_id("order-7"));
    EXPECT_EQ(answer(page(5000, 1000)), lines({"read: XREVRANGE s 4001-0 - COUNT 1000"}));
    EXPECT_EQ(answer(array({entry("4000-1", "order-7")})), lines({ready, "read: XREAD COUNT 6 STREAMS s 4000-0"}));
}

TEST_F(Search, GoesOnWhereAConnectionWasCut) {
    begin(by_id("order-7"));
    const std::string reply = page(5000, 1000);
    host.reply("read", reply.substr(0, reply.find("$6\r\n4900-1")));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XREVRANGE s 4901-0 - COUNT 1000"}));
}

TEST_F(Search, WhatIsNotThereIsATypedErrorThatSaysWhatToDo) {
    begin(by_id("order-7"));
    EXPECT_EQ(answer(entries({"9-1", "8-1"})),
              lines({"failure: cursor_not_found (from: no entry of s has the canonical id order-7; begin from an entry "
                     "id or last:n), closed"}));
    host.wait(10'000);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Search, EndsAtMaxScan) {
    SourceConfig config = by_id("order-7");
    config.max_scan = 1500;
    begin(config);
    EXPECT_EQ(answer(page(5000, 1000)), lines({"read: XREVRANGE s 4001-0 - COUNT 500"}));
    EXPECT_EQ(answer(page(4000, 500)),
              lines({"failure: cursor_not_found (from: none of the last 1500 entries (max_scan) of s has the canonical "
                     "id order-7; begin from an entry id or last:n), closed"}));
}

TEST_F(Search, OfTwoStreamsBothAreAskedAtOnce) {
    begin(tail_of("last:2", {"s", "t"}));
    EXPECT_EQ(commands(), lines({"read: XREVRANGE s + - COUNT 2", "read: XREVRANGE t + - COUNT 2"}));
    EXPECT_EQ(answer(entries({"9-1", "8-1"})), "");
    EXPECT_EQ(answer(entries({"4-1"})), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s t 8-0 0-0"}));
}

TEST_F(Search, TheLastNAreReadForwardsUnderTheLimitsOfReading) {
    SourceConfig config = tail_of("last:2500");
    config.prefetch = 5;
    begin(config);
    EXPECT_EQ(commands(), lines({"read: XREVRANGE s + - COUNT 1000"}));
    EXPECT_EQ(answer(page(5000, 1000)), lines({"read: XREVRANGE s 4001-0 - COUNT 1000"}));
    EXPECT_EQ(answer(page(4000, 1000)), lines({"read: XREVRANGE s 3001-0 - COUNT 500"}));
    EXPECT_EQ(answer(page(3000, 500)), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2501-0"}));
}

TEST_F(Search, ACloseInTheMiddleOfAPageHandsNothingOver) {
    begin(tail_of("last:3"));
    const std::string reply = entries({"9-1", "8-1"});
    const size_t half = reply.find("$3\r\n8-1");
    host.reply("read", reply.substr(0, half));
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    EXPECT_EQ(answer(reply.substr(half)), "");
}

TEST_F(Search, SavedCursorsComeBeforeFrom) {
    SourceConfig config = tail_of("new", {"s", "t", "u"});
    config.cursors = {{"u", {5, 1}}, {"s", {7, 3}}, {"gone", {1, 1}}};
    begin(config);
    EXPECT_EQ(commands(), lines({"read: XINFO STREAM t"}));
    EXPECT_EQ(answer(error("ERR no such key")), lines({ready, "read: XREAD COUNT 6 STREAMS s u 7-2 5-0"}));
    EXPECT_EQ(answer(map({bulk("s"), array({entry("7-3"), entry("7-4")}), bulk("u"), array({entry("5-1")})})),
              lines({"batch 1 by flush: 7-4", "read: XREAD COUNT 6 STREAMS s u 7-3 5-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s t u 7-4 0-0 5-1"}));
}

}  // namespace
}  // namespace millrace::test
