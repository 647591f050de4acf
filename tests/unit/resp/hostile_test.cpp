// SEC-2, by the names that the specification gives them: whatever a hostile server sends ends in a typed error, soon,
// and before it has cost memory, whichever reply is owed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "base/allocation.hpp"
#include "resp/wire.hpp"

namespace millrace::resp {
namespace {

using test::bulk;
using test::decode;
using test::Transcript;

constexpr size_t fed_max = 256 * 1024;
constexpr size_t memory_max = 512 * 1024;

std::string times(std::string_view piece, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += piece;
    return text;
}

struct Hostile {
    std::string what;
    std::string wire;
    std::string endless = "";  ///< what follows for ever
};
void PrintTo(const Hostile& hostile, std::ostream* out) {
    *out << hostile.what;
}

std::vector<Hostile> hostile_bytes() {
    std::vector<Hostile> all;
    for (const char type : std::string("*%~>")) {
        const std::string t(1, type);
        const std::string number = std::to_string(static_cast<int>(type));
        all.push_back({"ElementsPastInt32Of" + number, t + "2147483648\r\n"});
        all.push_back({"ElementsOfInt32Of" + number, t + "2147483647\r\n"});
        all.push_back({"ElementsPastInt64Of" + number, t + "99999999999999999999\r\n"});
        all.push_back({"AMillionAndMoreOf" + number, t + "1048577\r\n"});
        all.push_back({"Depth1000Of" + number, times(t + "2\r\n", 1000)});
    }
    for (const char type : std::string("$=")) {
        const std::string t(1, type);
        const std::string number = std::to_string(static_cast<int>(type));
        all.push_back({"ValueOf512MiBAnd1Of" + number, t + "536870913\r\n"});
        all.push_back({"ValueOf2To63Of" + number, t + "9223372036854775807\r\n"});
        all.push_back({"ValuePastInt64Of" + number, t + "99999999999999999999\r\n"});
    }
    for (const char type : std::string("+-:$=*%~>_#,(")) {
        const std::string number = std::to_string(static_cast<int>(type));
        all.push_back({"EndlessLineOf" + number, std::string(1, type), "1"});
        all.push_back({"EndlessReturnsOf" + number, std::string(1, type), "\r"});
    }
    all.push_back({"EndlessNothing", "", std::string(1, '\0')});
    all.push_back({"EndlessNewlines", "", "\n"});
    return all;
}

class Hostility : public testing::TestWithParam<Hostile> {};

TEST_P(Hostility, EndsInATypedErrorBeforeItCostsMemory) {
    for (const Shape shape : {Shape::tree, Shape::streams, Shape::entries, Shape::outline, Shape::message}) {
        SCOPED_TRACE(static_cast<int>(shape));
        SegmentStore store;
        test::Recorder recorder(store);
        Decoder decoder(Limits{}, store);
        millrace::test::forget_largest_request();
        const std::string piece =
            GetParam().endless.empty() ? GetParam().wire : GetParam().wire + times(GetParam().endless, 16 * 1024);
        const std::string more = GetParam().endless.empty() ? "" : times(GetParam().endless, 16 * 1024);
        const std::vector<Shape> shapes{shape};
        size_t owed = 0;
        size_t fed = piece.size();
        bool alive = test::feed(decoder, piece, shapes, owed, recorder);
        for (; alive && !more.empty() && fed < fed_max; fed += more.size()) {
            alive = test::feed(decoder, more, shapes, owed, recorder);
        }
        EXPECT_FALSE(alive) << "not refused after " << fed << " bytes";
        const Error& error = decoder.error();
        EXPECT_TRUE(error.code == Code::protocol || error.code == Code::too_large) << name(error.code);
        EXPECT_FALSE(error.message.empty());
        EXPECT_LT(error.message.size(), 200U);
        EXPECT_EQ(error.message.find_first_of("\r\n"), std::string::npos) << error.message;
        EXPECT_LT(millrace::test::largest_request(), memory_max);
        EXPECT_EQ(store.references(), 0U);
        decoder.reset();
        EXPECT_TRUE(test::feed(decoder, "+OK\r\n", shapes, owed, recorder)) << "after a reset all is well";
        EXPECT_EQ(recorder.transcript.back(), "reply +OK");
    }
}

INSTANTIATE_TEST_SUITE_P(Sec2, Hostility, testing::ValuesIn(hostile_bytes()),
                         [](const auto& test) { return test.param.what; });

/// What one item of each type looks like. The name tells the test's failure.
struct Item {
    const char* what;
    std::string wire;
};
const std::vector<Item>& items() {
    static const std::vector<Item> all = {
        {"a status", "+x\r\n"},
        {"an error", "-ERR x\r\n"},
        {"an integer", ":7\r\n"},
        {"a bulk string", bulk("x")},
        {"an empty array", "*0\r\n"},
        {"an array of one", "*1\r\n:7\r\n"},
        {"a map", "%1\r\n+a\r\n:7\r\n"},
        {"an empty map", "%0\r\n"},
        {"a set", "~1\r\n:7\r\n"},
        {"a push", ">2\r\n+invalidate\r\n*0\r\n"},
        {"a nil of RESP3", "_\r\n"},
        {"a null bulk string", "$-1\r\n"},
        {"a boolean", "#t\r\n"},
        {"a double", ",1.5\r\n"},
        {"a big number", "(12345678901234567890\r\n"},
        {"a verbatim string", "=5\r\ntxt:x\r\n"},
    };
    return all;
}

struct Level {
    const char* what;
    std::string before;
    std::vector<std::string> fits;  ///< what belongs there, or ends the reply without harm
};

// The whole of it, level by level: what is wrong at one of them is wrong there alone.
const std::vector<std::string> nils{"a nil of RESP3", "a null bulk string"};

std::vector<Level> levels_of_streams() {
    return {
        {"a stream", "*1\r\n", {}},
        {"a stream's name", "*1\r\n*2\r\n", {"a bulk string"}},
        {"a map's name", "%1\r\n", {"a bulk string"}},
        {"the entries", "*1\r\n*2\r\n" + bulk("s"), {"an empty array"}},
        {"a map's entries", "%1\r\n" + bulk("s"), {"an empty array"}},
        {"an entry", "*1\r\n*2\r\n" + bulk("s") + "*1\r\n", nils},
        {"an id", "*1\r\n*2\r\n" + bulk("s") + "*1\r\n*2\r\n", {}},
        {"the fields",
         "*1\r\n*2\r\n" + bulk("s") + "*1\r\n*2\r\n" + bulk("1-1"),
         {"an empty array", "a nil of RESP3", "a null bulk string"}},
        {"a name", "*1\r\n*2\r\n" + bulk("s") + "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n", {"a bulk string"}},
        {"a value",
         "*1\r\n*2\r\n" + bulk("s") + "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("k"),
         {"a bulk string"}},
    };
}

// RESP3 types where none belong, a push in the middle of a reply, and everything else that does not fit.
TEST(Hostility, EveryTypeWhereItDoesNotBelongIsAnError) {
    size_t wrong = 0;
    for (const Level& level : levels_of_streams()) {
        for (const Item& item : items()) {
            const bool fits = std::find(level.fits.begin(), level.fits.end(), item.what) != level.fits.end();
            // An array of one where an entry, or one of an odd number where fields are wanted, is wrong, too; where a
            // list of entries is wanted, its integer is.
            const Transcript transcript = decode(level.before + item.wire, Shape::streams);
            const bool refused = !transcript.empty() && transcript.back().starts_with("failed protocol: ");
            EXPECT_EQ(refused, !fits) << item.what << " as " << level.what << ": "
                                      << (transcript.empty() ? "" : transcript.back());
            wrong += refused ? 1 : 0;
        }
    }
    EXPECT_GT(wrong, 130U);
}

// A million entries that nobody asked for would each be within its limits.
TEST(Hostility, MoreEntriesThanWereAskedForAreAnError) {
    const std::string entry = "*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("k") + bulk("v");
    const struct {
        Shape shape;
        std::string head;
    } cases[] = {
        {Shape::entries, ""}, {Shape::streams, "*1\r\n*2\r\n" + bulk("s")}, {Shape::streams, "%1\r\n" + bulk("s")}};
    for (const auto& each : cases) {
        for (const uint64_t count : {2U, 3U}) {
            SegmentStore store;
            test::Recorder recorder(store);
            Decoder decoder(Limits{}, store);
            const std::string wire = each.head + "*" + std::to_string(count) + "\r\n" + times(entry, count);
            std::memcpy(decoder.room(wire.size()).data(), wire.data(), wire.size());
            decoder.commit(wire.size());
            const Decoder::Step step = decoder.step(each.shape, &recorder, 2);
            if (count == 2) {
                EXPECT_EQ(step, Decoder::Step::reply);
                continue;
            }
            EXPECT_EQ(step, Decoder::Step::failed);
            EXPECT_EQ(decoder.error().code, Code::protocol);
            EXPECT_EQ(decoder.error().message, "got 3 entries, and asked for 2");
            EXPECT_TRUE(recorder.transcript.empty() || recorder.transcript.back() == "stream s");
        }
    }
}

// Of many streams together, whatever each of them has.
TEST(Hostility, TheListsOfAReplyAreCountedTogether) {
    const std::string list = bulk("s") + "*2\r\n*2\r\n" + bulk("1-1") + "*0\r\n*2\r\n" + bulk("1-2") + "*0\r\n";
    const std::string wire = "%1000\r\n" + times(list, 1000);
    SegmentStore store;
    test::Recorder recorder(store);
    Decoder decoder(Limits{}, store);
    std::memcpy(decoder.room(wire.size()).data(), wire.data(), wire.size());
    decoder.commit(wire.size());
    EXPECT_EQ(decoder.step(Shape::streams, &recorder, 10), Decoder::Step::failed);
    EXPECT_EQ(decoder.error().message, "got 12 entries, and asked for 10");
}

}  // namespace
}  // namespace millrace::resp
