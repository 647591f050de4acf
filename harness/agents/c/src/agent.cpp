#include "agent.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "events.hpp"

namespace millrace::agent {
namespace {

// A server that is silent is bad news soon enough.
constexpr int64_t look_timeout_us = 500'000;
// Polled after every turn, which makes fewer than this.
constexpr uint32_t event_max = 10'000;

int64_t us_of(std::chrono::milliseconds time) {
    return time.count() * 1000;
}

void set(mr_config* config, const char* key, const std::string& text) {
    if (text.find('\0') != std::string::npos) bad(std::string(key) + ": zeroes can't be in it");
    Call call;
    call.check(mr_config_set(config, key, text.c_str(), call.error()));
}

void set_list(mr_config* config, const char* key, const std::vector<std::string>& texts) {
    std::vector<mr_str> values;
    for (const std::string& each : texts) values.push_back(bytes_of(each));
    Call call;
    call.check(mr_config_set_list(config, key, values.data(), values.size(), call.error()));
}

void lay(mr_config* config, const std::string& json) {
    Call call;
    call.check(mr_config_json(config, json.data(), json.size(), call.error()));
}

std::vector<std::string> streams_of(const Json& request) {
    std::vector<std::string> streams;
    if (request.contains("stream")) streams.push_back(text_of(request["stream"], "'stream'"));
    if (request.contains("streams")) {
        streams.clear();
        for (const Json& each : request["streams"]) streams.push_back(text_of(each, "a stream"));
    }
    return streams;
}

OwnedConfig configuration(const Json& request) {
    Call call;
    mr_config* made = nullptr;
    call.check(mr_config_new(text_of(member(request, "url"), "'url'").c_str(), &made, call.error()));
    OwnedConfig config(made);
    const std::vector<std::string> streams = streams_of(request);
    if (request.contains("config")) {
        Json given = request["config"];
        if (!streams.empty() || request.contains("pattern")) {  // the request's own names alone
            given.erase("streams");
            given.erase("pattern");
        }
        lay(made, given.dump());
    }
    if (!streams.empty()) set_list(made, "streams", streams);
    if (request.contains("pattern")) set(made, "pattern", text_of(request["pattern"], "'pattern'"));
    set(made, "group", request.contains("group") ? text_of(request["group"], "'group'") : "");
    for (const char* const key : {"consumer", "from"}) {
        if (request.contains(key)) set(made, key, text_of(request[key], key));
    }
    return config;
}

mr_id id_of(const Json& json) {
    Call call;
    mr_id id{};
    call.check(mr_id_parse(text_of(json, "an id").c_str(), &id, call.error()));
    return id;
}

}  // namespace

void Agent::handle_request(const std::string& op, const Json& request) {
    const Json re = request.value("re", Json());
    if (op == "start") {
        start(request);
    } else if (op == "ack" || op == "nack" || op == "reject") {
        settle(op, request);
    } else if (op == "publish") {
        publish(request);
    } else if (op == "dead") {
        ask_dead(request);
    } else if (op == "redrive") {
        redrive(request);
    } else if (op == "pause" || op == "resume") {
        set_paused(op, request);
    } else if (op == "health") {
        tell_health(re);
    } else if (op == "stats") {
        tell_metrics(re);
    } else {
        bad("unknown op '" + op + "'");
    }
}

void Agent::start(const Json& request) {
    if (client_) bad("start: there is a source already");
    OwnedConfig config = configuration(request);
    mr_client_options options = MR_CLIENT_OPTIONS_INIT;
    options.event_max = event_max;
    Call call;
    mr_client* made = nullptr;
    call.check(mr_client_new(config.get(), &options, &made, call.error()));
    OwnedClient client(made);
    call.check(mr_client_open(made, nullptr, &source_, call.error()));
    keep_ = request.contains("group") && request["group"] != "";
    const std::vector<std::string> streams = streams_of(request);
    if (streams.size() == 1) only_stream_ = streams.front();
    start_re_ = request.value("re", Json());
    config_ = std::move(config);
    client_ = std::move(client);
}

mr_client* Agent::client() const {
    if (!client_) bad("nothing is started");
    return client_.get();
}

std::string Agent::stream_of(const Json& request) const {
    (void)client();
    return request.contains("stream") ? text_of(request["stream"], "'stream'") : only_stream_;
}

void Agent::settle(const std::string& op, const Json& request) {
    (void)client();
    const std::vector<EntryKey> keys = keys_of(request);
    const Json re = request.value("re", Json());
    if (!keep_) {
        SettleRequest done(re, keys);
        for (SettleRequest::Item& each : done.items) each.code = "ok";
        return say(done.answer());
    }
    using Which = std::span<const uint32_t>;
    std::shared_ptr<SettleRequest> settled;
    if (op == "ack") {
        settled = held_.ack(re, keys, [](const OwnedBatch& batch, Which which) -> std::string_view {
            return mr_status_name(mr_batch_ack(batch.get(), which.data(), which.size(), nullptr));
        });
    } else if (op == "reject") {
        const std::string error = text_of(member(request, "error"), "'error'");
        settled = held_.settle(re, keys, [&](const OwnedBatch& batch, Which which) -> std::string_view {
            return mr_status_name(mr_batch_reject(batch.get(), which.data(), which.size(), error.c_str(), nullptr));
        });
    } else if (request.contains("release") && request["release"] == true) {
        settled = held_.settle(re, keys, [](const OwnedBatch& batch, Which which) -> std::string_view {
            return mr_status_name(mr_batch_give_back(batch.get(), which.data(), which.size(), nullptr));
        });
    } else {
        const auto delay = milliseconds_of(request, "delay_ms");
        const int64_t delay_us = delay ? us_of(*delay) : -1;
        settled = held_.settle(re, keys, [&](const OwnedBatch& batch, Which which) -> std::string_view {
            return mr_status_name(mr_batch_nack(batch.get(), which.data(), which.size(), delay_us, nullptr));
        });
    }
    if (settled->open == 0) say(settled->answer());
}

void Agent::publish(const Json& request) {
    mr_client* const to = client();
    const std::string stream = text_of(member(request, "stream"), "'stream'");
    const std::vector<FieldTexts> texts = entries_of(request);
    std::vector<std::vector<mr_field>> fields;
    std::vector<mr_publish_entry> entries;
    for (const FieldTexts& entry : texts) {
        fields.emplace_back();
        for (const auto& [name, value] : entry) fields.back().push_back({bytes_of(name), bytes_of(value)});
    }
    for (const auto& entry : fields) entries.push_back({entry.data(), entry.size()});
    mr_publish publish = MR_PUBLISH_INIT;
    publish.stream = bytes_of(stream);
    publish.entries = entries.data();
    publish.entry_count = entries.size();
    Call call;
    OwnedConfig config;
    if (const std::optional<std::string> options = options_of(request)) {
        mr_config* copy = nullptr;
        call.check(mr_config_copy(config_.get(), &copy, call.error()));
        config.reset(copy);
        lay(copy, *options);
        publish.config = copy;
    }
    uint64_t ticket = 0;
    call.check(mr_client_publish_async(to, &publish, &ticket, call.error()));
    asked_.emplace(ticket, request.value("re", Json()));
}

/// `stream` says whose dead letters, where the source has several; `after` and `count` make pages.
void Agent::ask_dead(const Json& request) {
    const std::string stream = stream_of(request);
    const mr_id after = request.contains("after") ? id_of(request["after"]) : mr_id{0, 0};
    uint64_t ticket = 0;
    Call call;
    call.check(mr_client_dead(client(), bytes_of(stream), after, count_of(request), &ticket, call.error()));
    asked_.emplace(ticket, request.value("re", Json()));
}

void Agent::redrive(const Json& request) {
    std::vector<mr_id> ids;
    for (const Json& id : member(request, "ids")) ids.push_back(id_of(id));
    const std::string stream = stream_of(request);
    uint64_t ticket = 0;
    Call call;
    call.check(mr_client_redrive(client(), bytes_of(stream), ids.data(), ids.size(), &ticket, call.error()));
    asked_.emplace(ticket, request.value("re", Json()));
}

void Agent::set_paused(const std::string& op, const Json& request) {
    mr_client* const of = client();
    Call call;
    call.check(op == "pause" ? mr_client_pause(of, source_, call.error())
                             : mr_client_resume(of, source_, call.error()));
    say({{"event", op == "pause" ? "paused" : "resumed"}, {"re", request.value("re", Json())}});
}

/// With the figures as the server tells them now, unless it tells nothing.
void Agent::tell_health(const Json& re) {
    Call call;
    mr_text text{};
    call.check(mr_client_health_json(client(), source_, look_timeout_us, &text, call.error()));
    Json answer = Json::parse(text.data, text.data + text.size);
    mr_text_free(&text);
    answer["event"] = "health";
    answer["re"] = re;
    say(answer);
}

void Agent::tell_metrics(const Json& re) {
    Call call;
    mr_text text{};
    call.check(mr_client_metrics(client(), &text, call.error()));
    say({{"event", "stats"}, {"re", re}, {"text", std::string(text.data, text.size)}});
    mr_text_free(&text);
}

}  // namespace millrace::agent
