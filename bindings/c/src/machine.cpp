// Machines: their lives and commands. What they are told and what they ask for is in machine_io.cpp.
#include "machine.hpp"

#include <cstring>
#include <span>
#include <string>

#include "arguments.hpp"

using namespace millrace;

namespace millrace::c {

mr_status tell_bad_time(mr_error* error, const char* which) {
    return guard(error, [&] {
        return tell(error, Error(Code::bad_argument, std::string(which) + " must be from 0 to INT64_MAX / 2"));
    });
}

}  // namespace millrace::c

namespace {

uint64_t number_of(const uint8_t* bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < 8; ++i) number = number << 8U | bytes[i];
    return number;
}

EntrySet set_of(const uint32_t* indices, size_t count) {
    return indices == nullptr ? EntrySet::all() : EntrySet::of(std::span(indices, count));
}

/// Ack, nack, give_back and reject.
template <class Command>
mr_status settle(mr_machine* machine, const uint32_t* indices, size_t count, int64_t now_us, mr_error* error,
                 Command command) {
    if (c::is_hole(indices, count)) return c::tell_missing(error, "indices");
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, command(it.machine, set_of(indices, count), now));
    });
}

/// What an event answers.
template <class Ask>
mr_status request(mr_machine* machine, int64_t now_us, uint64_t* ticket, mr_error* error, Ask ask) {
    if (ticket != nullptr) *ticket = 0;
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        const Result<Ticket> made = ask(it, now);
        if (!made) return c::tell(error, made.error());
        if (ticket != nullptr) *ticket = c::ticket_of_request(*made);
        return c::tell_ok(error);
    });
}

}  // namespace

extern "C" {

mr_status mr_machine_new(const mr_config* config, const uint8_t seed[16], int64_t now_us, int64_t unix_us,
                         mr_machine** machine, mr_error* error) {
    if (machine == nullptr) return c::tell_missing(error, "machine");
    *machine = nullptr;
    if (c::is_gone(config)) return c::tell_gone(error, "config");
    if (seed == nullptr) return c::tell_missing(error, "seed");
    if (!c::is_time(now_us)) return c::tell_bad_time(error);
    if (!c::is_time(unix_us)) return c::tell_bad_time(error, "unix_us");
    return c::guard(error, [&] {
        Result<Machine> made = Machine::create(config->config.client, {number_of(seed), number_of(seed + 8)},
                                               Instant{now_us}, WallTime{unix_us});
        if (!made) return c::tell(error, made.error());
        *machine = std::make_unique<mr_machine>(std::move(made).value(), config->config).release();
        c::born(*machine);
        return c::tell_ok(error);
    });
}

void mr_machine_free(mr_machine* machine) {
    if (c::is_gone(machine)) return;
    c::died(machine);
    delete machine;
}

mr_status mr_machine_open(mr_machine* machine, const mr_config* config, int64_t now_us, uint32_t* source,
                          mr_error* error) {
    if (source != nullptr) *source = 0;
    if (config != nullptr && c::is_gone(config)) return c::tell_gone(error, "config");
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        const Result<SourceId> opened =
            it.machine.open(config == nullptr ? it.config.source : config->config.source, now);
        if (!opened) return c::tell(error, opened.error());
        if (source != nullptr) *source = static_cast<uint32_t>(*opened);
        return c::tell_ok(error);
    });
}

mr_status mr_machine_close_source(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error) {
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, it.machine.close(SourceId{source}, now));
    });
}

mr_status mr_machine_pause(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error) {
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, it.machine.pause(SourceId{source}, now));
    });
}

mr_status mr_machine_resume(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error) {
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, it.machine.resume(SourceId{source}, now));
    });
}

mr_status mr_machine_ack(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count, int64_t now_us,
                         mr_error* error) {
    return settle(machine, indices, count, now_us, error,
                  [&](Machine& it, EntrySet which, Instant now) { return it.ack(BatchId{batch}, which, now); });
}

mr_status mr_machine_nack(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count, int64_t delay_us,
                          int64_t now_us, mr_error* error) {
    return settle(machine, indices, count, now_us, error, [&](Machine& it, EntrySet which, Instant now) {
        return it.nack(BatchId{batch}, which, c::take_delay(delay_us), now);
    });
}

mr_status mr_machine_give_back(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count,
                               int64_t now_us, mr_error* error) {
    return settle(machine, indices, count, now_us, error,
                  [&](Machine& it, EntrySet which, Instant now) { return it.give_back(BatchId{batch}, which, now); });
}

mr_status mr_machine_reject(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count,
                            const char* reason, int64_t now_us, mr_error* error) {
    if (reason == nullptr) return c::tell_missing(error, "reason");
    return settle(machine, indices, count, now_us, error, [&](Machine& it, EntrySet which, Instant now) {
        return it.reject(BatchId{batch}, which, reason, now);
    });
}

mr_status mr_machine_release(mr_machine* machine, uint64_t batch, int64_t now_us, mr_error* error) {
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        it.machine.release(BatchId{batch}, now);
        it.forget(BatchId{batch});
        return c::tell_ok(error);
    });
}

mr_status mr_machine_publish(mr_machine* machine, const mr_publish* publish, int64_t now_us, uint64_t* ticket,
                             mr_error* error) {
    if (ticket == nullptr) return c::tell_missing(error, "ticket");
    return request(machine, now_us, ticket, error, [&](mr_machine& it, Instant now) -> Result<Ticket> {
        c::PublishViews views;
        if (const std::optional<Error> wrong = views.take(publish)) return *wrong;
        Publish asked = views.publish();
        if (!asked.options) asked.options = it.config.publish;
        return it.machine.publish(asked, now);
    });
}

mr_status mr_machine_dead(mr_machine* machine, mr_str stream, mr_id after, uint32_t count, int64_t now_us,
                          uint64_t* ticket, mr_error* error) {
    if (stream.data == nullptr || c::is_hole(stream)) return c::tell_missing(error, "stream");
    return request(machine, now_us, ticket, error, [&](mr_machine& it, Instant now) {
        return it.machine.dead({std::string(c::view(stream)), {after.ms, after.seq}, count}, now);
    });
}

mr_status mr_machine_redrive(mr_machine* machine, mr_str stream, const mr_id* dead_ids, size_t count, int64_t now_us,
                             uint64_t* ticket, mr_error* error) {
    if (stream.data == nullptr || c::is_hole(stream)) return c::tell_missing(error, "stream");
    if (c::is_hole(dead_ids, count)) return c::tell_missing(error, "dead_ids");
    return request(machine, now_us, ticket, error, [&](mr_machine& it, Instant now) {
        return it.machine.redrive(c::view(stream), c::take_ids(dead_ids, count), now);
    });
}

mr_status mr_machine_change_group(mr_machine* machine, const mr_group_change* change, int64_t now_us, uint64_t* ticket,
                                  mr_error* error) {
    return request(machine, now_us, ticket, error, [&](mr_machine& it, Instant now) -> Result<Ticket> {
        const Result<GroupChange> asked = c::take_change(change);
        if (!asked) return asked.error();
        return it.machine.change_group(*asked, now);
    });
}

mr_status mr_machine_look(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error) {
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, it.machine.look(SourceId{source}, now));
    });
}

mr_status mr_machine_replace_credentials(mr_machine* machine, const char* username, const char* password,
                                         int64_t now_us, mr_error* error) {
    if (username == nullptr) return c::tell_missing(error, "username");
    if (password == nullptr) return c::tell_missing(error, "password");
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, it.machine.replace_credentials(username, Secret(password), now));
    });
}

mr_status mr_machine_drain(mr_machine* machine, int64_t timeout_us, int awaits_acks, int64_t now_us, mr_error* error) {
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell(error, it.machine.drain({c::time_of(timeout_us), awaits_acks != 0}, now));
    });
}

mr_status mr_machine_health(mr_machine* machine, uint32_t source, int64_t now_us, mr_health* health, mr_error* error) {
    if (health == nullptr) return c::tell_missing(error, "health");
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        const Result<Health> told = it.machine.health(SourceId{source}, now);
        return told ? c::give_health(error, health, *told) : c::tell(error, told.error());
    });
}

mr_status mr_machine_metrics(mr_machine* machine, int64_t now_us, mr_text* text, mr_error* error) {
    if (text == nullptr) return c::tell_missing(error, "text");
    *text = {nullptr, 0};
    return c::enter(machine, now_us, error, [&](mr_machine& it, Instant now) {
        return c::tell_text(error, text, it.machine.metrics({}, now));
    });
}

int mr_machine_finished(const mr_machine* machine) {
    bool finished = false;
    (void)c::enter(machine, nullptr, [&](const mr_machine& it) {
        finished = it.machine.finished();
        return MR_OK;
    });
    return finished ? 1 : 0;
}
}
