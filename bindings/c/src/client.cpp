// The client: millrace::Client with an event queue beside it.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "arguments.hpp"
#include "handles.hpp"
#include "log_file.hpp"
#include "millrace/status.hpp"

using namespace millrace;

void mr_client::observe(const Event& event) {
    if (const auto* closed = std::get_if<Closed>(&event); closed != nullptr && closed->source) {
        const std::lock_guard lock(mutex);
        std::erase(sources, *closed->source);
        std::erase(paused, *closed->source);
    }
    hold_if(events.add(event));
    if (log) log(event);  // the last: what it throws loses a line and no event
}

/// Reading stops; what is in hand, and timers, go on.
void mr_client::hold_if(bool full) {
    if (!full || ending) return;
    const std::lock_guard lock(mutex);
    // Looked at again: whoever polls may have emptied it since, and would not come back to end the hold.
    if (!events.full() || std::exchange(holding, true)) return;
    for (const SourceId source : sources) {
        if (!is_paused(source)) (void)client->pause(source);
    }
}

void mr_client::go_on_if(bool has_room) {
    if (!has_room) return;
    const std::lock_guard lock(mutex);
    if (!std::exchange(holding, false)) return;
    for (const SourceId source : sources) {
        if (!is_paused(source)) (void)client->resume(source);
    }
}

bool mr_client::is_paused(SourceId source) const {
    return std::find(paused.begin(), paused.end(), source) != paused.end();
}

namespace {

constexpr size_t first_options_size = offsetof(mr_client_options, log_fd);

mr_status poll_event(mr_client& client, mr_event& event) {
    bool has_room = false;
    if (!client.events.poll(event, has_room)) return MR_BAD_ARGUMENT;
    client.go_on_if(has_room);
    return MR_OK;
}

Result<Health> ask_health(mr_client* client, uint32_t source, int64_t timeout_us) {
    return client->client->health(SourceId{source}, c::time_of(timeout_us < 0 ? 0 : timeout_us));
}

}  // namespace

extern "C" {

mr_status mr_client_new(const mr_config* config, const mr_client_options* options, mr_client** client,
                        mr_error* error) {
    if (client == nullptr) return c::tell_missing(error, "client");
    *client = nullptr;
    if (c::is_gone(config)) return c::tell_gone(error, "config");
    mr_client_options asked = MR_CLIENT_OPTIONS_INIT;
    if (options != nullptr && !c::take(options, asked, first_options_size)) return c::tell_missing(error, "options");
    return c::guard(error, [&] {
        if (asked.thread != MR_THREAD_NONE && asked.thread != MR_THREAD_OWN) {
            return c::tell(error, Error(Code::bad_argument, "options: no thread " + std::to_string(asked.thread)));
        }
        auto made = std::make_unique<mr_client>(asked.event_max);
        if (asked.log_fd != 0) {
            auto log = c::log_to_descriptor(asked.log_fd, asked.log_level);
            if (!log) return c::tell(error, log.error());
            made->log = std::move(log).value();
        }
        ClientOptions inner;
        inner.on_event = [owner = made.get()](const Event& event) { owner->observe(event); };
        Result<Client> opened = Client::create(config->config, std::move(inner));
        if (!opened) return c::tell(error, opened.error());
        made->client.emplace(std::move(opened).value());
        if (asked.thread == MR_THREAD_OWN) {
            if (const Status started = made->client->start(); !started) return c::tell(error, started);
        }
        c::born(made.get());
        *client = made.release();
        return c::tell_ok(error);
    });
}

void mr_client_free(mr_client* client) {
    if (c::is_gone(client)) return;
    c::died(client);
    client->ending = true;
    delete client;
}

mr_status mr_client_open(mr_client* client, const mr_config* config, uint32_t* source, mr_error* error) {
    if (source != nullptr) *source = 0;
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        if (config != nullptr && c::is_gone(config)) return c::tell_gone(error, "config");
        const std::lock_guard lock(client->mutex);  // before its end can be told
        const Result<SourceId> opened =
            config == nullptr ? client->client->open() : client->client->open_configured(config->config.source);
        if (!opened) return c::tell(error, opened.error());
        client->sources.push_back(*opened);
        if (client->holding) (void)client->client->pause(*opened);
        if (source != nullptr) *source = static_cast<uint32_t>(*opened);
        return c::tell_ok(error);
    });
}

mr_status mr_client_close_source(mr_client* client, uint32_t source, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] { return c::tell(error, client->client->close(SourceId{source})); });
}

mr_status mr_client_pause(mr_client* client, uint32_t source, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        const std::lock_guard lock(client->mutex);  // else the end of a hold could resume it
        const Status status = client->client->pause(SourceId{source});
        if (!status) return c::tell(error, status);
        if (!client->is_paused(SourceId{source})) client->paused.push_back(SourceId{source});
        return c::tell_ok(error);
    });
}

mr_status mr_client_resume(mr_client* client, uint32_t source, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        const std::lock_guard lock(client->mutex);
        std::erase(client->paused, SourceId{source});
        if (client->holding) return c::tell_ok(error);  // while too many events wait nobody reads
        return c::tell(error, client->client->resume(SourceId{source}));
    });
}

mr_status mr_client_next(mr_client* client, uint32_t source, int64_t timeout_us, mr_batch** batch, mr_error* error) {
    if (batch == nullptr) return c::tell_missing(error, "batch");
    *batch = nullptr;
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        const std::optional<SourceId> of = source == 0 ? std::nullopt : std::optional(SourceId{source});
        Result<std::optional<Batch>> taken = client->client->next(c::wait_of(timeout_us), of);
        if (!taken) return c::tell(error, taken.error());
        if (*taken) {
            *batch = std::make_unique<mr_batch>(std::move(**taken)).release();
            c::born(*batch);
        }
        return c::tell_ok(error);
    });
}

mr_status mr_client_replace_credentials(mr_client* client, const char* username, const char* password,
                                        mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    if (username == nullptr) return c::tell_missing(error, "username");
    if (password == nullptr) return c::tell_missing(error, "password");
    return c::guard(error,
                    [&] { return c::tell(error, client->client->replace_credentials(username, Secret(password))); });
}

mr_status mr_client_drain(mr_client* client, int64_t timeout_us, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] { return c::tell(error, client->client->drain(c::time_of(timeout_us))); });
}

mr_status mr_client_close(mr_client* client, int64_t timeout_us, uint64_t* held, mr_error* error) {
    if (held != nullptr) *held = 0;
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        const Result<uint64_t> closed = client->client->close(c::time_of(timeout_us));
        if (!closed) return c::tell(error, closed.error());
        client->events.end();
        if (held != nullptr) *held = *closed;
        return c::tell_ok(error);
    });
}

mr_status mr_client_poll_event(mr_client* client, mr_event* event) {
    if (c::is_gone(client) || event == nullptr) return MR_BAD_ARGUMENT;
    const c::Alone here(client->polled);
    return here.alone() ? c::guard(nullptr, [&] { return poll_event(*client, *event); }) : mr_status{MR_BAD_ARGUMENT};
}

mr_status mr_client_wait_event(mr_client* client, int64_t timeout_us, mr_event* event) {
    if (c::is_gone(client) || event == nullptr || !client->events.wanted()) return MR_BAD_ARGUMENT;
    const c::Alone here(client->polled);
    if (!here.alone()) return MR_BAD_ARGUMENT;
    return c::guard(nullptr, [&]() -> mr_status {
        client->events.wait(c::wait_of(timeout_us));
        return client->events.has_ended() ? mr_status{MR_CLOSED} : poll_event(*client, *event);
    });
}

int mr_client_fd(const mr_client* client) {
    return c::is_gone(client) ? -1 : client->client->fd();
}

int64_t mr_client_timeout_us(const mr_client* client) {
    if (c::is_gone(client)) return -1;
    const std::optional<Duration> wait = client->client->wait_max();
    return wait ? wait->us : -1;
}

mr_status mr_client_process(mr_client* client, mr_error* error) {
    return mr_client_wait(client, 0, error);
}

mr_status mr_client_wait(mr_client* client, int64_t timeout_us, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] { return c::tell(error, client->client->turn(c::wait_of(timeout_us))); });
}

void mr_client_wake(mr_client* client) {
    if (!c::is_gone_in_signal(client)) client->client->wake();
}

void mr_client_stop(mr_client* client) {
    if (!c::is_gone_in_signal(client)) client->client->stop();
}

mr_status mr_client_health(mr_client* client, uint32_t source, int64_t timeout_us, mr_health* health, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    if (health == nullptr || health->size < sizeof(mr_health)) return c::tell_missing(error, "health");
    return c::guard(error, [&] {
        const Result<Health> told = ask_health(client, source, timeout_us);
        if (!told) return c::tell(error, told.error());
        return c::give_health(error, health, *told);
    });
}

mr_status mr_client_health_json(mr_client* client, uint32_t source, int64_t timeout_us, mr_text* text,
                                mr_error* error) {
    if (text == nullptr) return c::tell_missing(error, "text");
    *text = {nullptr, 0};
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        const Result<Health> told = ask_health(client, source, timeout_us);
        return told ? c::tell_text(error, text, to_json(*told)) : c::tell(error, told.error());
    });
}

mr_status mr_client_metrics(mr_client* client, mr_text* text, mr_error* error) {
    if (text == nullptr) return c::tell_missing(error, "text");
    *text = {nullptr, 0};
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] { return c::tell_text(error, text, client->client->metrics()); });
}
}
