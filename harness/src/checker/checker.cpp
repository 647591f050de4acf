#include "checker/checker.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "checker/rules.hpp"

namespace millrace::harness {

namespace {

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
        // When exactly an agent put a dead letter back is not known here.
        if (first == published.end() || history.excused.contains(first->first)) continue;
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
                if (history.too_large.contains(entry.key)) continue;  // BP-3: handed over nowhere
                fail(findings, "BAT-1",
                     "entry " + id + " was read " + format_ms(idle) + " ago and was not handed over");
            }
        }
    }
}

// BAT-2: what was read by `>` keeps the order of its stream.
void check_order(const History& history, Findings& findings) {
    struct Last {
        EntryId id;
        Instant at;
    };
    std::map<std::pair<size_t, std::string>, Last> last;
    for (const auto& batch : history.batches) {
        const AgentLife& agent = history.agents[batch.agent];
        if (at_most_once(agent) || agent.dedupes || batch.reason == "recovery") continue;
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
            if (!later && *id != before.id &&
                !forgotten_between(history, entry.key.stream, before.at, batch.received)) {
                fail(findings, "BAT-2",
                     "entry " + entry.key.id + " was handed over after " + std::to_string(before.id.ms) + "-" +
                         std::to_string(before.id.seq));
            }
            if (later) before = {*id, batch.received};
        }
    }
}

// DLQ-1: what was delivered too often is poison, and is not handed over.
void check_deliveries(const History& history, Findings& findings) {
    for (const auto& batch : history.batches) {
        const AgentLife& agent = history.agents[batch.agent];
        if (!in_group(agent) || !agent.deliveries_max) continue;
        for (const auto& entry : batch.entries) {
            if (entry.deliveries.value_or(1) <= *agent.deliveries_max) continue;
            fail(findings, "DLQ-1",
                 "entry " + entry.key.id + " was handed over for the " + std::to_string(*entry.deliveries) +
                     ". time, max_deliveries is " + std::to_string(*agent.deliveries_max));
        }
    }
}

bool same_fields(const DeliveredEntry& entry, const Fields& expected) {
    return std::equal(
        expected.begin(), expected.end(), entry.fields.begin(), entry.fields.end(),
        [](const auto& a, const auto& b) { return b.first.matches(a.first) && b.second.matches(a.second); });
}

// After its key was gone an id can be published anew, with other fields.
bool published_so(const History& history, const DeliveredEntry& entry) {
    return std::any_of(history.published.begin(), history.published.end(), [&](const Published& published) {
        return published.key == entry.key && same_fields(entry, published.fields);
    });
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
            if (!same_fields(entry, found->second->fields) && !published_so(history, entry)) {
                fail(findings, "PUB-5", "entry " + entry.key.id + " came with other fields than it was published with");
            }
        }
    }
}

// BP-1: handed over and not settled, by one agent at one time.
void check_prefetch(const History& history, Findings& findings) {
    struct Step {
        Instant at;
        const EntryKey* key;
        bool comes;
    };
    std::vector<std::vector<Step>> steps_of(history.agents.size());
    for (const auto& batch : history.batches) {
        for (const auto& entry : batch.entries) steps_of[batch.agent].push_back({batch.received, &entry.key, true});
    }
    for (const auto& row : history.settlements) steps_of[row.agent].push_back({row.asked, &row.key, false});
    for (const auto& told : history.lost) steps_of[told.agent].push_back({told.at, &told.key, false});
    for (size_t index = 0; index < history.agents.size(); ++index) {
        const AgentLife& agent = history.agents[index];
        if (!in_group(agent)) continue;
        auto& steps = steps_of[index];
        std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
        std::set<EntryKey> held;
        size_t held_max = 0;
        for (const Step& step : steps) {
            if (step.comes) {
                held.insert(*step.key);
            } else {
                held.erase(*step.key);
            }
            held_max = std::max(held_max, held.size());
        }
        if (static_cast<int64_t>(held_max) > agent.prefetch) {
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

// ACK-2: an answer says of each entry what became of it.
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
    // Of an id that a key had in two lives, the first entry: no delivery is judged by one that it may not be of.
    for (const auto& entry : history.published) published.try_emplace(entry.key, &entry);
    check_flushes(history, published, findings);
    check_order(history, findings);
    check_content(history, published, findings);
    check_deliveries(history, findings);
    check_lives(history, findings);
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
