// DLQ-2: dead letters are listed and put back, and only the group that gave them up is handed them again.
#include <gtest/gtest.h>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

std::string call(const std::string& id) {
    return "control: EVALSHA " + std::string(script(ScriptId::redrive).sha1) + " 2 {s}:dead s " + id;
}

std::string answer(const std::string& word, const std::string& id = {}) {
    return id.empty() ? array({bulk(word)}) : array({bulk(word), bulk(id)});
}

std::string entry_of(const std::string& id, const Items& fields) {
    Items bulks;
    for (const std::string& field : fields) bulks.push_back(bulk(field));
    return array({bulk(id), array(bulks)});
}

const Items tail{"dlq_origin_id", "1-0", "dlq_stream",     "s",  "dlq_group", "g",
                 "dlq_consumer",  "c",   "dlq_deliveries", "17", "dlq_error", "bad"};

std::string letter(const std::string& id, const std::string& of = "s") {
    Items fields{"f", "v"};
    fields.insert(fields.end(), tail.begin(), tail.end());
    fields[5] = of;
    return entry_of(id, fields);
}

const std::string refused = error("NOPERM this user has no permissions to run the 'evalsha' command");

/// The group is new, and a read without end blocks the read lane.
struct Redrive : ::testing::Test {
    Redrive() {
        SourceConfig config = source_of();
        config.flush_interval = milliseconds(10);
        source = consume(host, config);
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Redrive, ListsLettersAndWhateverElseIsThere) {
    ASSERT_TRUE(host.dead({"s", {}, 2}).ok());
    EXPECT_EQ(host.story(), lines({"control: XRANGE {s}:dead 0-0 + COUNT 2"}));
    host.reply("control", array({letter("9-0"), entry_of("9-1", {"a", "1"})}));
    EXPECT_EQ(host.story(), lines({"dead of s in {s}:dead: [9-0 was s/1-0 of g/c(x17): bad f=v] [9-1 a=1]"}));
    ASSERT_TRUE(host.dead({"s", {9, 1}, 1000}).ok());
    EXPECT_EQ(host.story(), lines({"control: XRANGE {s}:dead 9-2 + COUNT 1000"}));
    host.reply("control", array({}));
    EXPECT_EQ(host.story(), lines({"dead of s in {s}:dead:"}));
}

TEST_F(Redrive, ShowsOfALargeLetterWhoseItIs) {
    ASSERT_TRUE(host.dead().ok());
    Items fields{"small", "v", "large", std::string(70'000, 'v')};
    fields.insert(fields.end(), tail.begin(), tail.end());
    host.forget();
    host.reply("control", array({entry_of("9-0", fields)}));
    EXPECT_EQ(host.story(), lines({"dead of s in {s}:dead: [9-0 was s/1-0 of g/c(x17): bad small=v …]"}));
}

TEST_F(Redrive, RefusesWhatMakesNoSense) {
    EXPECT_EQ(host.dead({"", {}, 10}).error().message, "dead: no stream is named");
    EXPECT_EQ(host.dead({"s", {}, 0}).error().code, Code::bad_argument);
    EXPECT_EQ(host.dead({"s", {}, 1001}).error().code, Code::bad_argument);
    EXPECT_EQ(host.batches(), 0U);
}

TEST(RedriveAlone, NeedsNoSource) {
    ScriptedHost host;
    ASSERT_TRUE(host.dead({"s", {}, 2}).ok());
    EXPECT_EQ(host.story(), lines({"connect read", "connect control"}));
    host.greet("control");
    host.forget();
    host.reply("control", array({letter("9-0")}));
    EXPECT_EQ(host.story(), lines({"dead of s in {s}:dead: [9-0 was s/1-0 of g/c(x17): bad f=v]"}));
}

TEST_F(Redrive, PutsBackOneAfterTheOther) {
    ASSERT_TRUE(host.redrive({{9, 0}, {9, 1}, {9, 2}}).ok());
    EXPECT_EQ(host.story(), lines({call("9-0")}));
    host.reply("control", answer("done", "20-0"));
    EXPECT_EQ(host.story(), lines({call("9-1")}));
    host.reply("control", answer("gone"));
    EXPECT_EQ(host.story(), lines({call("9-2")}));
    host.reply("control", answer("foreign"));
    EXPECT_EQ(host.story(), lines({"redriven s: [9-0 as 20-0] [9-1 bad_argument (redrive: there is no such dead "
                                   "letter)] [9-2 bad_argument (redrive: that is no dead letter of this stream)]"}));
    ASSERT_TRUE(host.redrive({}).ok());
    EXPECT_EQ(host.story(), lines({"redriven s:"}));
}

TEST_F(Redrive, WithoutScriptsGoesStepByStep) {
    ASSERT_TRUE(host.redrive({{9, 0}}).ok());
    host.forget();
    host.reply("control", refused);
    EXPECT_EQ(host.story(), lines({"control: XRANGE {s}:dead 9-0 9-0"}));
    host.reply("control", array({letter("9-0")}));
    EXPECT_EQ(host.story(), lines({"control: XADD s * f v dlq_origin_id 1-0 dlq_group g"}));
    host.reply("control", bulk("20-0"));
    EXPECT_EQ(host.story(), lines({"control: XDEL {s}:dead 9-0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"redriven s: [9-0 as 20-0]"}));
    ASSERT_TRUE(host.redrive({{9, 1}, {9, 2}}).ok());
    host.forget();
    host.reply("control", array({letter("9-1", "{s}")}));
    EXPECT_EQ(host.story(), lines({"control: XRANGE {s}:dead 9-2 9-2"}));
    host.reply("control", array({}));
    EXPECT_EQ(host.story(), lines({"redriven s: [9-1 bad_argument (redrive: that is no dead letter of this stream)] "
                                   "[9-2 bad_argument (redrive: there is no such dead letter)]"}));
}

TEST_F(Redrive, IsTriedAgainAsOftenAsRequestsAre) {
    ASSERT_TRUE(host.redrive({{9, 0}}).ok());
    for (const int delay : {100, 200, 400}) {
        host.reply("control", error("LOADING Redis is loading the dataset in memory"));
        host.forget();
        host.wait(delay - 1);
        EXPECT_EQ(host.story(), "");
        host.wait(1);
        EXPECT_EQ(host.story(), lines({call("9-0")}));
    }
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(),
              lines({"redriven s: [9-0 server_busy (LOADING Redis is loading the dataset in memory) retryable]"}));
}

TEST_F(Redrive, WhoseAnswerWasLostAndThatIsGoneWasPutBack) {
    ASSERT_TRUE(host.redrive({{9, 0}}).ok());
    host.lost("control");
    host.forget();
    host.wait(100);
    EXPECT_EQ(host.story(), lines({"connect control", "read" + call("9-0").substr(7)}));  // behind the blocked read
    host.reply("read", null());
    host.forget();
    host.reply("read", answer("gone"));
    EXPECT_EQ(host.story(), lines({"redriven s: [9-0 as 0-0 maybe_duplicate]"}));
}

TEST_F(Redrive, EndsWithTheClient) {
    ASSERT_TRUE(host.redrive({{9, 0}, {9, 1}, {9, 2}}).ok());
    ASSERT_TRUE(host.dead().ok());
    host.reply("control", answer("done", "20-0"));
    host.forget();
    ASSERT_TRUE(host.drain(seconds(1)).ok());
    const std::string closed = "closed (the client was drained before the server's answer)";
    const std::string story = host.story();
    EXPECT_TRUE(
        story.starts_with(lines({"redriven s: [9-0 as 20-0] [9-1 " + closed + " maybe_duplicate] [9-2 " + closed + "]",
                                 "dead of s in {s}:dead: " + closed})))
        << story;
    EXPECT_EQ(host.dead().error().code, Code::closed);
}

TEST_F(Redrive, AListBehindTheLastIdOfAMillisecondGoesOnInTheNext) {
    ASSERT_TRUE(host.dead({"s", EntryId{9, UINT64_MAX}}).ok());
    EXPECT_EQ(host.story(), lines({"control: XRANGE {s}:dead 10-0 + COUNT 100"}));
}

// ---- the other side: who is handed what was redriven

std::string redriven(const std::string& id, const std::string& group) {
    return entry_of(id, {"f", "v", "dlq_origin_id", "1-0", "dlq_group", group});
}

TEST_F(Redrive, OfAnotherGroupIsAckedUnseen) {
    host.reply("read", stream_of("s", {entry("20-0"), redriven("21-0", "other")}));
    host.wait(10);
    const std::string story = host.story();
    EXPECT_NE(story.find("XACK s g 21-0\n"), std::string::npos) << story;
    EXPECT_NE(story.find("log info: An entry was redriven for another group; acked unseen. stream=s id=21-0\n"),
              std::string::npos)
        << story;
    EXPECT_NE(story.find("batch 1 by flush: 20-0\n"), std::string::npos) << story;
}

TEST_F(Redrive, OfOurGroupIsHandedOverAsItWas) {
    host.reply("read", stream_of("s", {redriven("21-0", "g")}));
    host.wait(9);
    // The host would drain the event itself, which tells ids alone.
    host.machine.handle_timeout(host.now() + milliseconds(1));
    while (const std::optional<Event> event = host.machine.poll_event()) {
        const auto* const batch = std::get_if<BatchReady>(&*event);
        if (batch == nullptr) continue;
        ASSERT_EQ(batch->entries.size(), 1U);
        const Entry entry = batch->entries[0];
        EXPECT_EQ(entry.id().text(), "21-0");
        ASSERT_EQ(entry.field_count(), 1U);
        EXPECT_EQ(entry["f"], "v");
        return;
    }
    ADD_FAILURE() << "no batch was handed over";
}

}  // namespace
}  // namespace millrace::test
