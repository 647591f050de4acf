// Groups are made, moved and destroyed for whoever asks, with or without a source.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

using What = GroupChange::What;

GroupChange change(What what, std::string at = "0") {
    return {what, "s", "g", std::move(at), std::nullopt};
}

struct Groups : ::testing::Test {
    /// Both lanes are up, and there is no source.
    Groups() {
        EXPECT_TRUE(host.dead().ok());
        host.greet("control");
        host.reply("control", array({}));
        host.greet("read");
        host.forget();
    }
    std::string answered(const std::string& bytes) {
        host.forget();
        host.reply("control", bytes);
        return host.story();
    }
    ScriptedHost host;
};

TEST_F(Groups, AreCreatedWithTheirStream) {
    ASSERT_TRUE(host.change_group(change(What::create, "$")).ok());
    EXPECT_EQ(host.story(), lines({"control: XGROUP CREATE s g $ MKSTREAM"}));
    EXPECT_EQ(answered(ok()), lines({"group g of s changed"}));
}

TEST_F(Groups, ThatExistAreLeftAsTheyAre) {
    ASSERT_TRUE(host.change_group(change(What::create)).ok());
    EXPECT_EQ(answered(error("BUSYGROUP Consumer Group name already exists")), lines({"group g of s not changed"}));
}

TEST_F(Groups, AreMovedToAnIdOrATime) {
    ASSERT_TRUE(host.change_group(change(What::move, "5-3")).ok());
    EXPECT_EQ(host.story(), lines({"control: XGROUP SETID s g 5-3"}));
    EXPECT_EQ(answered(ok()), lines({"group g of s changed"}));
    GroupChange replay = change(What::move);
    replay.since = WallTime{1'800'000'000'000'000};
    ASSERT_TRUE(host.change_group(replay).ok());
    EXPECT_EQ(host.story(), lines({"control: XGROUP SETID s g 1799999999999-18446744073709551614"}));
    const std::string missing = "NOGROUP No such consumer group 'g' for key name 's'";
    EXPECT_EQ(answered(error(missing)), lines({"group g of s not changed: no_group (" + missing + ")"}));
}

TEST_F(Groups, AreDestroyed) {
    ASSERT_TRUE(host.change_group(change(What::destroy)).ok());
    ASSERT_TRUE(host.change_group(change(What::destroy)).ok());
    EXPECT_EQ(host.story(), lines({"control: XGROUP DESTROY s g"}));
    EXPECT_EQ(answered(integer(1)), lines({"group g of s changed", "control: XGROUP DESTROY s g"}));
    EXPECT_EQ(answered(integer(0)), lines({"group g of s not changed"}));
}

TEST_F(Groups, AreTriedAgainAsOftenAsRequestsAre) {
    ASSERT_TRUE(host.change_group(change(What::create)).ok());
    const std::string loading = "LOADING Redis is loading the dataset in memory";
    for (const int delay : {100, 200, 400}) {
        EXPECT_EQ(answered(error(loading)), "");
        host.wait(delay);
        EXPECT_EQ(host.story(), lines({"control: XGROUP CREATE s g 0 MKSTREAM"}));
    }
    EXPECT_EQ(answered(error(loading)), lines({"group g of s not changed: server_busy (" + loading + ") retryable"}));
}

TEST_F(Groups, AreAskedForAgainAfterALostAnswer) {
    ASSERT_TRUE(host.change_group(change(What::create)).ok());
    host.lost("control");
    host.wait(100);
    EXPECT_NE(host.story().find("read: XGROUP CREATE s g 0 MKSTREAM\n"), std::string::npos);
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"group g of s changed"}));
}

TEST_F(Groups, OfAClientThatIsDrainedAreAnsweredWithClosed) {
    ASSERT_TRUE(host.change_group(change(What::create)).ok());
    host.forget();
    ASSERT_TRUE(host.drain(seconds(1)).ok());
    EXPECT_TRUE(host.story().starts_with(
        lines({"group g of s not changed: closed (the client was drained before the server's answer)"})));
}

TEST_F(Groups, RefuseWhatMakesNoSense) {
    EXPECT_EQ(host.change_group({What::create, "", "g", "0", {}}).error().message, "group: no stream is named");
    EXPECT_EQ(host.change_group({What::create, "s", "", "0", {}}).error().message, "group: no group is named");
    EXPECT_EQ(host.change_group(change(What::move, "now")).error().message,
              "group: 'now' is neither 0 nor $ nor an entry id");
    EXPECT_EQ(host.story(), "");
}

}  // namespace
}  // namespace millrace::test
