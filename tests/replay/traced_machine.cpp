#include "traced_machine.hpp"

#include <utility>

#include "describe.hpp"

namespace millrace::replay {

Result<TracedMachine> TracedMachine::create(std::string_view url, Seed128 seed, Instant now, WallTime wall,
                                            std::string& trace) {
    trace += trace_head;
    trace += "create ";
    append_number(trace, now.us);
    trace += ' ';
    append_number(trace, wall.unix_us);
    trace += ' ';
    append_unsigned(trace, seed.high);
    trace += ' ';
    append_unsigned(trace, seed.low);
    trace += ' ';
    append_quoted(trace, url);
    trace += "\n= ";
    const auto failed = [&trace](const Error& error) {
        append_error(trace, error);
        trace += '\n';
        return error;
    };
    const Result<Config> config = parse_url(url);
    if (!config) return failed(config.error());
    Result<Machine> machine = Machine::create(config->client, seed, now, wall);
    if (!machine) return failed(machine.error());
    trace += "ok\n";
    return TracedMachine(std::move(machine).value(), trace);
}

Result<SourceId> TracedMachine::open(std::string_view url, Instant now) {
    call("open", now);
    text(url);
    const Result<Config> config = parse_url(url);
    if (!config) return answer(Status(config.error())).error();
    const Result<SourceId> source = machine_.open(config->source, now);
    if (!source) return answer(Status(source.error())).error();
    answer() += "source ";
    append_unsigned(*trace_, static_cast<uint32_t>(*source));
    *trace_ += '\n';
    return source;
}

Status TracedMachine::close(SourceId source, Instant now) {
    call("close", now);
    argument(static_cast<uint32_t>(source));
    return answer(machine_.close(source, now));
}

Status TracedMachine::drain(const Drain& how, Instant now) {
    call("drain", now);
    argument(static_cast<uint64_t>(how.timeout.us));
    append_word(*trace_, how.awaits_acks ? "acks" : "answers");
    return answer(machine_.drain(how, now));
}

Result<Ticket> TracedMachine::publish(const Publish& publish, Instant now) {
    call("publish", now);
    append_word(*trace_, publish.options && publish.options->atomic ? "atomic" : "plain");
    text(publish.stream);
    argument(publish.entries.size());
    for (const PublishEntry& entry : publish.entries) {
        for (const Field& field : entry.fields) {
            text(field.name);
            text(field.value);
        }
        append_word(*trace_, ";");
    }
    const Result<Ticket> ticket = machine_.publish(publish, now);
    if (!ticket) return answer(Status(ticket.error())).error();
    answer() += "ticket ";
    append_unsigned(*trace_, static_cast<uint64_t>(*ticket));
    *trace_ += '\n';
    return ticket;
}

Status TracedMachine::ack(BatchId batch, EntrySet entries, Instant now) {
    call("ack", now);
    argument(static_cast<uint64_t>(batch));
    argument(entries);
    return answer(machine_.ack(batch, entries, now));
}

Status TracedMachine::nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) {
    call("nack", now);
    argument(static_cast<uint64_t>(batch));
    if (delay) {
        argument(static_cast<uint64_t>(delay->us));
    } else {
        append_word(*trace_, "default");
    }
    argument(entries);
    return answer(machine_.nack(batch, entries, delay, now));
}

void TracedMachine::release(BatchId batch, Instant now) {
    call("release", now);
    argument(static_cast<uint64_t>(batch));
    machine_.release(batch, now);
}

Status TracedMachine::pause(SourceId source, Instant now) {
    call("pause", now);
    argument(static_cast<uint32_t>(source));
    return answer(machine_.pause(source, now));
}

Status TracedMachine::resume(SourceId source, Instant now) {
    call("resume", now);
    argument(static_cast<uint32_t>(source));
    return answer(machine_.resume(source, now));
}

void TracedMachine::handle_connected(ConnId conn, Instant now) {
    call("connected", now);
    argument(static_cast<uint32_t>(conn));
    machine_.handle_connected(conn, now);
}

void TracedMachine::handle_disconnected(ConnId conn, DisconnectReason reason, Instant now) {
    call("disconnected", now);
    argument(static_cast<uint32_t>(conn));
    append_word(*trace_, name(reason));
    machine_.handle_disconnected(conn, reason, now);
}

std::span<std::byte> TracedMachine::input_room(ConnId conn, size_t hint) {
    call("room");
    argument(static_cast<uint32_t>(conn));
    argument(hint);
    room_ = machine_.input_room(conn, hint);
    answer() += "room ";
    append_unsigned(*trace_, room_.size());
    *trace_ += '\n';
    return room_;
}

void TracedMachine::handle_input(ConnId conn, size_t written, Instant now) {
    call("input", now);
    argument(static_cast<uint32_t>(conn));
    text(as_text(room_.first(written)));
    machine_.handle_input(conn, written, now);
}

void TracedMachine::handle_timeout(Instant now) {
    call("timeout", now);
    machine_.handle_timeout(now);
}

void TracedMachine::handle_wall_clock(WallTime wall, Instant now) {
    call("wall", now);
    argument(static_cast<uint64_t>(wall.unix_us));
    machine_.handle_wall_clock(wall, now);
}

std::optional<Action> TracedMachine::poll_action() {
    call("action?");
    std::optional<Action> action = machine_.poll_action();
    std::string& out = answer();
    if (action) append_action(out, *action);
    out += action ? "\n" : "none\n";
    return action;
}

std::optional<Event> TracedMachine::poll_event() {
    call("event?");
    std::optional<Event> event = machine_.poll_event();
    std::string& out = answer();
    if (event) append_event(out, *event);
    out += event ? "\n" : "none\n";
    return event;
}

std::optional<ConnId> TracedMachine::poll_writable() {
    call("writable?");
    const std::optional<ConnId> conn = machine_.poll_writable();
    std::string& out = answer();
    if (conn) append_unsigned(out, static_cast<uint32_t>(*conn));
    out += conn ? "\n" : "none\n";
    return conn;
}

std::optional<Instant> TracedMachine::poll_timeout() {
    call("timeout?");
    const std::optional<Instant> at = machine_.poll_timeout();
    std::string& out = answer();
    if (at) append_number(out, at->us);
    out += at ? "\n" : "none\n";
    return at;
}

std::span<const ConstBytes> TracedMachine::transmit(ConnId conn) {
    call("transmit");
    argument(static_cast<uint32_t>(conn));
    const std::span<const ConstBytes> pieces = machine_.transmit(conn);
    std::string bytes;
    for (const ConstBytes piece : pieces) bytes += as_text(piece);
    append_quoted(answer(), bytes);
    *trace_ += '\n';
    return pieces;
}

void TracedMachine::advance_transmit(ConnId conn, size_t sent) {
    call("sent");
    argument(static_cast<uint32_t>(conn));
    argument(sent);
    machine_.advance_transmit(conn, sent);
}

bool TracedMachine::finished() {
    call("finished?");
    const bool finished = machine_.finished();
    answer() += finished ? "yes\n" : "no\n";
    return finished;
}

// A call's line has no end until its answer or the next call: most of its arguments follow.
void TracedMachine::call(std::string_view verb) {
    if (!trace_->empty() && trace_->back() != '\n') *trace_ += '\n';
    *trace_ += verb;
}

void TracedMachine::call(std::string_view verb, Instant now) {
    call(verb);
    *trace_ += ' ';
    append_number(*trace_, now.us);
}

void TracedMachine::argument(uint64_t number) {
    *trace_ += ' ';
    append_unsigned(*trace_, number);
}

void TracedMachine::argument(EntrySet entries) {
    if (entries.is_all()) append_word(*trace_, "all");
    for (const uint32_t index : entries.indices()) argument(uint64_t{index});
}

void TracedMachine::text(std::string_view bytes) {
    *trace_ += ' ';
    append_quoted(*trace_, bytes);
}

std::string& TracedMachine::answer() {
    *trace_ += "\n= ";
    return *trace_;
}

Status TracedMachine::answer(Status status) {
    if (status.ok()) {
        answer() += "ok\n";
    } else {
        append_error(answer(), status.error());
        *trace_ += '\n';
    }
    return status;
}

}  // namespace millrace::replay
