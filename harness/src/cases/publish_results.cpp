#include "cases/publish_results.hpp"

#include <cstdlib>

#include "base/text.hpp"

namespace millrace::harness {

std::vector<EntryResult> results_of(World& world, const Json* said, size_t entries) {
    world.require(said != nullptr, "PUB-1", "publish is not answered in time");
    const std::string text = excerpt(said->dump(-1, ' ', false, Json::error_handler_t::replace), 300);
    if ((*said)["event"] == "error" && said->value("code", Json()) == "unsupported") {
        world.unsupported("the agent says so: " + text);
    }
    world.require((*said)["event"] == "published" && said->contains("results") && (*said)["results"].is_array(),
                  "PUB-1", "the answer to publish is " + text);
    const Json& list = (*said)["results"];
    world.require(list.size() == entries, "PUB-1",
                  std::to_string(entries) + " published, " + std::to_string(list.size()) + " results");
    std::vector<EntryResult> results;
    for (const Json& each : list) {
        EntryResult result;
        world.require(each.is_object(), "PUB-1", "a result is " + excerpt(each.dump()));
        const Json id = each.value("id", Json());
        const Json error = each.value("error", Json());
        if (id.is_string()) result.id = id.get<std::string>();
        if (error.is_string()) result.error = error.get<std::string>();
        for (const Json& flag : each.value("flags", Json::array())) {
            if (flag.is_string()) result.flags.insert(flag.get<std::string>());
        }
        results.push_back(std::move(result));
    }
    return results;
}

Task<> ready_to_publish(World& world, Agent& agent, Json config) {
    const Start start = world.consume("elsewhere", std::move(config));
    co_await agent.ready(start);
}

Task<> ready_to_publish_through(World& world, Agent& agent, const Proxy& proxy, Json config) {
    const Start start = world.consume_through(proxy, "elsewhere", std::move(config));
    co_await agent.ready(start);
}

Task<std::vector<EntryResult>> publish_all(World& world, Agent& agent, std::string stream, std::vector<Fields> entries,
                                           Json options, Duration within) {
    const int64_t request = agent.publish(stream, entries, std::move(options));
    const Json* said = co_await agent.answer(request, within);
    co_return results_of(world, said, entries.size());
}

void expect_all_went_in(World& world, const std::vector<EntryResult>& results) {
    for (size_t i = 0; i < results.size(); ++i) {
        world.expect(results[i].error.empty(), "PUB-1",
                     "entry " + std::to_string(i) + " failed with '" + results[i].error + "'");
        for (const std::string& flag : results[i].flags) {
            world.expect(false, "PUB-1", "entry " + std::to_string(i) + " is said to be " + flag);
        }
    }
}

std::vector<OnServer> entries_of(World& world, const std::string& stream) {
    std::vector<OnServer> entries;
    for (std::string from = "-";;) {
        const Reply range = world.command({"XRANGE", stream, from, "+", "COUNT", "1000"});
        for (size_t i = entries.empty() ? 0 : 1; i < range.items.size();
             ++i) {  // the first was seen: no "(" before 6.2
            const Reply& item = range.items[i];
            OnServer entry{item.at(0).text, {}};
            for (size_t k = 0; k + 1 < item.at(1).items.size(); k += 2) {
                entry.fields.emplace_back(item.at(1).at(k).text, item.at(1).at(k + 1).text);
            }
            entries.push_back(std::move(entry));
        }
        if (range.items.size() < 1000) return entries;
        from = entries.back().id;
    }
}

std::vector<int> numbers_of(World& world, const std::string& stream) {
    std::vector<int> numbers;
    for (const OnServer& entry : entries_of(world, stream)) {
        numbers.push_back(entry.fields.empty() ? -1 : std::atoi(entry.fields.front().second.c_str()));
    }
    return numbers;
}

}  // namespace millrace::harness
