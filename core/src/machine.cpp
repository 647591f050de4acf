// The machine's face: each call finds who it is for, and afterwards everything advances.
#include "millrace/machine.hpp"

#include <algorithm>
#include <utility>

#include "core.hpp"

namespace millrace {

namespace {

Error no_such_batch() {
    return Error(Code::not_held, "no such batch: it was acked and released, or its source was closed");
}

Error not_ready() {
    return Error(Code::would_block, "no such source, or it is not connected yet: ask again after Ready");
}

/// A wait of for ever, as far as it can be added to a clock.
Duration on_clock(Duration wait) {
    constexpr Duration forever = seconds(100LL * 365 * 86'400);
    return std::min(wait, forever);
}

Error ended() {
    return Error(Code::closed, "the client has ended; what was not acked stays pending");
}

}  // namespace

Result<Machine> Machine::create(const ClientConfig& config, Seed128 seed, Instant now, WallTime wall) {
    if (Status valid = validate(config); !valid.ok()) return valid.error();
    return Machine(std::make_unique<Core>(config, seed, now, wall));
}

Machine::Machine(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

Result<SourceId> Machine::open(const SourceConfig& config, Instant now) {
    Result<SourceId> opened = core_->open(config, now);
    core_->advance(now);
    return opened;
}

Status Machine::close(SourceId source, Instant now) {
    Status status = core_->close(source, now);
    core_->advance(now);
    return status;
}

Status Machine::drain(const Drain& how, Instant now) {
    core_->context.now = now;
    Status status = core_->drain({on_clock(how.timeout), how.awaits_acks}, now);
    core_->advance(now);
    return status;
}

Result<Ticket> Machine::publish(const Publish& publish, Instant now) {
    Result<Ticket> ticket = core_->publish(publish, now);
    if (ticket.ok()) core_->advance(now);
    return ticket;
}

Status Machine::ack(BatchId batch, EntrySet entries, Instant now) {
    if (std::optional<Error> refusal = core_->begin(batch, now); refusal.has_value()) return *std::move(refusal);
    Source* const source = core_->source_of(batch);
    if (source == nullptr) return no_such_batch();
    Status status = source->ack(batch, entries, now);
    if (status.ok()) core_->advance(now);
    return status;
}

Status Machine::nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) {
    if (std::optional<Error> refusal = core_->begin(batch, now); refusal.has_value()) return *std::move(refusal);
    Source* const source = core_->source_of(batch);
    if (source == nullptr) return no_such_batch();
    if (delay.has_value()) delay = on_clock(*delay);
    Status status = source->nack(batch, entries, delay, now);
    if (status.ok()) core_->advance(now);
    return status;
}

Status Machine::give_back(BatchId batch, EntrySet entries, Instant now) {
    if (std::optional<Error> refusal = core_->begin(batch, now); refusal.has_value()) return *std::move(refusal);
    Source* const source = core_->source_of(batch);
    if (source == nullptr) return no_such_batch();
    Status status = source->give_back(batch, entries, now);
    if (status.ok()) core_->advance(now);
    return status;
}

Status Machine::reject(BatchId batch, EntrySet entries, std::string_view error, Instant now) {
    if (std::optional<Error> refusal = core_->begin(batch, now); refusal.has_value()) return *std::move(refusal);
    Source* const source = core_->source_of(batch);
    if (source == nullptr) return no_such_batch();
    Status status = source->reject(batch, entries, error, now);
    if (status.ok()) core_->advance(now);
    return status;
}

Result<Ticket> Machine::dead(const DeadQuery& query, Instant now) {
    core_->context.now = now;
    if (!core_->takes_requests()) return ended();
    Result<Ticket> ticket = core_->redrive.list(query);
    if (ticket.ok()) core_->advance(now);
    return ticket;
}

Result<Ticket> Machine::redrive(std::string_view stream, std::span<const EntryId> dead_ids, Instant now) {
    core_->context.now = now;
    if (!core_->takes_requests()) return ended();
    Result<Ticket> ticket = core_->redrive.redrive(stream, dead_ids);
    if (ticket.ok()) core_->advance(now);
    return ticket;
}

Result<Ticket> Machine::change_group(const GroupChange& change, Instant now) {
    core_->context.now = now;
    if (!core_->takes_requests()) return ended();
    Result<Ticket> ticket = core_->group_changes.add(change);
    if (ticket.ok()) core_->advance(now);
    return ticket;
}

void Machine::release(BatchId batch, Instant now) {
    core_->release(batch);
    core_->advance(now);  // there may be room to read more
}

Status Machine::pause(SourceId source, Instant now) {
    Status status = core_->set_paused(source, true);
    core_->advance(now);
    return status;
}

Status Machine::resume(SourceId source, Instant now) {
    Status status = core_->set_paused(source, false);
    core_->advance(now);
    return status;
}

Status Machine::replace_credentials(std::string username, Secret password, Instant now) {
    core_->context.now = now;
    Status status = core_->replace_credentials(std::move(username), std::move(password), now);
    if (status.ok()) core_->advance(now);
    return status;
}

void Machine::handle_connected(ConnId conn, Instant now) {
    if (Lane* const lane = core_->lanes.find(conn); lane != nullptr) {
        core_->context.now = now;
        lane->handle_connected(now);
        core_->advance(now);
    }
}

void Machine::handle_disconnected(ConnId conn, DisconnectReason reason, Instant now) {
    core_->handle_disconnected(conn, reason, now);
}

std::span<std::byte> Machine::input_room(ConnId conn, size_t hint) {
    Lane* const lane = core_->lanes.find(conn);
    return lane != nullptr ? lane->input_room(hint) : std::span<std::byte>();
}

void Machine::handle_input(ConnId conn, size_t written, Instant now) {
    core_->handle_input(conn, written, now);
}
void Machine::handle_timeout(Instant now) {
    core_->handle_timeout(now);
}
void Machine::handle_wall_clock(WallTime wall, Instant now) {
    core_->context.wall = wall;
    core_->context.wall_at = now;
}

std::optional<Action> Machine::poll_action() {
    if (core_->context.actions.empty()) return std::nullopt;
    return core_->context.actions.pop();
}

std::optional<Event> Machine::poll_event() {
    return core_->poll_event();
}

std::optional<ConnId> Machine::poll_writable() {
    for (const std::unique_ptr<Lane>& lane : core_->lanes) {
        if (lane->announce_output()) return lane->conn();
    }
    return std::nullopt;
}

std::optional<Instant> Machine::poll_timeout() const {
    return core_->next_timeout();
}

std::span<const ConstBytes> Machine::transmit(ConnId conn) {
    core_->transmit_spans.clear();
    Lane* const lane = core_->lanes.find(conn);
    if (lane != nullptr && lane->has_output()) core_->transmit_spans.push_back(as_bytes(lane->output()));
    return core_->transmit_spans;
}

void Machine::advance_transmit(ConnId conn, size_t sent) {
    Lane* const lane = core_->lanes.find(conn);
    if (lane == nullptr) return;
    lane->advance_output(sent);
    if (lane->role() == LaneRole::publish)
        core_->producer.advance(core_->context.now);  // it holds back what is too much
}

Status Machine::look(SourceId id, Instant now) {
    core_->context.now = now;
    Source* const source = core_->find(id);
    if (source == nullptr) return not_ready();
    source->look();
    core_->advance(now);
    return {};
}

Result<Health> Machine::health(SourceId source, Instant now) const {
    return core_->health(source, now);
}

std::string Machine::metrics(const MetricsOptions& options, Instant now) const {
    return core_->metrics(options, now);
}

bool Machine::refused() const {
    return core_->refused();
}

bool Machine::finished() const {
    return core_->finished();
}

}  // namespace millrace
