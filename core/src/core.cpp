#include "core.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "consumer/consumer.hpp"
#include "consumer/names.hpp"
#include "session/disconnect.hpp"
#include "tail/subscription.hpp"
#include "tail/tail.hpp"

namespace millrace {

namespace {

/// Whether the server knows both as one consumer: each would recover what the other has in hand.
bool is_same_consumer(const SourceConfig& a, const SourceConfig& b) {
    if (a.consumer.empty() || a.consumer != b.consumer || a.group != b.group || a.group.empty()) return false;
    if (a.consumer_lease || b.consumer_lease || a.pattern != b.pattern) return false;
    if (!a.pattern.empty()) return true;
    const auto is_among = [](const std::vector<std::string>& streams, const std::string& stream) {
        return std::find(streams.begin(), streams.end(), stream) != streams.end();
    };
    for (const std::string& stream : a.streams) {
        if (is_among(b.streams, stream)) return true;
    }
    return false;
}

}  // namespace

Machine::Core::Core(const ClientConfig& config, Seed128 seed, Instant now, WallTime wall)
    : context(config, seed, now, wall),
      lanes(context, *this),
      producer(context, lanes),
      redrive(context, lanes),
      group_changes(context, lanes) {}

Result<SourceId> Machine::Core::open(const SourceConfig& config, Instant now) {
    if (phase_ != Phase::running || refused_) return Error(Code::closed, "open: the client has ended");
    if (Status valid = validate(config); !valid.ok()) return valid.error();
    if (slots_.size() + ended_.size() >= sources_max)
        return Error(Code::queue_full, "open: " + std::to_string(sources_max) + " sources are open; close some first");
    for (const Slot& other : slots_) {
        const bool is_reading = !other.closing && (other.source == nullptr || !other.source->stopped());
        if (is_reading && context.config.mode != Mode::pubsub && is_same_consumer(config, other.config))
            return Error(Code::bad_config,
                         "consumer: another source of this client has that name; give each its own, or none");
    }
    Slot slot;
    slot.id = next_id();
    slot.config = config;
    if (!slot.config.prefetch.has_value()) slot.config.prefetch = 4 * slot.config.batch_size;
    const SourceId id = slot.id;
    slots_.push_back(std::move(slot));
    if (lanes.first().state() == Lane::State::idle && context.config.mode == Mode::automatic) {
        context.log(LogLevel::info, "Auto-detecting Redis version to choose best notification implementation...");
    }
    lanes.open_for_reading(now);
    return id;
}

Status Machine::Core::close(SourceId id, Instant now) {
    for (Slot& slot : slots_) {
        if (slot.id != id || slot.closing) continue;
        slot.closing = true;
        if (slot.source != nullptr) slot.source->drain(now);
        return {};
    }
    return Error(Code::closed, "close: no such source, or it was closed before");
}

Status Machine::Core::drain(const Drain& how, Instant now) {
    if (phase_ == Phase::ended) return Error(Code::closed, "drain: the client has ended");
    if (how.timeout.us < 0) return Error(Code::bad_argument, "drain: a negative timeout");
    const Instant deadline = now + how.timeout;
    if (phase_ == Phase::draining) {
        deadline_ = std::min(deadline_, deadline);
        awaits_acks_ = awaits_acks_ && how.awaits_acks;
        return {};
    }
    phase_ = Phase::draining;
    deadline_ = deadline;
    awaits_acks_ = how.awaits_acks;
    for (Slot& slot : slots_) {
        if (slot.source != nullptr && !slot.closing) slot.source->drain(now);
    }
    give_up_requests(Error(Code::closed, "the client was drained before the server's answer"));
    return {};
}

Source* Machine::Core::find(SourceId id) {
    for (Slot& slot : slots_) {
        if (slot.id == id) return slot.source.get();
    }
    return nullptr;
}

/// Never one that was told before, and with a place that nobody has who may still be asked for a batch.
SourceId Machine::Core::next_id() {
    const auto is_taken = [&](SourceId id) {
        const auto has_place = [&](SourceId other) { return place_of(other) == place_of(id); };
        return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) { return has_place(slot.id); }) ||
               std::any_of(ended_.begin(), ended_.end(), [&](const auto& source) { return has_place(source->id()); });
    };
    while (is_taken(SourceId{next_source_})) ++next_source_;
    return SourceId{next_source_++};
}

Source* Machine::Core::source_of(BatchId batch) {
    for (Slot& slot : slots_) {
        if (Batches::is_of(slot.id, batch)) return slot.source.get();
    }
    return nullptr;
}

Status Machine::Core::set_paused(SourceId id, bool paused) {
    for (Slot& slot : slots_) {
        if (slot.id != id || slot.closing) continue;
        slot.paused = paused;
        if (slot.source != nullptr) slot.source->set_paused(paused);
        return {};
    }
    return Error(Code::closed,
                 paused ? "pause: no such source, or it was closed" : "resume: no such source, or it was closed");
}

void Machine::Core::release(BatchId batch) {
    if (Source* const source = source_of(batch); source != nullptr) source->release(batch);
    for (const std::unique_ptr<Source>& source : ended_) {
        if (Batches::is_of(source->id(), batch)) source->release(batch);
    }
}

Result<Ticket> Machine::Core::publish(const Publish& publish, Instant now) {
    if (phase_ != Phase::running || refused_) return Error(Code::closed, "publish: the client has ended");
    return producer.publish(publish, now);
}

/// SEC-1. A client that was refused begins again as after a restart: under the same names, with what is pending. What
/// it held before is told lost, because nobody kept it from others meanwhile.
Status Machine::Core::replace_credentials(std::string username, Secret password, Instant now) {
    if (phase_ != Phase::running) return Error(Code::closed, "replace_credentials: the client has ended");
    context.config.username = std::move(username);
    context.config.password = std::move(password);
    if (!refused_) return {};
    refused_ = false;
    for (Slot& slot : slots_) {
        if (std::exchange(slot.refused_with_all, false) && slot.source != nullptr) end_lost(slot, now);
    }
    if (!slots_.empty()) lanes.open_again_for_reading(now);
    return {};
}

std::unique_ptr<Source> Machine::Core::make_source(Slot& slot) {
    if (delivery_ == Delivery::pubsub) return std::make_unique<Subscription>(context, lanes, slot.id, slot.config);
    if (slot.config.group.empty()) return std::make_unique<Tail>(context, lanes, slot.id, slot.config);
    ConsumerName name{slot.config.consumer, false};
    if (slot.lease != nullptr) {
        name = {slot.lease->name(), true};
    } else if (name.text.empty()) {
        // Kept: what is pending under it is found again by whatever source comes after this one.
        if (slot.generated.empty()) slot.generated = generated_name(context.wall_now(), context.prng);
        name = {slot.generated, true};
    }
    return std::make_unique<Consumer>(context, lanes, slot.id, slot.config, std::move(name));
}

void Machine::Core::start_sources() {
    if (!delivery_.has_value()) return;
    for (Slot& slot : slots_) {
        if (slot.source != nullptr || slot.closing || !has_name(slot)) continue;
        slot.source = make_source(slot);
        slot.source->set_paused(slot.paused);
        if (phase_ != Phase::running) slot.source->stop();
    }
    lanes.set_readers(slots_.size());
}

void Machine::Core::advance(Instant now) {
    context.now = now;
    if (phase_ == Phase::ended) return;
    (void)check_leases(now);
    start_sources();
    for (Slot& slot : slots_) {
        if (slot.source != nullptr) slot.source->handle_turn_end();
    }
    // Sources that share a lane take turns: whoever blocked it last is asked last.
    const size_t count = slots_.size();
    size_t first = 0;
    for (size_t i = 0; i < count; ++i) {
        if (slots_[i].id == lanes.last_blocker()) first = i + 1;
    }
    for (size_t i = 0; i < count; ++i) {
        Slot& slot = slots_[(first + i) % count];
        if (slot.source != nullptr) slot.source->advance(now);
    }
    producer.advance(now);
    redrive.advance(now);
    group_changes.advance(now);
    advance_leases(now);
    unblock_reads(now);
    probe_.advance(undetected_ && phase_ == Phase::running && !refused_ && !slots_.empty() && lanes.first().ready(),
                   now);
    hold_back_messages(now);
    reap();
    finish_drain(now);
}

void Machine::Core::give_up_requests(const Error& error) {
    redrive.give_up(error);
    group_changes.give_up(error);
}

/// DRN-1: what a source gives up must have come before it is given back.
void Machine::Core::unblock_reads(Instant now) {
    blocked_.clear();
    for (const Slot& slot : slots_) {
        Lane* const lane = slot.source != nullptr ? slot.source->awaited() : nullptr;
        if (lane != nullptr && lane->blocked()) blocked_.push_back(lane);
    }
    unblocker_.advance(blocked_, now);
}

/// One socket serves all subscriptions, so the slowest of them decides (BP-1).
void Machine::Core::hold_back_messages(Instant now) {
    Lane* const push = lanes.push_if_open();
    if (push == nullptr || !push->ready()) return;
    bool readable = true;
    for (const Slot& slot : slots_) {
        const auto* subscription = slot.source != nullptr && delivery_ == Delivery::pubsub
                                       ? static_cast<const Subscription*>(slot.source.get())
                                       : nullptr;
        if (subscription != nullptr) readable = readable && subscription->has_room();
    }
    push->set_readable(readable, now);
}

void Machine::Core::reap() {
    for (size_t i = 0; i < ended_.size();) {
        if (ended_[i]->unreleased() > 0) {
            ++i;
        } else {
            ended_.erase(ended_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    for (size_t i = 0; i < slots_.size();) {
        Slot& slot = slots_[i];
        // After a refusal no ack is ever answered.
        if (!slot.closing || (!is_settled(slot) && !refused_)) {
            ++i;
            continue;
        }
        context.registers.forget(slot.id);
        context.emit(Closed{slot.id, slot.source != nullptr ? slot.source->held() : 0});
        if (slot.source != nullptr) ended_.push_back(std::move(slot.source));
        slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void Machine::Core::finish_drain(Instant now) {
    if (phase_ != Phase::draining) return;
    bool settled = producer.idle();
    uint64_t held = 0;
    for (const Slot& slot : slots_) {
        settled = settled && is_settled(slot);
        if (slot.source != nullptr) held += slot.source->held();
    }
    if (!settled && now < deadline_ && !refused_) return;
    producer.give_up(Error(Code::closed, "publish: the client was drained before the server confirmed"));
    for (const std::unique_ptr<Lane>& lane : lanes) lane->close();
    phase_ = Phase::ended;
    context.emit(Closed{std::nullopt, held});
}

void Machine::Core::handle_input(ConnId conn, size_t written, Instant now) {
    Lane* const lane = lanes.find(conn);
    if (lane == nullptr) return;
    context.now = now;
    lane->handle_input(written, now);
    advance(now);
}

void Machine::Core::handle_disconnected(ConnId conn, DisconnectReason reason, Instant now) {
    Lane* const lane = lanes.find(conn);
    if (lane == nullptr) return;
    context.now = now;
    lane->handle_disconnected(reason, disconnect_error(context.config.endpoint, reason), now);
    advance(now);
}

void Machine::Core::handle_timeout(Instant now) {
    context.now = now;
    for (const std::unique_ptr<Lane>& lane : lanes) lane->handle_timeout(now);
    (void)check_leases(now);  // before what was buffered under a lost name falls due
    for (Slot& slot : slots_) {
        if (slot.source != nullptr) slot.source->handle_timeout(now);
    }
    advance(now);
}

std::optional<Instant> Machine::Core::next_timeout() const {
    std::optional<Instant> next;
    const auto consider = [&next](std::optional<Instant> at) {
        if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
    };
    if (phase_ == Phase::ended) return next;
    for (const std::unique_ptr<Lane>& lane : lanes) consider(lane->next_timeout());
    for (const Slot& slot : slots_) {
        if (slot.source != nullptr) consider(slot.source->next_timeout());
        if (slot.lease != nullptr) consider(slot.lease->next_timeout());
    }
    consider(producer.next_timeout());
    consider(redrive.next_timeout());
    consider(group_changes.next_timeout());
    consider(probe_.next_timeout());
    consider(unblocker_.next_timeout());
    if (phase_ == Phase::draining) consider(deadline_);
    return next;
}

std::optional<Event> Machine::Core::poll_event() {
    if (last_was_acked_) {
        context.spare.push(context.told.pop());
        last_was_acked_ = false;
    }
    if (std::exchange(last_was_published_, false)) producer.recycle();
    if (context.events.empty()) return std::nullopt;
    Event event = context.events.pop();
    last_was_acked_ = std::holds_alternative<Acked>(event);
    last_was_published_ = std::holds_alternative<Published>(event);
    return event;
}

void Machine::Core::handle_lane_lost(Lane& lane, const Error& error, Instant now) {
    if (phase_ == Phase::ended) return;
    if (lane.role() == LaneRole::push) lanes.asked().clear();
    for (Slot& slot : slots_) {
        if (slot.source != nullptr) slot.source->handle_lane_lost(lane, now);
    }
    producer.handle_lane_lost(lane);
    if (lane.state() != Lane::State::stopped || refused_) return;
    // RET-1: a refusal of AUTH or HELLO that a retry can't change. Nothing else of this client can get in either.
    refused_ = true;
    context.fail(std::nullopt, error, true);
    for (Slot& slot : slots_) {
        if (slot.source == nullptr) continue;
        slot.refused_with_all = !slot.source->stopped();
        slot.source->stop();
    }
    // With new credentials it all begins again (SEC-1): nobody must wait then for an answer on a connection of before.
    for (const std::unique_ptr<Lane>& other : lanes) {
        other->give_up(now);
        producer.handle_lane_lost(*other);
    }
    lanes.asked().clear();
    producer.give_up(error);
    give_up_requests(error);
}

void Machine::Core::handle_push(Lane& lane, const resp::Reply& reply, Instant now) {
    if (&lane != lanes.push_if_open()) return;  // nothing was asked for there that is answered by pushes
    const std::string_view word = reply[0].text();
    std::optional<Lanes::Asked> answered;
    const bool is_answer =
        word == "subscribe" || word == "unsubscribe" || word == "psubscribe" || word == "punsubscribe";
    if ((reply.is_error() || is_answer) && !lanes.asked().empty()) {
        answered = lanes.asked().pop();
    }
    if (reply.is_error()) {
        Source* const source = answered.has_value() ? find(answered->source) : nullptr;
        if (source != nullptr) source->handle_push_refused(answered->channel, reply, now);
        return;
    }
    const resp::Type payload = reply[2].type();
    if (word == "message" && payload != resp::Type::text && payload != resp::Type::left_out) {
        return lane.drop(DisconnectReason::dropped, Error(Code::protocol, "a message that is no text", true), now);
    }
    for (Slot& slot : slots_) {
        if (slot.source != nullptr) slot.source->handle_push(reply, now);
    }
}

}  // namespace millrace
