#include "endpoint.hpp"

namespace millrace::agent {

constexpr std::chrono::milliseconds drain_default{5000};

Json error_event(std::string_view code, std::string_view message, bool retryable) {
    return {{"event", "error"}, {"code", code}, {"message", printable(message)}, {"retryable", retryable}};
}

void Endpoint::say(const Json& event) {
    out_.add(event.dump(-1, ' ', false, Json::error_handler_t::replace));
    out_.flush();
}

void Endpoint::say_drained(const Json& re, uint64_t held) {
    if (std::exchange(finished_, true)) return;
    Json drained = {{"event", "drained"}, {"held", held}};
    if (!re.is_null()) drained["re"] = re;
    say(drained);
}

void Endpoint::say_refused(const Json& re, const BadRequest& why) {
    Json event = error_event(why.code, why.message, why.retryable);
    if (!re.is_null()) event["re"] = re;
    say(event);
}

void Endpoint::handle_line_too_long() {
    say_refused(nullptr, {"too_large", "a line of more than " + std::to_string(LineReader::line_bytes_max) + " bytes"});
}

void Endpoint::handle_line(std::string_view line) {
    const Json request = Json::parse(line, nullptr, false);
    Json re;
    try {
        if (!request.is_object()) bad("a request is one JSON object a line, not: " + std::string(line.substr(0, 120)));
        if (request.contains("re")) re = request["re"];
        if (!request.contains("op") || !request["op"].is_string()) bad("a request names its 'op'");
        dispatch(request);
    } catch (const BadRequest& refusal) {
        say_refused(re, refusal);
    } catch (const Json::exception& wrong) {
        say_refused(re, {"bad_argument", wrong.what()});
    }
}

void Endpoint::dispatch(const Json& request) {
    const std::string op = request["op"];
    const Json re = request.value("re", Json());
    if (op == "drain") return drain(re, milliseconds_of(request, "timeout_ms").value_or(drain_default));
    if (op != "hello") return handle_request(op, request);
    say({{"event", "hello"},
         {"re", re},
         {"protocol", 1},
         {"name", name_},
         {"version", version_},
         {"capabilities",
          {"streams", "pubsub", "tail", "publish", "claim", "nack", "dlq", "redrive", "dedupe", "drain", "pause",
           "many", "pattern", "config", "tls", "health", "stats", "concurrent"}}});
}

}  // namespace millrace::agent
