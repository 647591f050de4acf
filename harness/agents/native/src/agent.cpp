#include "agent.hpp"

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "events.hpp"

namespace millrace::agent {
namespace {

// How long a wait is where nothing limits it: a bound, not a rhythm.
constexpr Duration turn_max = seconds(3600);
// A server that is silent is bad news soon enough.
constexpr Duration look_timeout = milliseconds(500);

[[noreturn]] void refuse(const Error& error) {
    throw BadRequest{std::string(name(error.code)), error.message, error.retryable};
}

std::string_view code_of(const Status& status) {
    return name(status ? Code::ok : status.error().code);
}

EntryId id_of(const Json& json) {
    const std::optional<EntryId> id = EntryId::parse(text_of(json, "an id"));
    if (!id) bad("no id of an entry: " + json.dump());
    return *id;
}

/// The keys of publishing, by the names and in the notation of the configuration.
PublishConfig options_over(const Config& config, const Json& request) {
    const std::optional<std::string> options = options_of(request);
    if (!options) return config.publish;
    const Result<Config> parsed = parse_json(*options, {}, config);
    if (!parsed) refuse(parsed.error());
    return parsed->publish;
}

}  // namespace

void Agent::handle_request(const std::string& op, const Json& request) {
    const Json re = request.value("re", Json());
    if (op == "start") {
        start(request);
    } else if (op == "ack" || op == "nack" || op == "reject") {
        settle(request);
    } else if (op == "publish") {
        publish(request);
    } else if (op == "dead") {
        ask_dead(request);
    } else if (op == "redrive") {
        redrive(request);
    } else if (op == "pause" || op == "resume") {
        set_paused(request, op == "pause");
    } else if (op == "health") {
        tell_health(re);
    } else if (op == "stats") {
        say({{"event", "stats"}, {"re", re}, {"text", client().metrics()}});
    } else {
        bad("unknown op '" + op + "'");
    }
}

Config Agent::configuration(const Json& request) const {
    Result<Config> config = parse_url(text_of(member(request, "url"), "'url'"));
    if (!config) refuse(config.error());
    const char* const fallback = std::getenv("REDIS_PASSWORD");
    if (fallback != nullptr && config->client.password.empty()) config->client.password = Secret(fallback);
    if (request.contains("config")) {
        config = parse_json(request["config"].dump(), {}, *std::move(config));
        if (!config) refuse(config.error());
    }
    SourceConfig& source = config->source;
    const bool names_streams = request.contains("stream") || request.contains("streams");
    if (names_streams) source.pattern.clear();
    if (request.contains("pattern")) {
        source.pattern = text_of(request["pattern"], "'pattern'");
        source.streams.clear();
    }
    if (request.contains("stream")) source.streams = {text_of(request["stream"], "'stream'")};
    if (request.contains("streams")) {
        source.streams.clear();
        for (const Json& each : request["streams"]) source.streams.push_back(text_of(each, "a stream"));
    }
    source.group = request.contains("group") ? text_of(request["group"], "'group'") : std::string();
    if (request.contains("consumer")) source.consumer = text_of(request["consumer"], "'consumer'");
    if (request.contains("from")) source.from = text_of(request["from"], "'from'");
    return *std::move(config);
}

void Agent::start(const Json& request) {
    if (client_) bad("start: there is a source already");
    const Config config = configuration(request);
    Result<Client> client = Client::create(config, {.on_event = [this](const Event& event) { on_event(event); }});
    if (!client) refuse(client.error());
    const Result<SourceId> source = client->open();
    if (!source) refuse(source.error());
    keep_ = !config.source.group.empty();
    source_ = *source;
    if (config.source.streams.size() == 1) only_stream_ = config.source.streams.front();
    config_.publish = config.publish;
    start_re_ = request.value("re", Json());
    client_ = std::move(client).value();
}

Client& Agent::client() {
    if (!client_) bad("nothing is started");
    return *client_;
}

/// With the figures as the server tells them now, unless it tells nothing.
void Agent::tell_health(const Json& re) {
    Client& running = client();
    const Result<Health> health = running.health(source_.value(), look_timeout);
    if (!health) refuse(health.error());
    Json answer = Json::parse(to_json(*health));
    answer["event"] = "health";
    answer["re"] = re;
    say(answer);
}

void Agent::settle(const Json& request) {
    (void)client();
    const std::vector<EntryKey> keys = keys_of(request);
    const Json re = request.value("re", Json());
    if (!keep_) {
        SettleRequest done(re, keys);
        for (SettleRequest::Item& each : done.items) each.code = name(Code::ok);
        return say(done.answer());
    }
    using Which = std::span<const uint32_t>;
    const std::string op = request["op"];
    std::shared_ptr<SettleRequest> settled;
    if (op == "ack") {
        settled = held_.ack(re, keys, [](Batch& batch, Which which) { return code_of(batch.ack(which)); });
    } else if (op == "reject") {
        const std::string error = text_of(member(request, "error"), "'error'");
        settled =
            held_.settle(re, keys, [&](Batch& batch, Which which) { return code_of(batch.reject(which, error)); });
    } else if (request.contains("release") && request["release"] == true) {
        settled = held_.settle(re, keys, [](Batch& batch, Which which) { return code_of(batch.give_back(which)); });
    } else {
        const auto wait = milliseconds_of(request, "delay_ms");
        const std::optional<Duration> delay = wait ? std::optional(milliseconds(wait->count())) : std::nullopt;
        settled = held_.settle(re, keys, [&](Batch& batch, Which which) { return code_of(batch.nack(which, delay)); });
    }
    if (settled->open == 0) say(settled->answer());
}

void Agent::publish(const Json& request) {
    Client& to = client();
    const Json re = request.value("re", Json());
    const std::string stream = text_of(member(request, "stream"), "'stream'");
    const std::vector<FieldTexts> texts = entries_of(request);
    std::vector<std::vector<Field>> fields;
    std::vector<PublishEntry> views;
    for (const FieldTexts& entry : texts) {
        fields.emplace_back();
        for (const auto& [key, value] : entry) fields.back().push_back({key, value});
    }
    for (const auto& entry : fields) views.push_back({entry});
    const Status status = to.publish_async({stream, views, options_over(config_, request)},
                                           [this, re](std::span<const PublishResult> results) {
                                               Json list = Json::array();
                                               for (const PublishResult& each : results)
                                                   list.push_back(result_to_json(each));
                                               say({{"event", "published"}, {"re", re}, {"results", std::move(list)}});
                                           });
    if (!status) refuse(status.error());
}

std::string Agent::stream_of(const Json& request) {
    (void)client();
    return request.contains("stream") ? text_of(request["stream"], "'stream'") : only_stream_;
}

/// `stream` says whose dead letters, where the source has several; `after` and `count` make pages.
void Agent::ask_dead(const Json& request) {
    DeadQuery query;
    query.stream = stream_of(request);
    if (request.contains("after")) query.after = id_of(request["after"]);
    query.count = count_of(request);
    const Result<Ticket> ticket = client().dead(query);
    if (!ticket) refuse(ticket.error());
    asked_.emplace(*ticket, request.value("re", Json()));
}

void Agent::redrive(const Json& request) {
    std::vector<EntryId> ids;
    for (const Json& id : member(request, "ids")) ids.push_back(id_of(id));
    const Result<Ticket> ticket = client().redrive(stream_of(request), ids);
    if (!ticket) refuse(ticket.error());
    asked_.emplace(*ticket, request.value("re", Json()));
}

void Agent::set_paused(const Json& request, bool paused) {
    Client& of = client();
    const Status status = paused ? of.pause(*source_) : of.resume(*source_);
    if (!status) refuse(status.error());
    say({{"event", paused ? "paused" : "resumed"}, {"re", request.value("re", Json())}});
}

void Agent::on_event(const Event& event) {
    if (const auto* ready = std::get_if<Ready>(&event)) {
        ready_ = true;
        keep_ = ready->delivery == Delivery::streams;
        return say(ready_to_json(*ready, start_re_));
    }
    if (const auto* acked = std::get_if<Acked>(&event)) {
        for (const auto& request : held_.on_acked(static_cast<uint64_t>(acked->batch), acked->indices)) {
            say(request->answer());
        }
        return;
    }
    if (const auto* closed = std::get_if<Closed>(&event); closed != nullptr && !closed->source) {
        return say_drained(drain_re_, closed->held);
    }
    std::optional<Json> json = event_to_json(event);
    if (!json) return;
    const auto* const listed = std::get_if<DeadListed>(&event);
    const auto* const redriven = std::get_if<Redriven>(&event);
    if (listed != nullptr || redriven != nullptr) {
        const auto asked = asked_.extract(listed != nullptr ? listed->ticket : redriven->ticket);
        if (!asked.empty() && !asked.mapped().is_null()) (*json)["re"] = asked.mapped();
        return say(*json);
    }
    const auto* failure = std::get_if<Failure>(&event);
    // What ends the source before it was ready is the answer to start.
    if (failure != nullptr && failure->closed && !ready_) (*json)["re"] = start_re_;
    say(*json);
}

void Agent::hand_over() {
    while (!ended_ && !out().full()) {
        Result<std::optional<Batch>> next = client_->next(Duration{});
        if (!next) {
            ended_ = true;  // why was told by an event
            return;
        }
        if (!*next) return;
        Batch& batch = **next;
        std::vector<EntryKey> keys;
        for (const Entry entry : batch) keys.emplace_back(entry.stream(), entry.id().text());
        say(batch_to_json(batch));
        if (keep_) {
            batch.release();
            const auto number = static_cast<uint64_t>(batch.id());
            held_.add(number, std::move(batch), std::move(keys));
        } else {
            (void)batch.ack();
        }
    }
}

void Agent::turn(std::span<pollfd> fds) {
    if (client_) {
        hand_over();
        if (client_->turn(out().broken() ? Duration{} : turn_max, fds)) return;
    }
    ::poll(fds.data(), static_cast<nfds_t>(fds.size()), -1);
}

void Agent::drain(const Json& re, std::chrono::milliseconds timeout) {
    if (finished()) return;
    if (!re.is_null()) drain_re_ = re;
    if (!client_) return say_drained(drain_re_, 0);
    const Status status = client_->drain(milliseconds(timeout.count()));
    if (!status) refuse(status.error());
}

void Agent::end(std::chrono::milliseconds timeout) {
    if (finished()) return;
    const Result<uint64_t> closed = client_ ? client_->close(milliseconds(timeout.count())) : Result<uint64_t>(0);
    say_drained(drain_re_, closed ? *closed : 0);  // the end was told by its event, if it came
}

}  // namespace millrace::agent
