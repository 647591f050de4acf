// Trimming with each append: by length, by age, and never what a group still has to see.

#include <algorithm>

#include "base/text.hpp"
#include "cases/publish_results.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// A server trims `about` by whole nodes of a hundred entries; a script by at most a hundred a time.
constexpr size_t node = 100;

bool holds(const std::vector<OnServer>& entries, const std::string& id) {
    return std::any_of(entries.begin(), entries.end(), [&](const OnServer& entry) { return entry.id == id; });
}

Task<> by_length(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    for (const bool idempotent : {false, true}) {
        const std::string stream = world.stream(idempotent ? "once" : "orders");
        const auto entries = numbered(0, 1000);
        const Json about = {{"max_len", 200}, {"idempotent", idempotent}};
        const auto results = co_await publish_all(world, agent, stream, entries, about);
        expect_all_went_in(world, results);
        size_t left = entries_of(world, stream).size();
        world.expect(left >= 200 && left <= 200 + node, "PUB-3",
                     "max_len 200, and " + std::to_string(left) + " of 1000 entries are left");
        const auto more = numbered(1000, 50);
        const Json exact = {{"max_len", 10}, {"max_len_exact", true}, {"idempotent", idempotent}};
        const auto again = co_await publish_all(world, agent, stream, more, exact);
        expect_all_went_in(world, again);
        const std::vector<int> numbers = numbers_of(world, stream);
        world.expect(numbers.size() == 10 && numbers.front() == 1040 && numbers.back() == 1049, "PUB-3",
                     "max_len 10 exactly, and " + std::to_string(numbers.size()) + " are left" +
                         (numbers.empty() ? "" : ", from " + std::to_string(numbers.front())));
    }
}

Task<> by_age(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    for (const bool idempotent : {false, true}) {
        const std::string stream = world.stream(idempotent ? "once" : "orders");
        const int64_t now = parse_integer(world.command({"TIME"}).at(0).text).value_or(0) * 1000;
        for (int i = 0; i < 300; ++i) {  // two hours to one hour old
            world.command({"XADD", stream, std::to_string(now - 7'200'000 + i * 12'000) + "-0", "n", "old"});
        }
        for (int i = 0; i < 50; ++i) {  // and a minute
            world.command({"XADD", stream, std::to_string(now - 60'000 + i) + "-0", "n", "young"});
        }
        const auto entries = numbered(0, 10);
        const Json options = {{"max_age", "30m"}, {"idempotent", idempotent}};
        const auto results = co_await publish_all(world, agent, stream, entries, options);
        expect_all_went_in(world, results);
        size_t old = 0;
        size_t young = 0;
        for (const OnServer& entry : entries_of(world, stream)) {
            (entry.fields.front().second == "old" ? old : young) += 1;
        }
        world.expect(young == 60, "PUB-3", "max_age 30m, and " + std::to_string(60 - young) + " younger ones are gone");
        world.expect(old <= node, "PUB-3", "max_age 30m, and " + std::to_string(old) + " of 300 older ones are left");
    }
}

Task<> keeps_pending(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    const std::string stream = world.stream("orders");
    world.command({"XGROUP", "CREATE", stream, "g", "0", "MKSTREAM"});
    world.command({"XGROUP", "CREATE", stream, "late", "0"});
    const auto read = [&](const std::string& group, const std::string& count) {
        world.command({"XREADGROUP", "GROUP", group, "c", "COUNT", count, "STREAMS", stream, ">"});
    };
    const auto entries = numbered(0, 40);
    const Json options = {{"max_len", 5}, {"max_len_exact", true}, {"keep_pending", true}};
    auto results = co_await publish_all(world, agent, stream, entries, options);
    expect_all_went_in(world, results);
    world.expect(
        entries_of(world, stream).size() == 40, "PUB-3",
        "nothing was read, and " + std::to_string(40 - entries_of(world, stream).size()) + " entries are gone");
    // One group has read all and acked all but one, the other half and acked all of that.
    read("g", "40");
    read("late", "20");
    for (int i = 0; i < 40; ++i) {
        const std::string& id = results[static_cast<size_t>(i)].id;
        if (i != 12) world.command({"XACK", stream, "g", id});
        if (i < 20) world.command({"XACK", stream, "late", id});
    }
    const auto more = numbered(40, 3);
    const auto then = co_await publish_all(world, agent, stream, more, options);
    expect_all_went_in(world, then);
    auto left = entries_of(world, stream);
    world.expect(holds(left, results[12].id), "PUB-3", "an entry that is pending was trimmed");
    for (int i = 20; i < 40; ++i) {
        world.expect(holds(left, results[static_cast<size_t>(i)].id), "PUB-3",
                     "entry " + std::to_string(i) + ", which a group has not read, was trimmed");
    }
    world.expect(!holds(left, results[0].id) && !holds(left, results[11].id), "PUB-3",
                 "what every group has acked is still there");
    // Once nobody wants them any more they go.
    world.command({"XACK", stream, "g", results[12].id});
    for (const char* const group : {"g", "late"}) {
        read(group, "100");
        for (const OnServer& entry : left) world.command({"XACK", stream, group, entry.id});
    }
    const auto last = numbered(43, 3);
    const auto end = co_await publish_all(world, agent, stream, last, options);
    expect_all_went_in(world, end);
    left = entries_of(world, stream);
    world.expect(left.size() == 5, "PUB-3",
                 "max_len 5 exactly, nothing else pending, and " + std::to_string(left.size()) + " are left");
}

Task<> not_both(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    const std::string stream = world.stream("orders");
    const auto one = numbered(0, 1);
    const int64_t request = agent.publish(stream, one, Json{{"max_len", 5}, {"max_age", "1h"}});
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "PUB-3", "a publish with max_len and max_age is not answered");
    const std::string text = said->dump();
    world.expect((*said)["event"] == "error" && said->value("code", Json()) == "bad_config" &&
                     text.find("max_len") != std::string::npos && text.find("max_age") != std::string::npos,
                 "PUB-3", "max_len and max_age together are answered by " + excerpt(text, 200));
    world.expect(entries_of(world, stream).empty(), "PUB-3", "the publish was refused and written");
}

// The forms in which messages go as fields, a repeat and bytes among them; and the bound on their size.
Task<> forms(World& world) {
    Agent& agent = world.spawn();
    const Json small = {{"max_message_bytes", 65536}};
    const Json plain = Json::object();
    co_await ready_to_publish(world, agent, small);
    const std::string stream = world.stream("orders");
    const std::vector<Fields> entries = {
        {{"data", "{\"a\":1}"}, {"timestamp", "1700000000"}},
        {{"id", "evt-1"}, {"payload", std::string("\x00\xfe", 2)}},
        {{"event", "user_created"}},
        {{"k", "2"}, {"a", "1"}, {"k", "1"}, {"", ""}},
        {{"large", std::string(65531, 'x')}},
    };
    const auto results = co_await publish_all(world, agent, stream, entries, plain);
    expect_all_went_in(world, results);
    const auto there = entries_of(world, stream);
    world.require(there.size() == entries.size(), "PUB-5",
                  std::to_string(entries.size()) + " published, " + std::to_string(there.size()) + " are there");
    for (size_t i = 0; i < there.size(); ++i) {
        world.expect(there[i].id == results[i].id && there[i].fields == entries[i], "PUB-5",
                     "entry " + std::to_string(i) + " has another id, or other fields, on the server");
    }
    const std::vector<Fields> past = {{{"large", std::string(65532, 'x')}}};
    const int64_t request = agent.publish(stream, past, plain);
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "PUB-5", "an entry past max_message_bytes is not answered");
    const bool refused = said->value("code", Json()) == "too_large" ||
                         (said->contains("results") && (*said)["results"].is_array() && !(*said)["results"].empty() &&
                          (*said)["results"][0].value("error", Json()) == "too_large");
    world.expect(refused, "PUB-5", "an entry past max_message_bytes is answered by " + excerpt(said->dump(), 200));
    world.expect(entries_of(world, stream).size() == entries.size(), "PUB-5", "it was refused and written");
}

}  // namespace

std::vector<Case> publish_trim_cases() {
    constexpr auto publish = CaseClass::Publish;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"publish/11-max-len",
         "A stream is kept to about, and to exactly, so many entries",
         {"PUB-3"},
         {"publish"},
         publish,
         need,
         Timing::None,
         by_length},
        {"publish/12-max-age",
         "What is older by the server's time goes, what is younger stays",
         {"PUB-3"},
         {"publish"},
         publish,
         need,
         Timing::None,
         by_age},
        {"publish/13-keep-pending",
         "Trimming leaves what a group has pending or has not read",
         {"PUB-3"},
         {"publish"},
         publish,
         need,
         Timing::None,
         keeps_pending},
        {"publish/14-not-both",
         "max_len and max_age at once are refused by their names",
         {"PUB-3"},
         {"publish"},
         publish,
         need,
         Timing::None,
         not_both},
        {"publish/15-forms",
         "Fields keep their order, repeats and bytes; an entry past max_message_bytes is refused",
         {"PUB-5"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         forms},
    };
}

}  // namespace millrace::harness
