// PS-1: the fallback. The same batches from Pub/Sub, at most once; and publishing by PUBLISH.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

std::string message2(std::string_view channel, std::string_view payload) {
    return array({bulk("message"), bulk(channel), bulk(payload)});
}
std::string confirmed2(std::string_view channel) {
    return array({bulk("subscribe"), bulk(channel), integer(1)});
}
std::string message3(std::string_view channel, std::string_view payload) {
    return push({bulk("message"), bulk(channel), bulk(payload)});
}

/// A server of version 3.2 that was subscribed to.
struct Subscribed : ::testing::Test {
    explicit Subscribed(const SourceConfig& config = source_of()) {
        host.server.protocol = 2;
        host.server.version = "3.2.9";
        source = host.open(config);
        host.greet("read");
        host.greet("control");
        host.forget();
        host.greet("push");
        subscribed = host.story();
        for (const std::string& channel : config.streams) host.reply("push", confirmed2(channel));
    }
    ScriptedHost host;
    SourceId source{};
    std::string subscribed;
};

TEST_F(Subscribed, IsReadyWhenTheServerConfirms) {
    EXPECT_EQ(subscribed, lines({"push: SUBSCRIBE s"}));
    EXPECT_EQ(host.story(), lines({"ready pubsub resp2 3.2.9"}));
}

// SEC-2: what is no text was never published.
TEST_F(Subscribed, AMessageThatIsNoTextEndsTheConnection) {
    for (const std::string& payload : {integer(1), null_bulk(), array({}), std::string("#t\r\n")}) {
        host.forget();
        host.reply("push", array({bulk("message"), bulk("s"), payload}));
        EXPECT_EQ(host.story(),
                  lines({"disconnected push dropped: protocol (a message that is no text) retryable", "close push"}));
        host.fire();
        host.greet("push");
        host.reply("push", confirmed2("s"));
    }
}

TEST_F(Subscribed, MessagesAreBatchedLikeEntries) {
    host.forget();
    for (int i = 1; i <= 6; ++i) host.reply("push", message2("s", R"({"n":")" + std::to_string(i) + R"("})"));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: {n=1;} {n=2;} {n=3;} {n=4;} {n=5;}"}));
    host.wait(1999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 2 by flush: {n=6;}"}));
    ASSERT_TRUE(host.ack(1).ok());  // there is nobody to tell
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2 3 4"}));
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
    EXPECT_EQ(host.nack(2).error().code, Code::unsupported);
}

TEST_F(Subscribed, APayloadIsAnObjectOfFieldsOrOneField) {
    host.forget();
    host.reply("push", message2("s", R"({"k":"v","k":{"b64":"AAE="},"n":[1,2]})"));
    host.reply("push", message2("s", "not json"));
    host.reply("push", message2("s", ""));
    host.reply("push", message2("s", "{}"));
    host.reply("push", message2("s", "[1]"));
    EXPECT_EQ(host.story(), "batch 1 by size: {k=v;k=" + std::string("\0\1", 2) +
                                ";n=[1,2];} {data=not json;} {data=;} {} {data=[1];}\n");
}

/// A channel and a pattern that both match deliver twice.
TEST_F(Subscribed, WhatAPatternBringsOfItIsASecondCopy) {
    host.forget();
    host.reply("push", message2("s", "x"));
    host.reply("push", array({bulk("pmessage"), bulk("s*"), bulk("s"), bulk("x")}));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: {data=x;}"}));
}

TEST_F(Subscribed, WhatIsOfAnotherChannelIsNotOurs) {
    host.forget();
    host.reply("push", message2("t", "x"));
    host.reply("push", confirmed2("t"));
    host.wait(3000);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Subscribed, HoldsTheSocketBackWhilePrefetchIsFull) {
    host.forget();
    for (int i = 0; i < 19; ++i) host.reply("push", message2("s", "x"));
    EXPECT_EQ(host.story().find("stop"), std::string::npos);
    host.reply("push", message2("s", "x"));
    EXPECT_EQ(host.story(),
              lines({"batch 4 by size: {data=x;} {data=x;} {data=x;} {data=x;} {data=x;}", "stop reading from push"}));
    host.wait(60'000);  // its silence is ours, and ends nothing
    EXPECT_EQ(host.story(), "");
    host.release(1);
    EXPECT_EQ(host.story(), lines({"read again from push"}));
}

TEST_F(Subscribed, APauseHoldsTheSocketBackToo) {
    host.forget();
    ASSERT_TRUE(host.pause(source).ok());
    EXPECT_EQ(host.story(), lines({"stop reading from push"}));
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_EQ(host.story(), lines({"read again from push"}));
}

TEST_F(Subscribed, SubscribesAgainAfterALostConnection) {
    host.reply("push", message2("s", "a"));
    host.forget();
    host.lost("push");
    host.fire();
    host.greet("push");
    EXPECT_EQ(host.story(), lines({"disconnected push reset: connection (localhost:6379: reset) retryable",
                                   "connect push", "reconnected push after 1", "push: SUBSCRIBE s"}));
    host.wait(30);
    host.reply("push", confirmed2("s"));
    EXPECT_EQ(host.story(), lines({"interrupted s for 130 ms"}));  // PS-2
    host.reply("push", message2("s", "b"));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: {data=a;} {data=b;}"}));
}

/// What is unknown begins with the last byte that was heard, and not with the loss that silence led to.
TEST_F(Subscribed, AGapLastsSinceTheServerWasLastHeard) {
    host.reply("push", message2("s", "a"));
    host.wait(2000);
    host.forget();
    host.wait(700);
    host.lost("push");
    host.fire();
    host.greet("push");
    host.lost("push");  // again, before it was confirmed: the same gap
    host.fire();
    host.greet("push");
    host.forget();
    host.reply("push", confirmed2("s"));
    EXPECT_EQ(host.story(), lines({"interrupted s for 2900 ms"}));
    host.reply("push", confirmed2("s"));
    EXPECT_EQ(host.story(), "");
}

TEST_F(Subscribed, ARefusalClosesTheSourceItIsOf) {
    SourceConfig second = source_of({"t"});
    host.open(second);
    EXPECT_NE(host.story().find("push: SUBSCRIBE t\n"), std::string::npos);
    host.reply("push", error("NOPERM this user has no permissions to access one of the channels used as arguments"));
    EXPECT_EQ(host.story(),
              lines({"failure #2: no_permission (SUBSCRIBE t: NOPERM this user has no permissions to access "
                     "one of the channels used as arguments), closed",
                     "push: UNSUBSCRIBE t"}));
    host.reply("push", array({bulk("unsubscribe"), bulk("t"), integer(1)}));
    host.reply("push", message2("s", "a"));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: {data=a;}"}));
}

TEST_F(Subscribed, ARefusalThatMayPassIsTriedOnANewConnection) {
    host.open(source_of({"t"}));
    host.forget();
    host.reply("push", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(),
              lines({"disconnected push dropped: server_busy (SUBSCRIBE t: LOADING Redis is loading the dataset in "
                     "memory) retryable",
                     "close push"}));
    host.fire();
    host.greet("push");
    EXPECT_EQ(host.story(),
              lines({"connect push", "reconnected push after 1", "push: SUBSCRIBE s", "push: SUBSCRIBE t"}));
}

TEST_F(Subscribed, AnIdleSubscriptionIsPinged) {
    host.answers_ping = false;
    host.wait(4000);
    host.forget();
    host.wait(1000);
    EXPECT_NE(host.story().find("push: PING\n"), std::string::npos);
    host.reply("push", array({bulk("pong"), bulk("")}));  // as RESP2 answers a subscribed client
    host.reply("push", message2("s", "a"));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: {data=a;}"}));
}

TEST_F(Subscribed, ACloseUnsubscribes) {
    host.reply("push", message2("s", "a"));
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held", "push: UNSUBSCRIBE s"}));
    host.reply("push", message2("s", "b"));
    host.reply("push", array({bulk("unsubscribe"), bulk("s"), integer(0)}));
    host.wait(3000);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Subscribed, AnotherSourceOfTheSameChannelGoesOn) {
    SourceConfig second = source_of();
    second.consumer = "another";
    host.open(second);
    host.reply("push", confirmed2("s"));
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held", "push: UNSUBSCRIBE s"}));
    host.reply("push", array({bulk("unsubscribe"), bulk("s"), integer(0)}));
    EXPECT_EQ(host.story(), lines({"push: SUBSCRIBE s"}));
    host.reply("push", confirmed2("s"));
    host.reply("push", message2("s", "b"));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"interrupted #2 s for 0 ms", "batch 1 #2 by flush: {data=b;}"}));
}

TEST(Resp3, ConfirmationsAndMessagesArePushes) {
    ClientConfig config;
    config.mode = Mode::pubsub;
    for (const ScriptedHost::Cut cut :
         {ScriptedHost::Cut::whole, ScriptedHost::Cut::byte_by_byte, ScriptedHost::Cut::in_three}) {
        ScriptedHost host(config);
        host.open(source_of({"s", "t"}));
        host.greet("read");
        host.forget();
        host.greet("push");
        EXPECT_EQ(host.story(), lines({"push: SUBSCRIBE s", "push: SUBSCRIBE t"}));
        host.cut = cut;
        host.reply("push", push({bulk("subscribe"), bulk("s"), integer(1)}));
        EXPECT_EQ(host.story(), "");
        host.reply("push", push({bulk("subscribe"), bulk("t"), integer(2)}));
        EXPECT_EQ(host.story(), lines({"ready pubsub resp3 7.0.15"}));
        host.reply("push", message3("t", "a") + message3("s", "b"));
        host.wait(2000);
        EXPECT_EQ(host.story(), lines({"batch 1 by flush: t/{data=a;} s/{data=b;}"}));
    }
}

/// BP-3: it is told, and the connection stays.
TEST(LargeMessage, IsLeftOut) {
    ClientConfig config;
    config.mode = Mode::pubsub;
    config.max_message_bytes = 1024;
    for (const int64_t protocol : {2, 3}) {
        for (const ScriptedHost::Cut cut : {ScriptedHost::Cut::whole, ScriptedHost::Cut::in_three}) {
            ScriptedHost host(config);
            host.server.protocol = protocol;
            const auto told = [protocol](const Items& items) { return protocol == 3 ? push(items) : array(items); };
            host.open(source_of());
            host.greet("read");
            host.greet("push");
            host.reply("push", told({bulk("subscribe"), bulk("s"), integer(1)}));
            host.forget();
            host.cut = cut;
            host.reply("push", told({bulk("message"), bulk("s"), bulk(std::string(1025, 'v'))}));
            EXPECT_EQ(host.story(), lines({"too large: s/0-0 (1025)"}));
            const std::string largest(1024, 'v');
            host.reply("push", told({bulk("message"), bulk("s"), bulk(largest)}));
            host.wait(2000);
            EXPECT_EQ(host.story(), lines({"batch 1 by flush: {data=" + largest + ";}"}));
        }
    }
}

/// PUBLISH, where there are no Streams.
struct PubSubPublish : ::testing::Test {
    PubSubPublish() {
        host.server.protocol = 2;
        host.server.version = "3.2.9";
    }
    ScriptedHost host;
};

TEST_F(PubSubPublish, AnEntryIsAJsonObject) {
    const std::vector<Field> fields{{"k", "v\"w"}, {"k", std::string_view("\0\xff", 2)}};
    const std::vector<PublishEntry> entries{{fields}};
    Publish what;
    what.stream = "s";
    what.entries = entries;
    ASSERT_TRUE(host.publish(what).ok());
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), "publish: PUBLISH s \"{\"k\":\"v\\\"w\",\"k\":{\"b64\":\"AP8=\"}}\"\n");
    host.reply("publish", integer(0));
    EXPECT_EQ(host.story(), lines({"published 1: []"}));
}

TEST_F(PubSubPublish, AFieldThatJsonCanNotNameIsRefusedAndTheRestGoes) {
    const std::vector<Field> good{{"k", "v"}};
    const std::vector<Field> bad{{std::string_view("\xff", 1), "v"}};
    const std::vector<PublishEntry> entries{{good}, {bad}, {good}};
    Publish what;
    what.stream = "s";
    what.entries = entries;
    ASSERT_TRUE(host.publish(what).ok());
    ASSERT_TRUE(host.publish({"s", std::span(entries).subspan(1, 1), {}}).ok());
    host.forget();
    host.greet("publish");
    const std::string refused = "[bad_argument (publish: a field's name is no UTF-8, and Pub/Sub carries JSON)]";
    EXPECT_EQ(host.story(), "published 2: " + refused +
                                "\npublish: PUBLISH s \"{\"k\":\"v\"}\"\npublish: PUBLISH s \"{\"k\":"
                                "\"v\"}\"\n");
    host.reply("publish", integer(1));
    host.reply("publish", integer(1));
    EXPECT_EQ(host.story(), lines({"published 1: [] " + refused + " []"}));
}

TEST_F(PubSubPublish, AtomicIsATransactionOfPublishes) {
    ASSERT_TRUE(host.publish("s", {"a"}, true).ok());
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), "publish: MULTI\npublish: PUBLISH s \"{\"f\":\"a\"}\"\npublish: EXEC\n");
    host.reply("publish", ok());
    host.reply("publish", status("QUEUED"));
    host.reply("publish", array({integer(2)}));
    EXPECT_EQ(host.story(), lines({"published 1: []"}));
}

/// PS-1: a pattern of streams is one of channels.
TEST(SubscribedPattern, TakesMessagesOfEveryChannelThatMatches) {
    ScriptedHost host;
    host.server.protocol = 2;
    host.server.version = "3.2.9";
    SourceConfig config = source_of({});
    config.pattern = "s-*";
    config.batch_size = 2;
    const SourceId source = host.open(config);
    host.greet("read");
    host.greet("control");
    host.forget();
    host.greet("push");
    EXPECT_EQ(host.story(), lines({"push: PSUBSCRIBE s-*"}));
    host.reply("push", array({bulk("psubscribe"), bulk("s-*"), integer(1)}));
    EXPECT_EQ(host.story(), lines({"ready pubsub resp2 3.2.9"}));
    const auto message = [](std::string_view channel, std::string_view payload) {
        return array({bulk("pmessage"), bulk("s-*"), bulk(channel), bulk(payload)});
    };
    host.reply("push", message2("s-a", "by name, which another source asked for"));
    host.reply("push", array({bulk("pmessage"), bulk("s*"), bulk("s-a"), bulk("of another pattern")}));
    host.reply("push", message("{s-a}:dead", "dead"));
    host.reply("push", message("s-a", "1"));
    host.reply("push", message("s-b", "2"));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: s-a/{data=1;} s-b/{data=2;}"}));
    ASSERT_TRUE(host.ack(1).ok());
    host.release(1);
    for (int i = 0; i < 5000; ++i) {  // the names of channels that are used no more do not stay
        host.reply("push", message("s-" + std::to_string(i), "x"));
        if (host.batches() * 2 < static_cast<size_t>(i) + 3) continue;
        ASSERT_TRUE(host.ack(host.batches()).ok());
        host.release(host.batches());
    }
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_NE(host.story().find("push: PUNSUBSCRIBE s-*\n"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
