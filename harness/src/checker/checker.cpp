#include "checker/checker.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

// An ack that was answered this shortly before a crash may not have reached the server.
constexpr Duration ack_in_flight_max = 100ms;

using Findings = std::vector<Finding>;

void fail(Findings& findings, const std::string& spec, const std::string& text) {
    // A defect that hits a thousand entries is one defect: the first five say it.
    const auto same = std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.spec == spec; });
    if (same < 5) findings.push_back({Severity::Failed, spec, text});
}

bool at_most_once(const AgentLife& agent) {
    return agent.mode == "pubsub";
}
bool in_group(const AgentLife& agent) {
    return !agent.group.empty() && !at_most_once(agent);
}

// BAT-1: sizes, reasons, no empty batch, no mixture of recovered and new.
void check_batches(const History& history, Findings& findings) {
    for (const auto& batch : history.batches) {
        const AgentLife& agent = history.agents[batch.agent];
        const auto size = static_cast<int64_t>(batch.entries.size());
        if (size == 0) {
            fail(findings, "BAT-1", "an empty batch was handed over");
            continue;
        }
        const std::string first = batch.entries.front().key.id;
        if (size > agent.batch_size) {
            fail(findings, "BAT-1",
                 "the batch of " + first + " holds " + std::to_string(size) + " entries, batch_size is " +
                     std::to_string(agent.batch_size));
        }
        if (batch.reason != "size" && batch.reason != "flush" && batch.reason != "recovery") {
            fail(findings, "BAT-1",
                 "the batch of " + first + " has the reason '" + excerpt(batch.reason) +
                     "', which is none of size, flush, recovery");
        }
        if (batch.reason == "size" && size < agent.batch_size) {
            fail(findings, "BAT-1",
                 "the batch of " + first + " says reason size and holds " + std::to_string(size) + " of " +
                     std::to_string(agent.batch_size));
        }
        if (!in_group(agent)) continue;
        const auto is_new = [](const DeliveredEntry& e) { return e.deliveries && *e.deliveries == 1; };
        const auto is_old = [](const DeliveredEntry& e) { return e.deliveries && *e.deliveries > 1; };
        const bool some_new = std::any_of(batch.entries.begin(), batch.entries.end(), is_new);
        const bool some_old = std::any_of(batch.entries.begin(), batch.entries.end(), is_old);
        if (some_new && some_old) {
            fail(findings, "BAT-1", "the batch of " + first + " mixes recovered entries with new ones");
        }
        if (batch.reason == "recovery" && some_new) {
            fail(findings, "REC-1", "the batch of " + first + " says reason recovery, and its entries 1 delivery");
        }
    }
}

// BAT-3: no flush before its first entry could have waited flush_interval. How late one may be is for the cases that
// play alone to judge: here others are at work too.
void check_flushes(const History& history, const std::map<EntryKey, const Published*>& published, Findings& findings) {
    for (const auto& batch : history.batches) {
        const auto& flush_interval = history.agents[batch.agent].flush_interval;
        if (batch.reason != "flush" || batch.entries.empty() || !flush_interval) continue;
        const auto first = published.find(batch.entries.front().key);
        if (first == published.end()) continue;
        const Duration waited = batch.received - first->second->sent;
        if (waited < *flush_interval) {
            fail(findings, "BAT-3",
                 "entry " + batch.entries.front().key.id + " was flushed " + format_ms(waited) +
                     " after it was published, flush_interval is " + format_ms(*flush_interval));
        }
    }
}

// BAT-1: what was read is handed over, at the latest by the flush.
void check_handed_over(const History& history, Findings& findings) {
    constexpr Duration slack = 1s;
    // One pass over each list: a matrix of faults has thousands of agents and streams.
    std::vector<std::set<EntryKey>> delivered_by(history.agents.size());
    for (const auto& batch : history.batches) {
        for (const auto& entry : batch.entries) delivered_by[batch.agent].insert(entry.key);
    }
    std::vector<const StreamState*> with_pending;
    for (const auto& state : history.final_states) {
        if (!state.pending.empty()) with_pending.push_back(&state);
    }
    for (size_t index = 0; index < history.agents.size(); ++index) {
        const AgentLife& agent = history.agents[index];
        // One that takes its batches one by one keeps what it has read for later.
        if (!in_group(agent) || !agent.concurrent || agent.drained || !agent.flush_interval) continue;
        const bool killed = std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
            return fault.kind == Fault::Kind::Kill && fault.agent == index;
        });
        if (killed) continue;
        const std::set<EntryKey>& delivered = delivered_by[index];
        for (const auto* state : with_pending) {
            for (const auto& [id, entry] : state->pending) {
                const Duration idle = std::chrono::milliseconds(entry.idle_ms);
                const bool ours = state->group == agent.group && entry.consumer == agent.consumer;
                if (!ours || idle < *agent.flush_interval + slack || delivered.contains(entry.key)) continue;
                fail(findings, "BAT-1",
                     "entry " + id + " was read " + format_ms(idle) + " ago and was not handed over");
            }
        }
    }
}

bool failover_between(const History& history, Instant from, Instant to) {
    return std::any_of(history.faults.begin(), history.faults.end(), [&](const Fault& fault) {
        return fault.kind == Fault::Kind::Failover && fault.at >= from && fault.at <= to;
    });
}

// BAT-2: what was read by `>` keeps the order of its stream.
void check_order(const History& history, Findings& findings) {
    struct Last {
        EntryId id;
        Instant at;
    };
    std::map<std::pair<size_t, std::string>, Last> last;
    for (const auto& batch : history.batches) {
        if (at_most_once(history.agents[batch.agent]) || batch.reason == "recovery") continue;
        for (const auto& entry : batch.entries) {
            if (entry.deliveries.value_or(1) > 1) continue;
            const auto id = EntryId::parse(entry.key.id);
            if (!id) {
                fail(findings, "BAT-2", "an entry has the id '" + excerpt(entry.key.id) + "', which is none");
                continue;
            }
            const auto [found, fresh] = last.try_emplace({batch.agent, entry.key.stream}, Last{*id, batch.received});
            Last& before = found->second;
            const bool later = fresh || *id > before.id;
            if (!later && *id != before.id && !failover_between(history, before.at, batch.received)) {
                fail(findings, "BAT-2",
                     "entry " + entry.key.id + " was handed over after " + std::to_string(before.id.ms) + "-" +
                         std::to_string(before.id.seq));
            }
            if (later) before = {*id, batch.received};
        }
    }
}

// PUB-5: bytes, order and repeats of fields are kept; nothing is delivered that nobody published.
void check_content(const History& history, const std::map<EntryKey, const Published*>& published, Findings& findings) {
    for (const auto& batch : history.batches) {
        if (at_most_once(history.agents[batch.agent])) continue;
        for (const auto& entry : batch.entries) {
            const auto found = published.find(entry.key);
            if (found == published.end()) {
                fail(findings, "PUB-5",
                     "entry " + excerpt(entry.key.id) + " of " + excerpt(entry.key.stream) +
                         " was handed over, and nobody published it");
                continue;
            }
            const Fields& expected = found->second->fields;
            const bool same = std::equal(
                expected.begin(), expected.end(), entry.fields.begin(), entry.fields.end(),
                [](const auto& a, const auto& b) { return b.first.matches(a.first) && b.second.matches(a.second); });
            if (!same)
                fail(findings, "PUB-5", "entry " + entry.key.id + " came with other fields than it was published with");
        }
    }
}

// What happened to one entry in one group, in order of time.
struct Moment {
    enum class Kind { Delivered, AckAsked, AckDone, NackDone };
    Instant at;
    Kind kind = Kind::Delivered;
    size_t agent = 0;
    std::optional<int64_t> deliveries;
};

using Lives = std::map<std::pair<std::string, EntryKey>, std::vector<Moment>>;  // by group

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

bool seen_settled(const History& history, const std::string& group, const EntryKey& key, Instant from, Instant to) {
    return std::any_of(history.pending_seen.begin(), history.pending_seen.end(), [&](const PendingSeen& seen) {
        if (seen.at < from || seen.at > to || seen.group != group || seen.stream != key.stream) return false;
        return std::none_of(seen.entries.begin(), seen.entries.end(),
                            [&](const PendingEntry& entry) { return entry.key == key; });
    });
}

// REC-1: nothing acked comes again, nothing held comes again, and the count of deliveries is the server's.
void check_life(const History& history, const std::string& group, const EntryKey& key, const std::vector<Moment>& life,
                Findings& findings) {
    const Moment* acked = nullptr;
    const Moment* holder = nullptr;
    int64_t times = 0;
    std::optional<Instant> last_delivered;
    for (const auto& moment : life) {
        if (moment.kind == Moment::Kind::AckDone) {
            acked = &moment;
            holder = nullptr;
        } else if (moment.kind == Moment::Kind::NackDone) {
            holder = nullptr;
        }
        if (moment.kind != Moment::Kind::Delivered) continue;
        if (last_delivered && failover_between(history, *last_delivered, moment.at)) times = 0;
        last_delivered = moment.at;
        ++times;
        if (acked != nullptr) {
            const bool lost_in_crash =
                crash_between(history, acked->agent, acked->at, std::min(moment.at, acked->at + ack_in_flight_max)) &&
                !seen_settled(history, group, key, acked->at, moment.at);
            if (!lost_in_crash) fail(findings, "REC-1", "entry " + key.id + " was acked and came again");
        } else if (holder != nullptr && holder->agent == moment.agent) {
            fail(findings, "REC-1", "entry " + key.id + " came again while it was held");
        } else if (holder != nullptr && !crash_between(history, holder->agent, holder->at, moment.at)) {
            fail(findings, "REC-2", "entry " + key.id + " is held by one consumer and was handed over by another");
        }
        if (moment.deliveries && *moment.deliveries < times) {
            fail(findings, "REC-1",
                 "entry " + key.id + " came for the " + std::to_string(times) + ". time and says deliveries " +
                     std::to_string(*moment.deliveries));
        }
        holder = &moment;
    }
}

// No loss: every confirmed entry is unread, acked by the application, pending, or was deleted by somebody who is no
// consumer.
void check_loss(const History& history, const Lives& lives, Findings& findings) {
    std::set<EntryKey> deleted = history.excused;
    for (const auto& fault : history.faults) deleted.insert(fault.entries.begin(), fault.entries.end());
    std::map<std::string, std::vector<const Published*>> published_to;
    for (const auto& entry : history.published) published_to[entry.key.stream].push_back(&entry);
    for (const auto& state : history.final_states) {
        if (!state.group_exists) continue;
        const auto read_up_to = EntryId::parse(state.last_delivered).value_or(EntryId{});
        for (const auto* published : published_to[state.stream]) {
            const Published& entry = *published;
            if (deleted.contains(entry.key)) continue;
            const auto id = EntryId::parse(entry.key.id).value_or(EntryId{});
            if (id > read_up_to || state.pending.contains(entry.key.id)) continue;
            const auto life = lives.find({state.group, entry.key});
            const bool handed_over =
                life != lives.end() && std::any_of(life->second.begin(), life->second.end(),
                                                   [](const Moment& m) { return m.kind == Moment::Kind::Delivered; });
            const bool asked =
                life != lives.end() && std::any_of(life->second.begin(), life->second.end(),
                                                   [](const Moment& m) { return m.kind == Moment::Kind::AckAsked; });
            if (asked) continue;
            if (handed_over) {
                fail(findings, "ACK-1", "entry " + entry.key.id + " is no longer pending, and nobody acked it");
            } else if (entry.confirmed >= history.begin) {
                fail(findings, "ACK-1", "entry " + entry.key.id + " is lost: neither handed over nor pending");
            }
        }
    }
}

// BP-1: handed over and not settled, by one agent at one time, and pending at the server for one consumer.
void check_prefetch(const History& history, Findings& findings) {
    std::vector<std::vector<std::pair<Instant, int>>> steps_of(history.agents.size());
    for (const auto& batch : history.batches) {
        // Recovered entries count too; a batch is one step.
        steps_of[batch.agent].emplace_back(batch.received, static_cast<int>(batch.entries.size()));
    }
    for (const auto& row : history.settlements) steps_of[row.agent].emplace_back(row.asked, -1);
    for (size_t index = 0; index < history.agents.size(); ++index) {
        const AgentLife& agent = history.agents[index];
        if (!in_group(agent)) continue;
        auto& steps = steps_of[index];
        std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        int64_t held = 0;
        int64_t held_max = 0;
        for (const auto& step : steps) held_max = std::max(held_max, held += step.second);
        if (held_max > agent.prefetch) {
            fail(findings, "BP-1",
                 agent.label + " held " + std::to_string(held_max) + " entries, prefetch is " +
                     std::to_string(agent.prefetch));
        }
    }
}

// DRN-1: nothing comes after `drained`.
void check_drained(const History& history, Findings& findings) {
    for (const auto& batch : history.batches) {
        const auto& drained = history.agents[batch.agent].drained;
        if (drained && batch.received > *drained) fail(findings, "DRN-1", "a batch was handed over after drained");
    }
}

// ACK-2: what was handed over and is acked once is "ok".
void check_answers(const History& history, Findings& findings) {
    for (const auto& row : history.settlements) {
        if (row.answered && row.code.empty()) {
            fail(findings, "ACK-2", "the answer for entry " + row.key.id + " has no code");
        }
    }
}

}  // namespace

std::vector<Finding> check(const History& history) {
    Findings findings;
    check_batches(history, findings);
    std::map<EntryKey, const Published*> published;
    for (const auto& entry : history.published) published[entry.key] = &entry;
    check_flushes(history, published, findings);
    check_order(history, findings);
    check_content(history, published, findings);
    const Lives lives = lives_of(history);
    for (const auto& [key, life] : lives) check_life(history, key.first, key.second, life, findings);
    check_loss(history, lives, findings);
    check_handed_over(history, findings);
    check_prefetch(history, findings);
    check_drained(history, findings);
    check_answers(history, findings);
    return findings;
}

Counts count(const History& history) {
    Counts counts;
    counts.published = history.published.size();
    std::map<std::pair<std::string, EntryKey>, size_t> times;
    for (const auto& batch : history.batches) {
        counts.delivered += batch.entries.size();
        const AgentLife& agent = history.agents[batch.agent];
        if (!in_group(agent)) continue;
        for (const auto& entry : batch.entries) ++times[{agent.group, entry.key}];
    }
    for (const auto& [key, n] : times) counts.duplicates += n - 1;
    for (const auto& row : history.settlements) {
        if (row.kind == Settlement::Kind::Ack && row.code == "ok") ++counts.acked;
    }
    return counts;
}

}  // namespace millrace::harness
