#include "support/scripted_host.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::test {

Machine ScriptedHost::make(const ClientConfig& config, Seed128 seed, Instant now) {
    Result<Machine> made = Machine::create(config, seed, now, WallTime{1'700'000'000'000'000});
    if (!made.ok()) ADD_FAILURE() << made.error().message;
    return std::move(made).value();
}

ScriptedHost::ScriptedHost() : ScriptedHost(ClientConfig{}) {}
ScriptedHost::ScriptedHost(const ClientConfig& config, Seed128 seed) : machine(make(config, seed, now_)) {}

// ---- commands

SourceId ScriptedHost::open(const SourceConfig& config) {
    const Result<SourceId> opened = machine.open(config, now_);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    settle();
    return opened.ok() ? *opened : SourceId{};
}

EntrySet ScriptedHost::entries(const std::vector<uint32_t>& indices) const {
    return indices.empty() ? EntrySet::all() : EntrySet::of(indices);
}

Status ScriptedHost::ack(size_t number, std::vector<uint32_t> indices) {
    Status status = machine.ack(batch(number), entries(indices), now_);
    settle();
    return status;
}

Status ScriptedHost::nack(size_t number, std::vector<uint32_t> indices, std::optional<Duration> delay) {
    Status status = machine.nack(batch(number), entries(indices), delay, now_);
    settle();
    return status;
}

Status ScriptedHost::give_back(size_t number, std::vector<uint32_t> indices) {
    Status status = machine.give_back(batch(number), entries(indices), now_);
    settle();
    return status;
}

Status ScriptedHost::reject(size_t number, std::vector<uint32_t> indices, std::string_view error) {
    Status status = machine.reject(batch(number), entries(indices), error, now_);
    settle();
    return status;
}

Result<Ticket> ScriptedHost::dead(const DeadQuery& query) {
    Result<Ticket> ticket = machine.dead(query, now_);
    settle();
    return ticket;
}

Result<Ticket> ScriptedHost::redrive(std::vector<EntryId> dead_ids) {
    Result<Ticket> ticket = machine.redrive("s", dead_ids, now_);
    settle();
    return ticket;
}

Result<Ticket> ScriptedHost::change_group(const GroupChange& change) {
    Result<Ticket> ticket = machine.change_group(change, now_);
    settle();
    return ticket;
}

void ScriptedHost::release(size_t number) {
    machine.release(batch(number), now_);
    settle();
}

Status ScriptedHost::close(SourceId source) {
    Status status = machine.close(source, now_);
    settle();
    return status;
}

Status ScriptedHost::drain(Duration timeout, bool awaits_acks) {
    Status status = machine.drain({timeout, awaits_acks}, now_);
    settle();
    return status;
}

Status ScriptedHost::pause(SourceId source) {
    Status status = machine.pause(source, now_);
    settle();
    return status;
}

Status ScriptedHost::replace_credentials(std::string username, std::string password) {
    Status status = machine.replace_credentials(std::move(username), Secret(std::move(password)), now_);
    settle();
    return status;
}

Status ScriptedHost::resume(SourceId source) {
    Status status = machine.resume(source, now_);
    settle();
    return status;
}

Result<Ticket> ScriptedHost::publish(const Publish& publish) {
    Result<Ticket> ticket = machine.publish(publish, now_);
    settle();
    return ticket;
}

Result<Ticket> ScriptedHost::publish(std::string_view stream, std::initializer_list<std::string_view> values,
                                     bool atomic) {
    std::vector<Field> fields;
    for (const std::string_view value : values) fields.push_back({"f", value});
    std::vector<PublishEntry> list;
    for (const Field& field : fields) list.push_back({{&field, 1}});
    Publish what;
    what.stream = stream;
    what.entries = list;
    what.options.emplace();
    what.options->atomic = atomic;
    return publish(what);
}

Result<Ticket> ScriptedHost::publish(std::string_view stream, std::initializer_list<std::string_view> values,
                                     const PublishConfig& options) {
    std::vector<Field> fields;
    for (const std::string_view value : values) fields.push_back({"f", value});
    std::vector<PublishEntry> list;
    for (const Field& field : fields) list.push_back({{&field, 1}});
    return publish(Publish{stream, list, options});
}

// ---- the network

ConnId ScriptedHost::conn(const std::string& lane) const {
    const auto found = lanes_.find(lane);
    if (found == lanes_.end()) {
        ADD_FAILURE() << "no connection " << lane;
        return ConnId{};
    }
    return found->second.conn;
}

void ScriptedHost::connected(const std::string& lane) {
    machine.handle_connected(conn(lane), now_);
    settle();
}

void ScriptedHost::feed(ConnId to, std::string_view bytes) {
    while (!bytes.empty()) {
        const std::span<std::byte> room = machine.input_room(to, bytes.size());
        if (room.empty()) return;
        const size_t size = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), size);
        machine.handle_input(to, size, now_);
        bytes.remove_prefix(size);
        settle();
    }
}

void ScriptedHost::reply(const std::string& lane, std::string_view bytes) {
    const ConnId to = conn(lane);
    const size_t piece = cut == Cut::whole ? bytes.size() : cut == Cut::byte_by_byte ? 1 : (bytes.size() + 2) / 3;
    for (size_t at = 0; at < bytes.size(); at += piece) feed(to, bytes.substr(at, piece));
}

void ScriptedHost::lost(const std::string& lane, DisconnectReason reason) {
    const ConnId dead = conn(lane);
    lanes_.erase(lane);
    dead_.push_back(dead);
    machine.handle_disconnected(dead, reason, now_);
    settle();
}

/// What a host with a slow socket thread may still tell.
void ScriptedHost::haunt(ConnId dead) {
    const size_t before = story_.size();
    EXPECT_TRUE(machine.input_room(dead, 10).empty());
    machine.handle_input(dead, 10, now_);
    machine.handle_connected(dead, now_);
    machine.handle_disconnected(dead, DisconnectReason::reset, now_);
    EXPECT_TRUE(machine.transmit(dead).empty());
    machine.advance_transmit(dead, 1);
    gather();
    EXPECT_EQ(story_.size(), before) << "a dead connection did something:\n" << lines(story_);
}

std::optional<std::string> ScriptedHost::answer(const std::string& command) {
    const auto is = [&command](std::string_view head) { return command.compare(0, head.size(), head) == 0; };
    if (is("HELLO")) {
        return server.protocol == 3 ? hello(3, server.next_client_id++, server.version) : unknown_command("HELLO");
    }
    if (is("CLIENT SETNAME") || is("SELECT") || is("AUTH")) return ok();
    if (is("CLIENT ID")) return integer(server.next_client_id++);
    if (is("INFO")) return info(server.version, server.run_id);
    if (is("CLIENT KILL")) return integer(1);
    return std::nullopt;
}

void ScriptedHost::greet(const std::string& lane) {
    connected(lane);
    while (lives(lane)) {
        const std::vector<std::string> written = std::exchange(lanes_[lane].written, {});
        if (written.size() != 1) return;
        const std::optional<std::string> bytes = answer(written.front());
        if (!bytes.has_value()) return;
        if (written.front().compare(0, 11, "CLIENT KILL") != 0) {
            const auto line = std::find(story_.begin(), story_.end(), lane + ": " + written.front());
            if (line != story_.end()) story_.erase(line);
        }
        reply(lane, *bytes);
    }
}

// ---- the clock

std::optional<int64_t> ScriptedHost::ms_to_timeout() const {
    const std::optional<Instant> at = machine.poll_timeout();
    if (!at.has_value()) return std::nullopt;
    return (*at - now_).us / 1000;
}

int64_t ScriptedHost::fire() {
    const std::optional<Instant> at = machine.poll_timeout();
    if (!at.has_value()) {
        ADD_FAILURE() << "no timer";
        return -1;
    }
    const Duration waited = *at - now_;
    now_ = *at;
    machine.handle_timeout(now_);
    settle();
    return waited.us / 1000;
}

void ScriptedHost::wait(int64_t ms) {
    const Instant until = now_ + milliseconds(ms);
    for (;;) {
        const std::optional<Instant> at = machine.poll_timeout();
        if (!at.has_value() || *at > until) break;
        fire();
    }
    now_ = until;
}

void ScriptedHost::oversleep(int64_t ms) {
    now_ = now_ + milliseconds(ms);
    machine.handle_timeout(now_);
    settle();
}

// ---- the turn

std::string ScriptedHost::story() {
    return lines(std::exchange(story_, {}));
}

BatchId ScriptedHost::batch(size_t number) const {
    for (const auto& [id, told] : numbers_) {
        if (told == number) return id;
    }
    return BatchId{0xffff'ffff'ffff'ffffULL};
}

void ScriptedHost::take_action(const Action& action) {
    if (const auto* connect = std::get_if<Connect>(&action)) {
        const std::string role(name(connect->role));
        std::string lane = role;
        for (int i = 2; lanes_.count(lane) > 0; ++i) lane = role + std::to_string(i);
        lanes_[lane].conn = connect->conn;
        lanes_[lane].deadline = connect->deadline;
        story_.push_back("connect " + lane);
        return;
    }
    const auto* close = std::get_if<Close>(&action);
    const ConnId about = close != nullptr ? close->conn : std::get<SetReadable>(action).conn;
    const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](auto& it) { return it.second.conn == about; });
    if (lane == lanes_.end()) {
        ADD_FAILURE() << "an action about a connection that has ended";
        return;
    }
    const std::string named = lane->first;
    if (close != nullptr) {
        story_.push_back("close " + named);
        lanes_.erase(lane);
        dead_.push_back(about);
    } else {
        const bool readable = std::get<SetReadable>(action).readable;
        EXPECT_NE(lane->second.readable, readable);
        lane->second.readable = readable;
        story_.push_back((readable ? "read again from " : "stop reading from ") + named);
    }
}

/// In two writes, because a socket may take less than it is given.
void ScriptedHost::take_output() {
    while (const std::optional<ConnId> writable = machine.poll_writable()) {
        const auto lane =
            std::find_if(lanes_.begin(), lanes_.end(), [&](auto& it) { return it.second.conn == *writable; });
        if (lane == lanes_.end()) {
            ADD_FAILURE() << "output for a connection that has ended";
            return;
        }
        for (size_t sent = 1; sent > 0; machine.advance_transmit(*writable, sent)) {
            sent = 0;
            for (const ConstBytes bytes : machine.transmit(*writable)) {
                const std::string_view taken = as_text(bytes).substr(0, std::max<size_t>(1, bytes.size() / 2));
                lane->second.wire.append(taken);
                sent += taken.size();
            }
        }
    }
    for (auto& [lane, connection] : lanes_) {
        for (std::string& command : take_commands(connection.wire)) {
            if (command == "PING" && answers_ping) {
                pinged_.push_back(lane);
                continue;
            }
            story_.push_back(lane + ": " + command);
            connection.written.push_back(std::move(command));
        }
    }
}

void ScriptedHost::gather() {
    while (const std::optional<Event> event = machine.poll_event()) story_.push_back(describe(*event, numbers_));
    while (const std::optional<Action> action = machine.poll_action()) take_action(*action);
    take_output();
}

void ScriptedHost::settle() {
    gather();
    if (const std::optional<Instant> at = machine.poll_timeout(); at.has_value() && *at <= now_) {
        machine.handle_timeout(now_);
        gather();
    }
    const std::optional<Instant> next = machine.poll_timeout();
    EXPECT_TRUE(!next.has_value() || *next > now_)
        << "poll_timeout lies " << (now_ - *next).us << " us in the past after handle_timeout, after:\n"
        << lines(story_);
    const size_t before = story_.size();
    machine.handle_timeout(now_);
    gather();
    EXPECT_EQ(story_.size(), before) << "a spurious handle_timeout brought the last of:\n" << lines(story_);
    for (const ConnId dead : std::exchange(dead_, {})) haunt(dead);
    for (const std::string& lane : std::exchange(pinged_, {})) {
        if (lives(lane) && lanes_.at(lane).readable) feed(conn(lane), status("PONG"));
    }
}

}  // namespace millrace::test
