#include "agent.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "events.hpp"

namespace millrace::agent {
namespace {

// How long a wait is where nothing limits it: a bound, not a rhythm.
constexpr Duration turn_max = seconds(3600);
constexpr Duration drain_default = seconds(5);
// A server that is silent is bad news soon enough.
constexpr Duration look_timeout = milliseconds(500);

[[noreturn]] void bad(std::string message);

struct BadRequest {
    Error error;
};

void bad(std::string message) {
    throw BadRequest{Error(Code::bad_argument, std::move(message))};
}

const Json& member(const Json& request, const char* key) {
    if (!request.contains(key)) bad(std::string(request["op"]) + ": '" + key + "' is missing");
    return request[key];
}

std::string text_of(const Json& json, const char* what) {
    std::optional<std::string> text = value_from_json(json);
    if (!text) bad(std::string(what) + " must be text or {\"b64\":…}, not " + json.dump());
    return *std::move(text);
}

EntryId id_of(const Json& json) {
    const std::optional<EntryId> id = EntryId::parse(text_of(json, "an id"));
    if (!id) bad("no id of an entry: " + json.dump());
    return *id;
}

std::vector<EntryKey> keys_of(const Json& request) {
    const Json& entries = member(request, "entries");
    std::vector<EntryKey> keys;
    if (!entries.is_array()) bad("'entries' must be [[stream, id], …]");
    for (const Json& each : entries) {
        if (!each.is_array() || each.size() != 2) bad("'entries' must be [[stream, id], …]");
        keys.emplace_back(text_of(each[0], "a stream"), text_of(each[1], "an id"));
    }
    return keys;
}

std::optional<Duration> milliseconds_of(const Json& request, const char* key) {
    if (!request.contains(key) || request[key].is_null()) return std::nullopt;
    const Json& value = request[key];
    constexpr int64_t ms_max = std::numeric_limits<int64_t>::max() / 1000;
    if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > ms_max) {
        bad(std::string("'") + key + "' must be whole milliseconds, not " + value.dump());
    }
    return milliseconds(value.get<int64_t>());
}

/// The keys of publishing, by the names and in the notation of the configuration.
PublishConfig options_of(const Json& request, const Config& config) {
    if (!request.contains("options")) return config.publish;
    const Json& options = request["options"];
    if (!options.is_object()) bad("'options' must be an object");
    static constexpr std::string_view keys[] = {"atomic",       "max_len",    "max_len_exact",     "max_age",
                                                "keep_pending", "idempotent", "idempotent_window", "idempotent_count",
                                                "on_oom"};
    for (const auto& [key, value] : options.items()) {
        if (std::find(std::begin(keys), std::end(keys), key) == std::end(keys)) {
            throw BadRequest{Error(Code::unsupported, "publish: option '" + key + "': " + value.dump())};
        }
    }
    const Result<Config> parsed = parse_json(options.dump(), {}, config);
    if (!parsed) throw BadRequest{parsed.error()};
    return parsed->publish;
}

}  // namespace

void Agent::say(const Json& event) {
    out_.add(event.dump(-1, ' ', false, Json::error_handler_t::replace));
    out_.flush();
}

void Agent::refuse(const Json& re, const Error& error) {
    Json event = error_event(error);
    if (!re.is_null()) event["re"] = re;
    say(event);
}

void Agent::handle_line_too_long() {
    refuse(nullptr,
           Error(Code::too_large, "a line of more than " + std::to_string(LineReader::line_bytes_max) + " bytes"));
}

void Agent::handle_line(std::string_view line) {
    const Json request = Json::parse(line, nullptr, false);
    Json re;
    try {
        if (!request.is_object()) bad("a request is one JSON object a line, not: " + std::string(line.substr(0, 120)));
        if (request.contains("re")) re = request["re"];
        if (!request.contains("op") || !request["op"].is_string()) bad("a request names its 'op'");
        handle_request(request);
    } catch (const BadRequest& refusal) {
        refuse(re, refusal.error);
    } catch (const Json::exception& wrong) {
        refuse(re, Error(Code::bad_argument, wrong.what()));
    }
}

void Agent::handle_request(const Json& request) {
    const std::string op = request["op"];
    const Json re = request.value("re", Json());
    if (op == "hello") {
        say({{"event", "hello"},
             {"re", re},
             {"protocol", 1},
             {"name", "millrace-agent"},
             {"version", MILLRACE_VERSION},
             {"capabilities",
              {"streams", "pubsub", "tail", "publish", "claim", "nack", "dlq", "redrive", "dedupe", "drain", "pause",
               "many", "pattern", "config", "tls", "health", "stats", "concurrent"}}});
    } else if (op == "start") {
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
    } else if (op == "drain") {
        drain(re, milliseconds_of(request, "timeout_ms").value_or(drain_default));
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
    if (!config) throw BadRequest{config.error()};
    const char* const fallback = std::getenv("REDIS_PASSWORD");
    if (fallback != nullptr && config->client.password.empty()) config->client.password = Secret(fallback);
    if (request.contains("config")) {
        config = parse_json(request["config"].dump(), {}, *std::move(config));
        if (!config) throw BadRequest{config.error()};
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
    if (!client) throw BadRequest{client.error()};
    const Result<SourceId> source = client->open();
    if (!source) throw BadRequest{source.error()};
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
    if (!health) throw BadRequest{health.error()};
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
        SettleRequest done{re, {}, 0};
        for (const EntryKey& key : keys) done.items.push_back({key, std::string(name(Code::ok))});
        return say(done.answer());
    }
    const std::string op = request["op"];
    const bool to_others = request.contains("release") && request["release"] == true;
    const auto settled = op == "ack"                 ? held_.ack(re, keys)
                         : op == "nack" && to_others ? held_.give_back(re, keys)
                         : op == "nack"              ? held_.nack(re, keys, milliseconds_of(request, "delay_ms"))
                                        : held_.reject(re, keys, text_of(member(request, "error"), "'error'"));
    if (settled->open == 0) say(settled->answer());
}

void Agent::publish(const Json& request) {
    Client& to = client();
    const Json re = request.value("re", Json());
    const std::string stream = text_of(member(request, "stream"), "'stream'");
    const Json& entries = member(request, "entries");
    if (!entries.is_array()) bad("'entries' must be [[[name, value], …], …]");
    std::vector<std::vector<std::pair<std::string, std::string>>> texts;
    for (const Json& entry : entries) {
        texts.emplace_back();
        if (!entry.is_array()) bad("an entry must be [[name, value], …]");
        for (const Json& field : entry) {
            if (!field.is_array() || field.size() != 2) bad("a field must be [name, value]");
            texts.back().emplace_back(text_of(field[0], "a name"), text_of(field[1], "a value"));
        }
    }
    std::vector<std::vector<Field>> fields;
    std::vector<PublishEntry> views;
    for (const auto& entry : texts) {
        fields.emplace_back();
        for (const auto& [key, value] : entry) fields.back().push_back({key, value});
    }
    for (const auto& entry : fields) views.push_back({entry});
    const Status status = to.publish_async({stream, views, options_of(request, config_)},
                                           [this, re](std::span<const PublishResult> results) {
                                               Json list = Json::array();
                                               for (const PublishResult& each : results)
                                                   list.push_back(result_to_json(each));
                                               say({{"event", "published"}, {"re", re}, {"results", std::move(list)}});
                                           });
    if (!status) throw BadRequest{status.error()};
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
    query.count = 1000;
    if (request.contains("count")) {  // value() of an unsigned number: GCC 12 sees a null pointer in it at -O3
        const Json& count = request["count"];
        if (!count.is_number_unsigned()) bad("'count' must be a number, not " + count.dump());
        query.count = static_cast<uint32_t>(std::min<uint64_t>(count.get<uint64_t>(), 1'000'000));
    }
    const Result<Ticket> ticket = client().dead(query);
    if (!ticket) throw BadRequest{ticket.error()};
    asked_.emplace(*ticket, request.value("re", Json()));
}

void Agent::redrive(const Json& request) {
    std::vector<EntryId> ids;
    for (const Json& id : member(request, "ids")) ids.push_back(id_of(id));
    const Result<Ticket> ticket = client().redrive(stream_of(request), ids);
    if (!ticket) throw BadRequest{ticket.error()};
    asked_.emplace(*ticket, request.value("re", Json()));
}

void Agent::set_paused(const Json& request, bool paused) {
    Client& of = client();
    const Status status = paused ? of.pause(*source_) : of.resume(*source_);
    if (!status) throw BadRequest{status.error()};
    say({{"event", paused ? "paused" : "resumed"}, {"re", request.value("re", Json())}});
}

void Agent::on_event(const Event& event) {
    if (const auto* ready = std::get_if<Ready>(&event)) {
        ready_ = true;
        keep_ = ready->delivery == Delivery::streams;
        return say(ready_to_json(*ready, start_re_));
    }
    if (const auto* acked = std::get_if<Acked>(&event)) {
        for (const auto& request : held_.on_acked(*acked)) say(request->answer());
        return;
    }
    if (const auto* closed = std::get_if<Closed>(&event); closed != nullptr && !closed->source) {
        return say_drained(closed->held);
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
    while (!ended_ && !out_.full()) {
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
            held_.add(std::move(batch), std::move(keys));
        } else {
            (void)batch.ack();
        }
    }
}

void Agent::turn(std::span<pollfd> fds) {
    if (client_) {
        hand_over();
        if (client_->turn(out_.broken() ? Duration{} : turn_max, fds)) return;
    }
    ::poll(fds.data(), static_cast<nfds_t>(fds.size()), -1);
}

void Agent::drain(const Json& re, Duration timeout) {
    if (finished_) return;
    if (!re.is_null()) drain_re_ = re;
    if (!client_) return say_drained(0);
    const Status status = client_->drain(timeout);
    if (!status) throw BadRequest{status.error()};
}

void Agent::end(Duration timeout) {
    if (finished_) return;
    const Result<uint64_t> closed = client_ ? client_->close(timeout) : Result<uint64_t>(0);
    say_drained(closed ? *closed : 0);  // the end was told by its event, if it came
}

void Agent::say_drained(uint64_t held) {
    if (std::exchange(finished_, true)) return;
    Json drained = {{"event", "drained"}, {"held", held}};
    if (!drain_re_.is_null()) drained["re"] = drain_re_;
    say(drained);
}

}  // namespace millrace::agent
