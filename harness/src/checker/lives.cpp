// The rules about one entry in one group, from its publish to its end: it is never lost, never comes again once it is
// acked, and is held by one at a time, unless a fault explains it.

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "checker/rules.hpp"

namespace millrace::harness {

namespace {

// An ack that was answered this shortly before a crash may not have reached the server.
constexpr Duration ack_in_flight_max = 100ms;

// What happened to an entry, in order of time.
struct Moment {
    enum class Kind { Delivered, AckAsked, AckDone, NackDone, Lost, GroupLost, KeyGone };
    Instant at;
    Kind kind = Kind::Delivered;
    size_t agent = 0;
    std::optional<int64_t> deliveries;
};

using Life = std::vector<Moment>;
using Lives = std::map<std::pair<std::string, EntryKey>, Life>;  // by group

void add_settlements(const History& history, Lives& lives) {
    for (const auto& row : history.settlements) {
        const AgentLife& agent = history.agents[row.agent];
        if (!in_group(agent)) continue;
        auto& life = lives[{agent.group, row.key}];
        const bool is_ack = row.kind != Settlement::Kind::Nack;
        if (is_ack) life.push_back({row.asked, Moment::Kind::AckAsked, row.agent, {}});
        if (!row.answered || row.code != "ok") continue;
        const auto kind = is_ack ? Moment::Kind::AckDone : Moment::Kind::NackDone;
        // A nack counts from when it was asked: with a delay of 0 the entry may come before the answer.
        life.push_back({is_ack ? *row.answered : row.asked, kind, row.agent, {}});
    }
}

// After everything else: a fault is a moment only of entries that have a life.
void add_faults(const History& history, Lives& lives) {
    for (const auto& fault : history.faults) {
        const bool forgets = fault.kind == Fault::Kind::GroupLost || fault.kind == Fault::Kind::KeyGone;
        if (!forgets) continue;
        const auto kind = fault.kind == Fault::Kind::KeyGone ? Moment::Kind::KeyGone : Moment::Kind::GroupLost;
        const std::set<EntryKey> hit(fault.entries.begin(), fault.entries.end());
        for (auto& [key, life] : lives) {
            if (hit.contains(key.second)) life.push_back({fault.at, kind, 0, {}});
        }
    }
}

Lives lives_of(const History& history) {
    Lives lives;
    for (const auto& batch : history.batches) {
        const AgentLife& agent = history.agents[batch.agent];
        if (!in_group(agent)) continue;
        for (const auto& entry : batch.entries) {
            lives[{agent.group, entry.key}].push_back(
                {batch.received, Moment::Kind::Delivered, batch.agent, entry.deliveries});
        }
    }
    add_settlements(history, lives);
    for (const auto& told : history.lost) {
        const auto life = lives.find({history.agents[told.agent].group, told.key});
        if (life != lives.end()) life->second.push_back({told.at, Moment::Kind::Lost, told.agent, {}});
    }
    add_faults(history, lives);
    for (auto& [key, life] : lives) {
        std::stable_sort(life.begin(), life.end(), [](const Moment& a, const Moment& b) { return a.at < b.at; });
    }
    return lives;
}

bool crash_between(const History& history, size_t agent, Instant from, Instant to) {
    return std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
        if (fault.at < from || fault.at > to) return false;
        if (fault.kind == Fault::Kind::ServerDown || fault.kind == Fault::Kind::Failover) return true;
        return fault.kind == Fault::Kind::Kill && fault.agent == agent;
    });
}

// Nobody hears of it that it lives, or it has left: others may take what it holds.
bool absent_between(const History& history, size_t agent, Instant from, Instant to) {
    const AgentLife& life = history.agents[agent];
    if ((life.drained && *life.drained <= to) || (life.ended && *life.ended <= to)) return true;
    return std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
        return fault.kind == Fault::Kind::Frozen && fault.agent == agent && fault.at >= from && fault.at <= to;
    });
}

bool seen_settled(const History& history, const std::string& group, const EntryKey& key, Instant from, Instant to) {
    return std::any_of(history.pending_seen.begin(), history.pending_seen.end(), [&](const PendingSeen& seen) {
        if (seen.at < from || seen.at > to || seen.group != group || seen.stream != key.stream) return false;
        return std::none_of(seen.entries.begin(), seen.entries.end(),
                            [&](const PendingEntry& entry) { return entry.key == key; });
    });
}

// Where an entry stands while its life is gone through.
struct Standing {
    const Moment* acked = nullptr;
    const Moment* holder = nullptr;
    const Moment* delivered = nullptr;  // last
    int64_t times = 0;
    bool group_lost = false;  // since its last delivery: who held it may still hold it, and others may get it
};

void move_on(const Moment& moment, Standing& standing) {
    using Kind = Moment::Kind;
    switch (moment.kind) {
        case Kind::AckDone:
            standing.acked = &moment;
            standing.holder = nullptr;
            break;
        case Kind::NackDone:
            standing.holder = nullptr;
            break;
        case Kind::Lost:
            if (standing.holder != nullptr && standing.holder->agent == moment.agent) standing.holder = nullptr;
            break;
        case Kind::GroupLost:
            standing.acked = nullptr;
            standing.group_lost = true;
            break;
        case Kind::KeyGone:
            standing = {};
            break;
        case Kind::AckAsked:
        case Kind::Delivered:
            break;
    }
}

// REC-1: nothing acked comes again, nothing held comes again, and the count of deliveries is the server's. REC-2:
// nobody is robbed while it lives.
void check_life(const History& history, const std::string& group, const EntryKey& key, const Life& life,
                Findings& findings) {
    Standing now;
    for (const auto& moment : life) {
        move_on(moment, now);
        if (moment.kind != Moment::Kind::Delivered) continue;
        if (now.delivered != nullptr && forgotten_between(history, key.stream, now.delivered->at, moment.at)) {
            now.times = 0;
        }
        ++now.times;
        if (now.acked != nullptr) {
            const Instant end = std::min(moment.at, now.acked->at + ack_in_flight_max);
            const bool lost_in_crash = crash_between(history, now.acked->agent, now.acked->at, end) &&
                                       !seen_settled(history, group, key, now.acked->at, moment.at);
            if (!lost_in_crash) fail(findings, "REC-1", "entry " + key.id + " was acked and came again");
        } else if (now.holder != nullptr && now.holder->agent == moment.agent) {
            fail(findings, "REC-1", "entry " + key.id + " came again while it was held");
        } else if (now.holder != nullptr && !now.group_lost &&
                   !crash_between(history, now.holder->agent, now.holder->at, moment.at) &&
                   !absent_between(history, now.holder->agent, now.holder->at, moment.at)) {
            fail(findings, "REC-2", "entry " + key.id + " is held by one consumer and was handed over by another");
        }
        if (moment.deliveries && *moment.deliveries < now.times) {
            fail(findings, "REC-1",
                 "entry " + key.id + " came for the " + std::to_string(now.times) + ". time and says deliveries " +
                     std::to_string(*moment.deliveries));
        }
        now.holder = now.delivered = &moment;
        now.group_lost = false;
    }
}

bool has(const Life& life, Moment::Kind kind) {
    return std::any_of(life.begin(), life.end(), [&](const Moment& moment) { return moment.kind == kind; });
}

// What nobody owes to a group: entries that somebody who is no consumer has deleted, and such as lie before its start.
std::set<EntryKey> owed_to_nobody(const History& history) {
    std::set<EntryKey> keys = history.excused;
    for (const auto& fault : history.faults) {
        if (fault.kind == Fault::Kind::GroupLost) continue;
        keys.insert(fault.entries.begin(), fault.entries.end());
    }
    for (const auto& told : history.duplicates) keys.insert(told.key);
    keys.insert(history.redriven.begin(), history.redriven.end());
    return keys;
}

bool is_of(const Fault& fault, const std::string& stream) {
    return std::any_of(fault.entries.begin(), fault.entries.end(),
                       [&](const EntryKey& key) { return key.stream == stream; });
}

// Whether something befell the server, or this stream, after which it may lack what it had confirmed.
bool may_have_forgotten(const History& history, const std::string& stream) {
    return std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
        if (fault.kind == Fault::Kind::ServerDown || fault.kind == Fault::Kind::Failover) return true;
        const bool forgets = fault.kind == Fault::Kind::GroupLost || fault.kind == Fault::Kind::KeyGone;
        return forgets && (fault.entries.empty() || is_of(fault, stream));
    });
}

// REC-7: an agent was at work in this group, and in the end there is none.
void check_group(const History& history, const StreamState& state, Findings& findings) {
    if (state.group_exists || may_have_forgotten(history, state.stream)) return;
    for (const auto& agent : history.agents) {
        const bool its = in_group(agent) && agent.ready && agent.group == state.group &&
                         std::find(agent.streams.begin(), agent.streams.end(), state.stream) != agent.streams.end();
        if (!its) continue;
        fail(findings, "REC-7", "the group of " + state.stream + " is gone, and with it what is known of its entries");
        return;
    }
}

// No loss: every confirmed entry is unread, acked by the application, pending, a dead letter, or owed to nobody. What
// is unread or pending is still in the stream, and what was acked was handed over.
void check_loss(const History& history, const Lives& lives, Findings& findings) {
    const std::set<EntryKey> excused = owed_to_nobody(history);
    static const Life none;
    std::map<std::string, std::vector<const Published*>> published_to;
    for (const auto& entry : history.published) published_to[entry.key.stream].push_back(&entry);
    for (const auto& state : history.final_states) {
        // Where nothing was published the agent may have been in another database.
        if (!published_to[state.stream].empty()) check_group(history, state, findings);
        if (!state.group_exists) continue;
        const auto read_up_to = EntryId::parse(state.last_delivered).value_or(EntryId{});
        const bool keeps_all = !may_have_forgotten(history, state.stream);
        for (const auto* published : published_to[state.stream]) {
            const Published& entry = *published;
            if (excused.contains(entry.key) || state.dead.contains(entry.key.id)) continue;
            const auto found = lives.find({state.group, entry.key});
            const Life& life = found == lives.end() ? none : found->second;
            const bool delivered = has(life, Moment::Kind::Delivered);
            if (has(life, Moment::Kind::AckDone) && !delivered) {
                fail(findings, "ACK-1", "entry " + entry.key.id + " was acked and never handed over");
            }
            if (has(life, Moment::Kind::AckAsked)) continue;
            const auto id = EntryId::parse(entry.key.id).value_or(EntryId{});
            if (id > read_up_to || state.pending.contains(entry.key.id)) {
                if (!keeps_all || state.ids.contains(entry.key.id)) continue;
                fail(findings, "ACK-1", "entry " + entry.key.id + " is gone from the stream, and nobody acked it");
            } else if (delivered) {
                fail(findings, "ACK-1", "entry " + entry.key.id + " is no longer pending, and nobody acked it");
            } else if (entry.confirmed >= history.begin) {
                fail(findings, "ACK-1", "entry " + entry.key.id + " is lost: neither handed over nor pending");
            }
        }
    }
}

// ACK-3: what was acked does not stay pending, where nothing has come between the ack and the server.
void check_acked(const History& history, const Lives& lives, Findings& findings) {
    constexpr Duration slack = 1s;
    std::map<std::pair<std::string, std::string>, const StreamState*> states;
    for (const auto& state : history.final_states) {
        if (!state.pending.empty()) states[{state.stream, state.group}] = &state;
    }
    for (const auto& row : history.settlements) {
        if (row.kind != Settlement::Kind::Ack || row.code != "ok" || !row.answered) continue;
        const std::string& group = history.agents[row.agent].group;
        const auto found = states.find({row.key.stream, group});
        if (found == states.end() || !found->second->pending.contains(row.key.id)) continue;
        if (found->second->at - *row.answered < slack) continue;
        const bool disturbed = std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
            return fault.at >= row.asked - slack && (!fault.agent || *fault.agent == row.agent);
        });
        const auto life = lives.find({group, row.key});
        const bool came_again =
            life != lives.end() && std::any_of(life->second.begin(), life->second.end(), [&](const Moment& moment) {
                return moment.kind == Moment::Kind::Delivered && moment.at >= row.asked;
            });
        if (disturbed || came_again) continue;
        fail(findings, "ACK-3",
             "entry " + row.key.id + " was acked " + format_ms(found->second->at - *row.answered) +
                 " before the end and is still pending");
    }
}

// DLQ-2: what the application rejected is a dead letter, or pending as long as none can be written.
void check_rejected(const History& history, Findings& findings) {
    const std::set<EntryKey> excused = owed_to_nobody(history);
    for (const auto& row : history.settlements) {
        if (row.kind != Settlement::Kind::Reject || row.code != "ok" || excused.contains(row.key)) continue;
        for (const auto& state : history.final_states) {
            const bool its = state.stream == row.key.stream && state.group == history.agents[row.agent].group;
            if (!its || state.dead.contains(row.key.id) || state.pending.contains(row.key.id)) continue;
            fail(findings, "DLQ-2", "entry " + row.key.id + " was rejected, and is neither a dead letter nor pending");
        }
    }
}

}  // namespace

void fail(Findings& findings, const std::string& spec, const std::string& text) {
    const auto same = std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.spec == spec; });
    if (same < 5) findings.push_back({Severity::Failed, spec, text});
}

bool forgotten_between(const History& history, const std::string& stream, Instant from, Instant to) {
    return std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
        if (fault.at < from || fault.at > to) return false;
        if (fault.kind == Fault::Kind::Failover) return true;
        const bool lost = fault.kind == Fault::Kind::GroupLost || fault.kind == Fault::Kind::KeyGone;
        return lost && is_of(fault, stream);
    });
}

void check_lives(const History& history, Findings& findings) {
    const Lives lives = lives_of(history);
    for (const auto& [key, life] : lives) check_life(history, key.first, key.second, life, findings);
    check_loss(history, lives, findings);
    check_acked(history, lives, findings);
    check_rejected(history, findings);
}

}  // namespace millrace::harness
