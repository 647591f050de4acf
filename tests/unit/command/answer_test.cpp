// What each question may be answered with: as servers of both protocols write it, and what comes close.
#include "command/answer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "resp/decoder.hpp"
#include "support/replies.hpp"

namespace millrace {
namespace {

using namespace test;

/// The verdict on one reply, and the words about it where it does not fit.
std::string judged(Answer wanted, const std::string& wire) {
    SegmentStore store;
    resp::Decoder decoder(resp::Limits{}, store);
    std::memcpy(decoder.room(wire.size()).data(), wire.data(), wire.size());
    decoder.commit(wire.size());
    if (decoder.step(resp::Shape::tree, nullptr) != resp::Decoder::Step::reply) return "no reply";
    const resp::Reply reply = decoder.tree().root();
    return is_answer(wanted, reply) ? "yes" : describe_mismatch(wanted, reply);
}

TEST(Answer, FitsAsServersWriteIt) {
    const std::string row = pending("1-0", "c", 5, 2);
    const std::string released = pending("1-0", "", -1, 2);
    const struct {
        Answer wanted;
        std::vector<std::string> wires;
    } cases[] = {
        {Answer::any, {integer(1), null(), "~0\r\n", "#t\r\n"}},
        {Answer::word, {ok(), bulk("deleted"), verbatim("x")}},
        {Answer::word_or_nil, {ok(), null(), null_bulk()}},
        {Answer::number, {integer(0), integer(-1)}},
        {Answer::numbers, {array({}), array({integer(1), integer(2), integer(-1)})}},
        {Answer::id, {bulk("1-0"), bulk("1526919030474-55")}},
        {Answer::appended, {bulk("1-0"), array({bulk("1-0"), bulk("ERR no")}), array({bulk("1-0"), error("ERR no")})}},
        {Answer::queued_number, {status("QUEUED"), integer(3)}},
        {Answer::queued_id, {status("QUEUED"), bulk("1-0")}},
        {Answer::results, {null_array(), null(), array({bulk("1-0"), error("OOM"), integer(2)})}},
        {Answer::items, {array({}), array({null()}), array({array({bulk("xreadgroup"), integer(-7)})})}},
        {Answer::outcome, {array({bulk("done"), bulk("1-0")}), array({bulk("gone")})}},
        {Answer::texts, {array({}), array({bulk("a"), null_bulk(), null()})}},
        {Answer::named, {map({bulk("length"), integer(3)}), array({bulk("length"), integer(3)})}},
        {Answer::rows, {array({}), groups("1-0"), array({array({bulk("name"), bulk("g")})})}},
        {Answer::pending, {array({}), array({row}), array({row, released})}},
        {Answer::pending_summary,
         {pending_summary(0), pending_summary(2, "1-0", "2-0"),
          array({integer(0), null_bulk(), null_bulk(), null_array()})}},
        {Answer::claimed_ids,
         {array({bulk("0-0"), array({})}), array({bulk("5-0"), array({bulk("1-0")}), array({bulk("2-0")})}),
          array({bulk("0-0"), array({null_bulk()})})}},
        {Answer::keys, {array({bulk("0"), array({})}), array({bulk("7"), array({bulk("a"), bulk("b")})})}},
        {Answer::entries, {array({}), null(), null_array()}},
    };
    for (const auto& each : cases) {
        for (const std::string& wire : each.wires) EXPECT_EQ(judged(each.wanted, wire), "yes") << wire;
        EXPECT_EQ(judged(each.wanted, error("ERR unknown command")), "yes") << "an error may answer everything";
    }
}

TEST(Answer, IsRefusedWithWhatWasWantedAndWhatCame) {
    const struct {
        Answer wanted;
        std::string wire;
        const char* told;
    } cases[] = {
        {Answer::word, integer(1), "expected a word, got an integer"},
        {Answer::number, bulk("1"), "expected an integer, got a bulk string"},
        {Answer::numbers, array({integer(1), bulk("2")}), "expected a list of integers, got an array of 2"},
        {Answer::id, bulk("1-x"), "expected an entry id, got a bulk string"},
        {Answer::id, status("1-0"), "expected an entry id, got a status"},
        {Answer::appended, array({bulk("1-0")}), "expected an entry id, got an array of 1"},
        {Answer::queued_number, bulk("QUEUED"), "expected QUEUED or an integer, got a bulk string"},
        {Answer::queued_id, integer(1), "expected QUEUED or an entry id, got an integer"},
        {Answer::results, array({null()}), "expected the results of a transaction, got an array of 1"},
        {Answer::items, map({bulk("a"), bulk("b")}), "expected a list, got a map of 2"},
        {Answer::outcome, array({}), "expected a script's outcome, got an array of 0"},
        {Answer::texts, array({integer(1)}), "expected a list of texts, got an array of 1"},
        {Answer::named, array({bulk("length")}), "expected names and values, got an array of 1"},
        {Answer::named, "~0\r\n", "expected names and values, got a set of 0"},
        {Answer::rows, array({bulk("g")}), "expected a list of names and values, got an array of 1"},
        {Answer::pending, array({array({bulk("x"), bulk("c"), integer(1), integer(1)})}),
         "expected a list of pending entries, got an array of 1"},
        {Answer::pending, array({array({bulk("1-0"), bulk("c")})}),
         "expected a list of pending entries, got an array of 1"},
        {Answer::pending, array({array({bulk("1-0"), bulk("c"), bulk("1"), integer(1)})}),
         "expected a list of pending entries, got an array of 1"},
        {Answer::pending_summary, array({bulk("0"), null(), null(), null()}),
         "expected a summary of pending entries, got an array of 4"},
        {Answer::claimed_ids, array({bulk("0-0")}), "expected a cursor and claimed ids, got an array of 1"},
        {Answer::claimed_ids, array({bulk("0-0"), array({integer(1)})}),
         "expected a cursor and claimed ids, got an array of 2"},
        {Answer::keys, array({bulk("0"), bulk("a")}), "expected a cursor and keys, got an array of 2"},
        {Answer::entries, integer(1), "expected entries, got an integer"},
        {Answer::entries, "#t\r\n", "expected entries, got a boolean"},
        {Answer::number, ",1.5\r\n", "expected an integer, got a double"},
        {Answer::number, "(12345678901234567890\r\n", "expected an integer, got a big number"},
        {Answer::number, verbatim("1"), "expected an integer, got a verbatim string"},
        {Answer::number, null(), "expected an integer, got nil"},
    };
    for (const auto& each : cases) EXPECT_EQ(judged(each.wanted, each.wire), each.told) << each.wire;
}

}  // namespace
}  // namespace millrace
