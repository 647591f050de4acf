// REC-4: what becomes of a leased name in the end, and of answers that come when it is another's or freed.
#include <gtest/gtest.h>

#include "consumer/lease_scene.hpp"

namespace millrace::test {
namespace {

/// A renewal whose answer comes in two pieces, with the loss of the name by the clock between them, was no answer about
/// the next name.
TEST_F(LeasedName, IsNotHadAgainByARenewalThatIsAnsweredAfterItsLoss) {
    hold();
    pass(9900);
    pass(9500);
    host.reply("control", ":");
    pass(9900);
    host.forget();
    host.wait(600);
    EXPECT_NE(host.story().find("it could not be renewed for 30 s"), std::string::npos);
    host.reply("control", "1\r\n");
    EXPECT_EQ(host.story(), "");
    host.reply("control", taken(1));
    EXPECT_EQ(host.story(), lines({"control: SET " + key(2) + " " + token + " NX PX 30000"}));
}

TEST_F(LeasedName, IsFreedAtTheEndOfADrainAndItsConsumerDeleted) {
    read();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines({"control: CLIENT UNBLOCK 8"}));
    host.reply("control", integer(1));
    host.forget();
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"read: EVALSHA " + sha(ScriptId::delete_consumer) + " 1 s g c-1 0"}));
    host.reply("read", bulk("deleted"));
    EXPECT_EQ(host.story(),
              lines({"log info: A consumer that had left was deleted. stream=s group=g consumer=c-1", freeing(1)}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
}

TEST_F(LeasedName, IsFreedAtACloseThoughEntriesAreInHand) {
    hold();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c-1 0 2-0 IDLE 60000 JUSTID", "control: CLIENT UNBLOCK 8"}));
    host.reply("control", array({bulk("2-0")}) + integer(1));
    EXPECT_EQ(host.story(), "");
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({freeing(1)}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"closed source, 1 held"}));
}

/// A source whose consumer has been deleted: a renewal is out, and the name is to be freed.
struct EndedUnderARenewal : LeasedName {
    EndedUnderARenewal() {
        read();
        pass(10'000);
        EXPECT_TRUE(host.close(source).ok());
        const std::string told = host.story();
        EXPECT_NE(told.find(renewal(1)), std::string::npos) << told;
        EXPECT_TRUE(told.ends_with("control: CLIENT UNBLOCK 8\n")) << told;
        host.reply("read", null());
        host.reply("read", bulk("deleted"));
        host.forget();
    }
};

/// Whatever it says: who has the name by then is told by the token.
TEST_F(EndedUnderARenewal, TheNameIsFreedBehindItsAnswer) {
    host.reply("control", integer(0));
    EXPECT_EQ(host.story(), lines({freeing(1)}));
    host.reply("control", integer(1));  // to CLIENT UNBLOCK
    EXPECT_EQ(host.story(), "");
    host.reply("control", integer(0));
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
}

TEST_F(EndedUnderARenewal, TheNameEndsByItselfWhereItIsLost) {
    host.lost("control");
    EXPECT_TRUE(host.story().ends_with("closed source, 0 held\n"));
}

}  // namespace
}  // namespace millrace::test
