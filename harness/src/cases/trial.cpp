#include "cases/trial.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

constexpr int pending_entries = 4;
constexpr int new_entries = 3;          // there when the consumer starts
constexpr int left_entries = 2;         // by a consumer that is gone
constexpr int late_entries = 2;         // published into a blocked read
constexpr Duration stop_after = 800ms;  // without progress, once healed, after an error that says so

// Deadlines short enough that silence costs no minute, long enough for a machine at work.
const Json quick = {{"batch_size", 2},
                    {"prefetch", 8},
                    {"flush_interval", "20ms"},
                    {"retry_delay", "50ms"},
                    {"max_retry_delay", "200ms"},
                    {"block", "200ms"},
                    {"read_slack", "1s"},
                    {"health_deadline", "2s"},
                    {"connection_timeout", "1s"}};

// What is idle for so long is taken over; what is held for half of it gets a heartbeat.
const Json claims = {{"claim_interval", "100ms"}, {"claim_min_idle", "100ms"}};

}  // namespace

Trial::Trial(World& world, Plan plan) : world_(world), plan_(std::move(plan)) {}

void Trial::begin() {
    proxy_ = &world_.proxy();
    Json config = quick;
    if (plan_.takes_over && world_.agent_can("claim")) config.merge_patch(claims);
    config.merge_patch(plan_.config);
    start_ = world_.consume_through(*proxy_, "trial-" + std::to_string(world_.agents().size()), config);
    const std::string& stream = start_.streams.front();
    world_.command({"XGROUP", "CREATE", stream, start_.group, "0", "MKSTREAM"});
    for (const auto& key : world_.publish(stream, pending_entries)) missing_.insert(key);
    const std::string all = std::to_string(pending_entries);
    world_.command({"XREADGROUP", "GROUP", start_.group, start_.consumer, "COUNT", all, "STREAMS", stream, ">"});
    if (plan_.takes_over) leave_to_take_over();
    const auto fresh = world_.publish(stream, new_entries);
    missing_.insert(fresh.begin(), fresh.end());
    if (world_.agent_can("nack")) to_nack_ = fresh.front();
    if (plan_.fault) plan_.fault(*proxy_);
    deadline_ = world_.now() + plan_.limit;
    spawn();
    first_ = agent_;
}

void Trial::leave_to_take_over() {
    const std::string& stream = start_.streams.front();
    if (world_.agent_can("claim")) {
        const auto left = world_.publish(stream, left_entries);
        missing_.insert(left.begin(), left.end());
        const std::string all = std::to_string(left_entries);
        world_.command({"XREADGROUP", "GROUP", start_.group, "gone", "COUNT", all, "STREAMS", stream, ">"});
    }
    if (world_.agent_can("dlq")) {
        poison_ = world_.publish(stream, 1).front();
        world_.history().excused.insert(*poison_);  // it is looked for among the dead
        world_.command({"XREADGROUP", "GROUP", start_.group, start_.consumer, "COUNT", "1", "STREAMS", stream, ">"});
        world_.command(
            {"XCLAIM", stream, start_.group, start_.consumer, "0", poison_->id, "RETRYCOUNT", "20", "JUSTID"});
    }
}

bool Trial::poison_is_buried() {
    // Where counting is refused for good, poison is not to be told from others.
    if (!poison_ || (poison_came_ && plan_.may_stop)) return true;
    const std::string& stream = start_.streams.front();
    for (const auto& dead : world_.command({"XRANGE", "{" + stream + "}:dead", "-", "+"}).items) {
        if (dead.at(1).field("dlq_origin_id").text == poison_->id) return true;
    }
    return false;
}

void Trial::spawn() {
    agent_ = &world_.spawn();
    agent_->hold();
    batches_seen_ = 0;
    agent_->send(Json{{"op", "hello"}});
    agent_->start(start_);
}

bool Trial::said(std::string_view code) const {
    const auto& events = first_->events();
    return std::any_of(events.begin(), events.end(), [&](const Json& event) {
        return event["event"] == "error" && event.value("code", Json()) == code;
    });
}

bool Trial::go_on() {
    if (phase_ == Phase::Over) return false;
    if (world_.now() >= deadline_) {
        give_up();
        return false;
    }
    heal_when_due();
    look_at_batches();
    settle();
    replace_when_stopped();
    if (phase_ == Phase::Early && missing_.empty()) {
        for (const auto& key : world_.publish(start_.streams.front(), late_entries)) missing_.insert(key);
        phase_ = Phase::Late;
    } else if (phase_ == Phase::Late && missing_.empty()) {
        phase_ = Phase::Settling;
    } else if (phase_ == Phase::Settling && none_pending() && poison_is_buried()) {
        agent_->close_input();
        phase_ = Phase::Closing;
    } else if (phase_ == Phase::Closing && !agent_->alive()) {
        world_.history().agents[agent_->index()].ended = world_.now();
        end();
    }
    return phase_ != Phase::Over;
}

void Trial::heal_when_due() {
    if (healed_ || plan_.heal_after == Duration(0)) return;
    if (!struck_ && proxy_->strikes() > 0) struck_ = world_.now();
    // A command that does not come any more can't be struck: then there is nothing to wait for.
    const bool due = struck_ ? world_.now() >= *struck_ + plan_.heal_after : phase_ == Phase::Closing;
    if (!due) return;
    proxy_->heal();
    healed_ = world_.now();
}

void Trial::look_at_batches() {
    const auto& batches = agent_->batches();
    for (; batches_seen_ < batches.size(); ++batches_seen_) {
        for (const auto& entry : batches[batches_seen_]->entries) {
            missing_.erase(entry.key);
            poison_came_ = poison_came_ || entry.key == poison_;
        }
    }
}

// Acks what is there; the first of the new entries is given back once.
void Trial::settle() {
    std::vector<EntryKey> to_ack;
    for (const auto& key : agent_->unacked()) {
        if (to_nack_ == key) {
            agent_->nack({key}, 30ms);
            missing_.insert(key);
            to_nack_.reset();
        } else {
            to_ack.push_back(key);
        }
    }
    if (!to_ack.empty()) agent_->ack(to_ack);
}

void Trial::replace_when_stopped() {
    if (!plan_.may_stop || stopped_ || !healed_ || world_.now() < *healed_ + stop_after) return;
    if (phase_ == Phase::Closing || phase_ == Phase::Over) return;
    const auto& events = agent_->events();
    const bool ended = std::any_of(events.begin(), events.end(), [](const Json& event) {
        return event["event"] == "error" && event.value("retryable", Json()) == false;
    });
    if (!ended) return;
    stopped_ = true;
    world_.expect(agent_->alive(), "RET-2", plan_.name + ": the agent died");
    agent_->kill();
    spawn();
}

bool Trial::none_pending() {
    if (world_.now() < look_at_) return false;
    look_at_ = world_.now() + 20ms;
    return world_.pending(start_.streams.front(), start_.group).empty();
}

void Trial::give_up() {
    look_at_batches();
    const auto pending = world_.pending(start_.streams.front(), start_.group);
    std::string what = phase_ == Phase::Closing
                           ? "the agent does not end when its input does"
                           : std::to_string(missing_.size()) + " entries were never handed over, " +
                                 std::to_string(pending.size()) + " are pending" +
                                 (poison_is_buried() ? "" : ", poison is not buried");
    world_.expect(false, plan_.spec,
                  plan_.name + ": after " + format_ms(plan_.limit) + " " + what + "; " + agent_->last_error());
    if (agent_->alive()) agent_->kill();
    end();
}

// Thousands of them are played in one case: sockets are given back.
void Trial::end() {
    phase_ = Phase::Over;
    links_ = proxy_->links();
    commands_ = proxy_->commands();
    strikes_ = proxy_->strikes();
    world_.remove(*proxy_);
    proxy_ = nullptr;
}

Task<> play(World& world, std::vector<Trial>& trials, size_t at_once) {
    size_t next = 0;
    std::vector<Trial*> running;
    while (next < trials.size() || !running.empty()) {
        while (running.size() < at_once && next < trials.size()) {
            trials[next].begin();
            running.push_back(&trials[next++]);
        }
        std::erase_if(running, [](Trial* trial) { return !trial->go_on(); });
        if (!running.empty()) co_await world.news_or(world.now() + 5ms);
    }
}

}  // namespace millrace::harness
