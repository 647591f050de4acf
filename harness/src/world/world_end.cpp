// The end of a World: what became of its agents, and what the server knows once the story is told.

#include <algorithm>

#include "base/text.hpp"
#include "world/world.hpp"

namespace millrace::harness {

void World::close() {
    look_at_exits();
    look_at_end();
    for (auto& agent : agents_) {
        if (agent.alive()) end(agent);
        auto& life = history_.agents[agent.index()];
        if (!life.ended) life.ended = now();
    }
    remove_users();
    history_.end = now();
}

// What it says wrong with its last breath is a finding like the others, and takes none of them away.
void World::end(Agent& agent) {
    agent.killed_ = true;
    try {
        agent.port().kill();
    } catch (const ProtocolError& error) {
        expect(false, "agent protocol 1", error.what());
    }
}

void World::look_at_exits() {
    for (const auto& agent : agents_) {
        const auto exit = agent.port().exit();
        if (!exit || agent.killed()) continue;
        const bool clean = !exit->by_signal && exit->code == 0;
        if (!clean) {
            const std::string errors = agent.port().errors();
            const std::string last = to_utf8(errors.substr(errors.size() - std::min<size_t>(200, errors.size())));
            expect(false, "agent protocol 1",
                   history_.agents[agent.index()].label + " died: " + describe(*exit) +
                       (last.empty() ? "" : "; stderr ends: " + excerpt(last, 400)));
        }
    }
}

void World::look_at_end() {
    try {
        for (const auto& [stream, group] : watched_) {
            StreamState state;
            state.at = now();
            state.stream = stream;
            state.group = group;
            const Reply groups = command({"XINFO", "GROUPS", stream});
            if (groups.is_error() && facts().streams && groups.text.find("no such key") == std::string::npos) {
                throw ServerError("XINFO GROUPS: " + excerpt(groups.text));
            }
            for (const auto& item : groups.items) {
                if (item.field("name").text != group) continue;
                state.group_exists = true;
                state.last_delivered = item.field("last-delivered-id").text;
            }
            for (auto& entry : pending(stream, group)) state.pending[entry.key.id] = entry;
            std::string from = "-";
            for (bool more = !groups.is_error(); more;) {
                const Reply page = command({"XRANGE", stream, from, "+", "COUNT", "1000"});
                size_t added = 0;
                for (const auto& item : page.items) added += state.ids.insert(item.at(0).text).second ? 1U : 0U;
                more = page.items.size() == 1000 && added > 0;
                if (more) from = page.items.back().at(0).text;
            }
            for (const DeadLetter& letter : dead_letters(stream)) {
                if (letter.field("dlq_group") == group) state.dead.insert(letter.field("dlq_origin_id"));
            }
            history_.final_states.push_back(std::move(state));
        }
    } catch (const ServerError& error) {
        const std::string unknown = std::string("the server's last state is unknown: ") + error.what();
        notes_.push_back(unknown);
        // Where the case has not taken the server away itself, a verdict without that look says less than it seems to.
        const bool taken_away = std::any_of(history_.faults.begin(), history_.faults.end(), [](const Fault& fault) {
            return fault.kind == Fault::Kind::ServerDown || fault.kind == Fault::Kind::Failover;
        });
        if (!taken_away) non_strict("server", unknown + "; nothing was looked for that may be lost");
    }
}

}  // namespace millrace::harness
