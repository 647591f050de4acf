// Machines: what they are told of connections and of time, and what they ask for.
#include <algorithm>
#include <cstring>
#include <span>
#include <variant>

#include "machine.hpp"

using namespace millrace;

const mr_batch_view* mr_machine::show(const BatchReady& ready) {
    std::unique_ptr<Shown> shown;
    if (spare_.empty()) {
        shown = std::make_unique<Shown>();
    } else {
        shown = std::move(spare_.back());
        spare_.pop_back();
    }
    shown->tables.fill(ready.entries);
    shown->view = shown->tables.view(ready.source, ready.reason, ready.batch);
    return &shown_.insert_or_assign(ready.batch, std::move(shown)).first->second->view;
}

void mr_machine::forget(BatchId batch) {
    constexpr size_t spare_max = 16;
    const auto found = shown_.find(batch);
    if (found == shown_.end()) return;
    if (spare_.size() < spare_max) spare_.push_back(std::move(found->second));
    shown_.erase(found);
}

namespace {

constexpr size_t first_action_size = sizeof(mr_action);

static_assert(MR_LANE_READ == static_cast<int>(LaneRole::read) && MR_LANE_PROBE == static_cast<int>(LaneRole::probe) &&
              MR_LANE_PUSH == static_cast<int>(LaneRole::push));

void write(mr_action& to, const Connect& connect) {
    to.kind = MR_ACTION_CONNECT;
    to.conn = static_cast<uint32_t>(connect.conn);
    to.lane = static_cast<uint32_t>(connect.role);
    to.deadline_us = connect.deadline.us;
    to.host = c::borrow(connect.endpoint.host);
    to.unix_path = c::borrow(connect.endpoint.unix_path);
    to.port = connect.endpoint.port;
    if (!connect.tls) return;
    to.tls = 1;
    to.tls_verify = connect.tls->verify ? 1 : 0;
    to.tls_ca = c::borrow(connect.tls->ca);
    to.tls_cert = c::borrow(connect.tls->cert);
    to.tls_key = c::borrow(connect.tls->key);
    to.tls_server_name = c::borrow(connect.tls->server_name.empty() ? connect.endpoint.host : connect.tls->server_name);
}

void write(mr_action& to, const Close& close) {
    to.kind = MR_ACTION_CLOSE;
    to.conn = static_cast<uint32_t>(close.conn);
}

void write(mr_action& to, const SetReadable& wish) {
    to.kind = MR_ACTION_SET_READABLE;
    to.conn = static_cast<uint32_t>(wish.conn);
    to.readable = wish.readable ? 1 : 0;
}

}  // namespace

extern "C" {

mr_status mr_machine_handle_connected(mr_machine* machine, uint32_t conn, int64_t now_us) {
    return c::enter(machine, now_us, nullptr, [&](mr_machine& it, Instant now) -> mr_status {
        it.machine.handle_connected(ConnId{conn}, now);
        return MR_OK;
    });
}

mr_status mr_machine_handle_disconnected(mr_machine* machine, uint32_t conn, uint32_t reason, int64_t now_us) {
    if (reason > MR_DISCONNECT_TLS_FAILED) return MR_BAD_ARGUMENT;
    return c::enter(machine, now_us, nullptr, [&](mr_machine& it, Instant now) -> mr_status {
        it.machine.handle_disconnected(ConnId{conn}, static_cast<DisconnectReason>(reason), now);
        return MR_OK;
    });
}

char* mr_machine_input_room(mr_machine* machine, uint32_t conn, size_t hint, size_t* size) {
    if (size == nullptr) return nullptr;
    *size = 0;
    std::span<std::byte> room;
    (void)c::enter(machine, nullptr, [&](mr_machine& it) -> mr_status {
        constexpr size_t hint_max = size_t{64} << 20U;
        room = it.machine.input_room(ConnId{conn}, hint < hint_max ? hint : hint_max);
        it.room_of = ConnId{conn};
        it.room_size = room.size();
        return MR_OK;
    });
    *size = room.size();
    return room.empty() ? nullptr : reinterpret_cast<char*>(room.data());
}

mr_status mr_machine_handle_input(mr_machine* machine, uint32_t conn, size_t written, int64_t now_us) {
    return c::enter(machine, now_us, nullptr, [&](mr_machine& it, Instant now) -> mr_status {
        if (it.room_of != ConnId{conn} || written > it.room_size) return MR_BAD_ARGUMENT;
        it.room_size = 0;
        it.machine.handle_input(ConnId{conn}, written, now);
        return MR_OK;
    });
}

mr_status mr_machine_handle_timeout(mr_machine* machine, int64_t now_us) {
    return c::enter(machine, now_us, nullptr, [](mr_machine& it, Instant now) -> mr_status {
        it.machine.handle_timeout(now);
        return MR_OK;
    });
}

mr_status mr_machine_handle_wall_clock(mr_machine* machine, int64_t unix_us, int64_t now_us) {
    if (!c::is_time(unix_us)) return MR_BAD_ARGUMENT;
    return c::enter(machine, now_us, nullptr, [&](mr_machine& it, Instant now) -> mr_status {
        it.machine.handle_wall_clock(WallTime{unix_us}, now);
        return MR_OK;
    });
}

mr_status mr_machine_poll_action(mr_machine* machine, mr_action* action) {
    if (action == nullptr || action->size < first_action_size) return MR_BAD_ARGUMENT;
    return c::enter(machine, nullptr, [&](mr_machine& it) -> mr_status {
        mr_action told = MR_ACTION_INIT;
        it.action = it.machine.poll_action();
        if (it.action) std::visit([&](const auto& each) { write(told, each); }, *it.action);
        return c::give(action, told, first_action_size) ? MR_OK : MR_BAD_ARGUMENT;
    });
}

mr_status mr_machine_poll_event(mr_machine* machine, mr_event* event) {
    if (event == nullptr || event->size < c::first_event_size) return MR_BAD_ARGUMENT;
    return c::enter(machine, nullptr, [&](mr_machine& it) -> mr_status {
        it.event = {};
        if (const std::optional<Event> told = it.machine.poll_event()) {
            if (const auto* const batch = std::get_if<BatchReady>(&*told)) {
                it.event.event.kind = MR_EVENT_BATCH;
                it.event.event.source = static_cast<uint32_t>(batch->source);
                it.event.event.batch = static_cast<uint64_t>(batch->batch);
                it.event.event.view = it.show(*batch);
            } else if (const auto* const published = std::get_if<Published>(&*told)) {
                it.event = c::published(c::ticket_of_request(published->ticket), published->results);
            } else {
                it.event = c::copy_of(*told);
            }
        }
        it.event.point();
        return c::give(event, it.event.event, c::first_event_size) ? MR_OK : MR_BAD_ARGUMENT;
    });
}

uint32_t mr_machine_poll_writable(mr_machine* machine) {
    uint32_t conn = 0;
    (void)c::enter(machine, nullptr, [&](mr_machine& it) -> mr_status {
        conn = static_cast<uint32_t>(it.machine.poll_writable().value_or(ConnId{0}));
        return MR_OK;
    });
    return conn;
}

int64_t mr_machine_timeout_at(const mr_machine* machine) {
    int64_t at = INT64_MAX;
    (void)c::enter(machine, nullptr, [&](const mr_machine& it) -> mr_status {
        if (const std::optional<Instant> told = it.machine.poll_timeout()) at = told->us;
        return MR_OK;
    });
    return at;
}

size_t mr_machine_transmit(mr_machine* machine, uint32_t conn, mr_str* chunks, size_t room) {
    if (chunks == nullptr) return 0;
    size_t count = 0;
    (void)c::enter(machine, nullptr, [&](mr_machine& it) -> mr_status {
        for (const ConstBytes chunk : it.machine.transmit(ConnId{conn})) {
            if (count == room) break;
            chunks[count++] = c::borrow(as_text(chunk));
        }
        return MR_OK;
    });
    return count;
}

mr_status mr_machine_advance_transmit(mr_machine* machine, uint32_t conn, size_t sent) {
    return c::enter(machine, nullptr, [&](mr_machine& it) -> mr_status {
        size_t waiting = 0;
        for (const ConstBytes chunk : it.machine.transmit(ConnId{conn})) waiting += chunk.size();
        if (sent > waiting) return MR_BAD_ARGUMENT;
        it.machine.advance_transmit(ConnId{conn}, sent);
        return MR_OK;
    });
}
}
