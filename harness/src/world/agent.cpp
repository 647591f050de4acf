#include "world/agent.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "world/world.hpp"

namespace millrace::harness {

namespace {

constexpr size_t events_max = 1'000'000;

// A key of the configuration; some cases set values that are none.
int64_t number_or(const Json& config, const char* key, int64_t otherwise) {
    const bool good = config.contains(key) && config[key].is_number_integer() && config[key].get<int64_t>() > 0;
    return good ? config[key].get<int64_t>() : otherwise;
}

// The keys of a start: its config, or what stands for us in a whole configuration file (CFG-1).
const Json& keys_of(const Json& config) {
    static const Json::json_pointer ours("/synchronization/pubsub/redis");
    return config.contains(ours) ? config[ours] : config;
}

std::optional<Duration> flush_interval_of(const Start& start) {
    const Json& config = keys_of(start.config);
    if (!config.contains("flush_interval")) return start.group.empty() ? Duration(0) : Duration(5s);
    const Json& value = config["flush_interval"];
    if (value.is_number_unsigned()) return Duration(std::chrono::milliseconds(value.get<int64_t>()));
    return value.is_string() ? parse_duration(value.get<std::string>()) : std::nullopt;
}

}  // namespace

Agent::Agent(World& world, size_t index, std::string label) : world_(world), index_(index), label_(std::move(label)) {}

AgentLife& Agent::life() {
    return world_.history_.agents[index_];
}

bool Agent::alive() const {
    return port_ && !port_->exit() && !killed_;
}

// --- what it is told

int64_t Agent::send(Json request) {
    request["re"] = ++last_request_;
    port_->send(request.dump());
    return last_request_;
}

void Agent::start(const Start& start) {
    Json request{{"op", "start"}, {"url", start.url}, {"config", start.config}};
    if (!start.pattern.empty()) {
        request["pattern"] = start.pattern;
    } else if (start.streams.size() == 1) {
        request["stream"] = start.streams.front();
    } else {
        request["streams"] = start.streams;
    }
    if (!start.group.empty()) request["group"] = start.group;
    if (!start.group.empty() && !start.consumer.empty()) request["consumer"] = start.consumer;
    if (!start.from.empty()) request["from"] = start.from;
    stream_ = start.streams.empty() ? "" : start.streams.front();
    consumer_ = start.consumer;
    life().group = start.group;
    life().streams = start.streams;
    life().consumer = start.consumer;
    const Json& keys = keys_of(start.config);
    life().batch_size = number_or(keys, "batch_size", 10);
    life().flush_interval = flush_interval_of(start);
    life().prefetch = number_or(keys, "prefetch", 4 * life().batch_size);
    life().dedupes = keys.contains("dedupe") && keys["dedupe"] != "off";
    if (world_.agent_can("dlq")) life().deliveries_max = number_or(keys, "max_deliveries", 16);
    if (!start.group.empty()) {
        for (const auto& stream : start.streams) world_.watched_.emplace(stream, start.group);
    }
    send(std::move(request));
}

int64_t Agent::settle(Settlement::Kind kind, const std::vector<EntryKey>& entries, Json request) {
    Json list = Json::array();
    std::vector<size_t> rows;
    for (const auto& key : entries) {
        list.push_back(Json::array({key.stream, key.id}));
        rows.push_back(world_.history_.settlements.size());
        world_.history_.settlements.push_back({kind, index_, key, world_.now(), std::nullopt, ""});
        unacked_.erase(key);
    }
    request["entries"] = std::move(list);
    const int64_t number = send(std::move(request));
    asked_[number] = std::move(rows);
    return number;
}

int64_t Agent::ack(const std::vector<EntryKey>& entries) {
    return settle(Settlement::Kind::Ack, entries, Json{{"op", "ack"}});
}

int64_t Agent::nack(const std::vector<EntryKey>& entries, Duration delay) {
    const int64_t delay_ms = std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
    return settle(Settlement::Kind::Nack, entries, Json{{"op", "nack"}, {"delay_ms", delay_ms}});
}

int64_t Agent::release(const std::vector<EntryKey>& entries) {
    return settle(Settlement::Kind::Nack, entries, Json{{"op", "nack"}, {"release", true}});
}

int64_t Agent::reject(const std::vector<EntryKey>& entries, const std::string& error) {
    return settle(Settlement::Kind::Reject, entries, Json{{"op", "reject"}, {"error", error}});
}

int64_t Agent::publish(const std::string& stream, const std::vector<Fields>& entries, Json options) {
    Json list = Json::array();
    for (const auto& fields : entries) list.push_back(fields_to_json(fields));
    return send(
        Json{{"op", "publish"}, {"stream", stream}, {"entries", std::move(list)}, {"options", std::move(options)}});
}

void Agent::close_input() {
    port_->close_input();
}

void Agent::kill() {
    killed_ = true;  // first: what it printed before it died is still recorded, and not acked
    port_->kill();
    life().ended = world_.now();
    world_.history_.faults.push_back({Fault::Kind::Kill, world_.now(), index_, "SIGKILL " + label_, {}});
}

void Agent::freeze() {
    world_.history_.faults.push_back({Fault::Kind::Frozen, world_.now(), index_, "SIGSTOP " + label_, {}});
    port_->freeze();
}

void Agent::thaw() {
    port_->thaw();
    world_.history_.faults.push_back({Fault::Kind::Frozen, world_.now(), index_, "SIGCONT " + label_, {}});
}

// --- what it says

void Agent::on_line(std::string_view line) {
    // A line that SIGKILL has cut short is nobody's fault.
    if (killed_ && !Json::accept(line)) return;
    Json event = parse_event(line);
    const std::string kind = event["event"].get<std::string>();
    if (skims_ && (kind == "batch" || kind == "acked")) return on_skimmed(event);
    if (kind == "batch") on_batch(event);
    if (kind == "acked") on_acked(event);
    if (kind == "ready") {
        life().ready = world_.now();
        // The name that it took may be another than the one it was given, and may change (REC-4).
        const Json name = event.value("consumer", Json());
        if (name.is_string() && name != "") consumer_ = life().consumer = name.get<std::string>();
        life().mode = event.contains("mode") && event["mode"].is_string() ? event["mode"].get<std::string>() : "";
    }
    if (kind == "lost") on_told(event, world_.history_.lost);
    if (kind == "duplicate") on_told(event, world_.history_.duplicates);
    if (kind == "too_large" && event.value("id", Json()).is_string()) {
        const Json stream = event.value("stream", Json());
        world_.history_.too_large.insert({stream.is_string() ? stream.get<std::string>() : stream_, event["id"]});
    }
    if (kind == "drained") life().drained = world_.now();
    if (events_.size() >= events_max) throw ProtocolError("the agent said more than a million things in one case");
    events_.push_back(std::move(event));
}

void Agent::on_skimmed(const Json& event) {
    if (event["event"] != "batch" || !event.contains("entries") || !event["entries"].is_array()) return;
    Json list = Json::array();
    for (const DeliveredEntry& entry : parse_entries(event, stream_)) {
        list.push_back(Json::array({entry.key.stream, entry.key.id}));
    }
    delivered_ += list.size();
    send(Json{{"op", "ack"}, {"entries", std::move(list)}});
}

void Agent::on_batch(const Json& event) {
    Batch batch;
    batch.agent = index_;
    batch.reason = event.contains("reason") && event["reason"].is_string() ? event["reason"].get<std::string>() : "";
    batch.entries = parse_entries(event, stream_);
    batch.received = world_.now();
    batch.handed_over = batch.received;
    if (!batch.entries.empty()) {
        const Json& first = event["entries"].front();
        if (first.contains("t_ms") && first["t_ms"].is_number_integer()) {
            const int64_t ago = world_.driver_.unix_ms(batch.received) - first["t_ms"].get<int64_t>();
            // An agent's clock that is far off tells nothing.
            if (ago > 0 && ago < 2000) batch.handed_over -= std::chrono::milliseconds(ago);
        }
    }
    delivered_ += batch.entries.size();
    const std::vector<EntryKey> keys = keys_of(batch);
    for (const auto& key : keys) unacked_.insert(key);
    world_.history_.batches.push_back(std::move(batch));
    batches_.push_back(&world_.history_.batches.back());
    const bool has_ids = !keys.empty() && !keys.front().id.empty();
    const bool acks_itself = world_.agent_can("auto_ack");
    if (!hold_ && !killed_ && !acks_itself && has_ids && !life().group.empty()) ack(keys);
}

void Agent::on_acked(const Json& event) {
    auto& settlements = world_.history_.settlements;
    std::vector<size_t> rows;
    if (event.contains("re") && event["re"].is_number_integer()) {
        const auto found = asked_.find(event["re"].get<int64_t>());
        if (found != asked_.end()) rows = found->second;
    }
    for (const auto& result : parse_acked(event)) {
        const auto row = std::find_if(rows.begin(), rows.end(), [&](size_t r) {
            return settlements[r].key == result.key && !settlements[r].answered;
        });
        if (row != rows.end()) {
            settlements[*row].answered = world_.now();
            settlements[*row].code = result.code;
        } else if (rows.empty()) {  // auto_ack
            settlements.push_back({Settlement::Kind::Ack, index_, result.key, world_.now(), world_.now(), result.code});
            unacked_.erase(result.key);
        }
    }
}

// {"entries":[[stream,id],…]}, or one entry as {"stream":…,"id":…}.
void Agent::on_told(const Json& event, std::vector<Notice>& list) {
    const auto add = [&](const Json& stream, const Json& id) {
        const EntryKey key{stream.is_string() ? stream.get<std::string>() : stream_,
                           id.is_string() ? id.get<std::string>() : ""};
        list.push_back({world_.now(), index_, key});
        unacked_.erase(key);
    };
    if (event.contains("id")) return add(event.value("stream", Json()), event["id"]);
    if (!event.contains("entries") || !event["entries"].is_array()) return;
    for (const Json& entry : event["entries"]) {
        if (entry.is_array() && entry.size() >= 2) add(entry[0], entry[1]);
    }
}

std::vector<EntryKey> Agent::unacked() const {
    return {unacked_.begin(), unacked_.end()};
}

std::string Agent::last_error() const {
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
        if ((*event)["event"] == "error") return excerpt(event->dump(), 300);
    }
    if (port_ && port_->exit()) return "it ended: " + describe(*port_->exit());
    return "it said nothing of an error";
}

// --- waiting for it

Task<const Json*> Agent::next(std::string_view kind, Duration within) {
    const Instant deadline = world_.now() + within;
    for (;;) {
        size_t& cursor = cursors_[std::string(kind)];
        while (cursor < events_.size()) {
            const Json& event = events_[cursor++];
            if (event["event"] == kind) co_return &event;
        }
        if (!alive() || world_.now() >= deadline) co_return nullptr;
        co_await world_.news_or(deadline);
    }
}

Task<const Json*> Agent::answer(int64_t request, Duration within) {
    const Instant deadline = world_.now() + within;
    for (size_t looked = 0;;) {
        for (; looked < events_.size(); ++looked) {
            const Json& event = events_[looked];
            if (event.contains("re") && event["re"] == request) co_return &event;
        }
        if (!alive() || world_.now() >= deadline) co_return nullptr;
        co_await world_.news_or(deadline);
    }
}

Task<bool> Agent::delivered(size_t count, Duration within) {
    const Instant deadline = world_.now() + within;
    while (delivered_ < count && alive() && world_.now() < deadline) co_await world_.news_or(deadline);
    co_return delivered_ >= count;
}

Task<bool> Agent::gone(Duration within) {
    const Instant deadline = world_.now() + within;
    while (alive() && world_.now() < deadline) co_await world_.news_or(deadline);
    if (!alive() && !life().ended) life().ended = world_.now();
    co_return !alive();
}

Task<> Agent::hello() {
    const int64_t request = send(Json{{"op", "hello"}});
    const Duration within = world_.setup().start_limit;
    const Json* said = co_await answer(request, within);
    world_.require(said != nullptr, "agent protocol 1", "no hello within " + format_ms(within) + ": " + last_error());
    parse_hello(*said, request);
}

Task<> Agent::ready(Start start, Duration within) {
    co_await hello();
    this->start(start);
    // A key that the agent knows and has not got is no failure of the case.
    const Json* refusal = nullptr;
    const auto answered = [&] {
        for (const Json& event : events_) {
            if (event["event"] == "error" && event.value("code", Json()) == "unsupported") refusal = &event;
        }
        return refusal != nullptr || life().ready.has_value() || !alive();
    };
    within = std::max(within, world_.setup().start_limit);
    const Instant deadline = world_.now() + within;
    co_await world_.comes_true(answered, within);
    if (refusal != nullptr) world_.unsupported("the agent says so: " + excerpt(refusal->dump(), 200));
    const Json* said = co_await next("ready", std::max(Duration{}, deadline - world_.now()));
    if (said == nullptr && port_->exit() && !port_->exit()->by_signal && port_->exit()->code == 127) {
        world_.unsupported("the agent says so (exit code 127)");
    }
    world_.require(said != nullptr, "agent protocol 1", "no ready within " + format_ms(within) + ": " + last_error());
}

}  // namespace millrace::harness
