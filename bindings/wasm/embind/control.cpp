// The control plane, by Embind: what is called seldom. Texts are UTF-8, or bytes where JavaScript gives a Uint8Array.
#include <emscripten/bind.h>

#include <string>
#include <utility>
#include <vector>

#include "events.hpp"
#include "instance.hpp"
#include "json.hpp"

namespace millrace::wasm {
namespace {

/// What a document of the host's is laid over: the memory of WebAssembly has an end.
Config first_config() {
    Config config;
    config.client.max_message_bytes = 16ULL << 20;
    config.source.prefetch_bytes = 16ULL << 20;
    return config;
}

Result<Config> config_of(const std::string& url, const std::string& document, const std::string& defaults) {
    Result<Config> config = first_config();
    if (!defaults.empty()) config = parse_json(defaults, {}, std::move(config).value());
    if (config && !url.empty()) config = parse_url(url, std::move(config).value());
    if (config && !document.empty()) config = parse_json(document, {}, std::move(config).value());
    return config;
}

uint32_t create(const std::string& url, const std::string& document, const std::string& defaults, uint32_t s0,
                uint32_t s1, uint32_t s2, uint32_t s3, double now, double wall) {
    Result<Config> config = config_of(url, document, defaults);
    if (!config) return fail(config.error()), 0;
    const Seed128 seed{uint64_t{s0} << 32 | s1, uint64_t{s2} << 32 | s3};
    Result<Machine> machine = Machine::create(config->client, seed, instant(now), {static_cast<int64_t>(wall)});
    return add(std::move(machine), std::move(config).value());
}

/// The client's configuration with a document over it.
Result<Config> config_over(const Instance& instance, const std::string& document) {
    if (document.empty()) return instance.config;
    return parse_json(document, {}, instance.config);
}

uint32_t open(uint32_t handle, const std::string& document, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return 0;
    const Result<Config> config = config_over(*instance, document);
    if (!config) return fail(config.error()), 0;
    if (!config->enabled) {
        return fail(Error(Code::closed, "synchronization.notification.enable is false: nothing is opened")), 0;
    }
    const Result<SourceId> source = instance->machine.open(config->source, instant(now));
    if (!source) return fail(source.error()), 0;
    return static_cast<uint32_t>(*source);
}

int32_t publisher(uint32_t handle, const std::string& document) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return -1;
    const Result<Config> config = config_over(*instance, document);
    if (!config) return fail(config.error()), -1;
    std::vector<PublishConfig>& publishers = instance->publishers;
    for (size_t i = 0; i < publishers.size(); ++i) {
        if (publishers[i] == config->publish) return static_cast<int32_t>(i);
    }
    publishers.push_back(config->publish);
    return static_cast<int32_t>(publishers.size() - 1);
}

// ---- of one source, or of all

template <Status (Machine::*Command)(SourceId, Instant)>
uint32_t of_source(uint32_t handle, uint32_t source, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    return status_of((instance->machine.*Command)(SourceId{source}, instant(now)));
}

uint32_t drain(uint32_t handle, double timeout_us, bool awaits_acks, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    return status_of(instance->machine.drain({{static_cast<int64_t>(timeout_us)}, awaits_acks}, instant(now)));
}

uint32_t replace_credentials(uint32_t handle, std::string username, std::string password, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    return status_of(
        instance->machine.replace_credentials(std::move(username), Secret(std::move(password)), instant(now)));
}

// ---- requests, which an event answers

double ticket_of(const Result<Ticket>& ticket) {
    if (!ticket) return fail(ticket.error()), -1;
    return static_cast<double>(static_cast<uint64_t>(*ticket));
}

double bad_id(std::string_view text) {
    return fail(Error(Code::bad_argument, "\"" + std::string(text) + "\" is no entry id; one is written ms-seq")), -1;
}

double dead(uint32_t handle, std::string stream, const std::string& after, uint32_t count, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return -1;
    const std::optional<EntryId> id = after.empty() ? EntryId{} : EntryId::parse(after);
    if (!id) return bad_id(after);
    return ticket_of(instance->machine.dead({std::move(stream), *id, count}, instant(now)));
}

/// The ids stand in one text, with a space between each and the next.
double redrive(uint32_t handle, const std::string& stream, const std::string& dead_ids, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return -1;
    std::vector<EntryId> ids;
    for (std::string_view rest = dead_ids; !rest.empty();) {
        const std::string_view text = rest.substr(0, rest.find(' '));
        rest.remove_prefix(text.size() < rest.size() ? text.size() + 1 : text.size());
        const std::optional<EntryId> id = EntryId::parse(text);
        if (!id) return bad_id(text);
        ids.push_back(*id);
    }
    return ticket_of(instance->machine.redrive(stream, ids, instant(now)));
}

double change_group(uint32_t handle, const std::string& what, std::string stream, std::string group, std::string at,
                    double since_us, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return -1;
    GroupChange change;
    change.stream = std::move(stream);
    change.group = std::move(group);
    if (what == "move") {
        change.what = GroupChange::What::move;
    } else if (what == "destroy") {
        change.what = GroupChange::What::destroy;
    } else if (what != "create") {
        return fail(Error(Code::bad_argument, "a group is changed by create, move or destroy")), -1;
    }
    if (!at.empty()) change.at = std::move(at);
    if (since_us >= 0) change.since = WallTime{static_cast<int64_t>(since_us)};
    return ticket_of(instance->machine.change_group(change, instant(now)));
}

// ---- what is asked

/// What a writer writes, as a text of its own; empty when memory was refused.
template <class Write>
std::string json_of(const Write& write) {
    Block block;
    JsonWriter json(block);
    write(json);
    if (block.refused()) return fail(Error(Code::out_of_memory, "no memory for an answer")), std::string();
    return std::string(block.text());
}

std::string health(uint32_t handle, uint32_t source, double now) {
    const Instance* const instance = find(handle);
    if (instance == nullptr) return {};
    const Result<Health> health = instance->machine.health(SourceId{source}, instant(now));
    if (!health) return fail(health.error()), std::string();
    return json_of([&](JsonWriter& json) { write_health(json, *health); });
}

std::string metrics(uint32_t handle, const std::string& names, double now) {
    const Instance* const instance = find(handle);
    if (instance == nullptr) return {};
    MetricsOptions options;
    if (names == "redis_streams") {
        options.names = MetricNames::redis_streams;
    } else if (names == "deltaforge") {
        options.names = MetricNames::deltaforge;
    } else if (!names.empty() && names != "millrace") {
        return fail(Error(Code::bad_argument, "metrics have the names of millrace, redis_streams or deltaforge")),
               std::string();
    }
    return instance->machine.metrics(options, instant(now));
}

std::string last_error_json() {
    return json_of([](JsonWriter& json) { json.error(last_error()); });
}

std::string codes() {
    return json_of(write_codes);
}

}  // namespace

EMSCRIPTEN_BINDINGS(millrace) {
    using emscripten::function;
    function("create", &create);
    function("destroy", &remove);
    function("open", &open);
    function("publisher", &publisher);
    function("close", &of_source<&Machine::close>);
    function("pause", &of_source<&Machine::pause>);
    function("resume", &of_source<&Machine::resume>);
    function("look", &of_source<&Machine::look>);
    function("drain", &drain);
    function("replaceCredentials", &replace_credentials);
    function("dead", &dead);
    function("redrive", &redrive);
    function("changeGroup", &change_group);
    function("health", &health);
    function("metrics", &metrics);
    function("lastError", &last_error_json);
    function("codes", &codes);
}

}  // namespace millrace::wasm
