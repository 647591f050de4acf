#include "support/replies.hpp"

namespace millrace::test {
namespace {

std::string line(char type, std::string_view text) {
    std::string bytes(1, type);
    return bytes.append(text).append("\r\n");
}

std::string aggregate(char type, size_t size, const Items& items) {
    std::string bytes = line(type, std::to_string(size));
    for (const std::string& item : items) bytes += item;
    return bytes;
}

Items entry_list(std::initializer_list<std::string_view> ids) {
    Items list;
    for (const std::string_view id : ids) list.push_back(entry(id));
    return list;
}

}  // namespace

std::string ok() {
    return status("OK");
}
std::string status(std::string_view text) {
    return line('+', text);
}
std::string error(std::string_view text) {
    return line('-', text);
}
std::string integer(int64_t number) {
    return line(':', std::to_string(number));
}
std::string bulk(std::string_view text) {
    return line('$', std::to_string(text.size())) + std::string(text) + "\r\n";
}
std::string null_array() {
    return "*-1\r\n";
}
std::string null_bulk() {
    return "$-1\r\n";
}
std::string null() {
    return "_\r\n";
}
std::string array(const Items& items) {
    return aggregate('*', items.size(), items);
}
std::string map(const Items& items) {
    return aggregate('%', items.size() / 2, items);
}
std::string push(const Items& items) {
    return aggregate('>', items.size(), items);
}
std::string verbatim(std::string_view text) {
    return line('=', std::to_string(text.size() + 4)) + "txt:" + std::string(text) + "\r\n";
}

std::string entry(std::string_view id, std::string_view value) {
    return array({bulk(id), array({bulk("f"), bulk(value)})});
}
std::string deleted(std::string_view id) {
    return array({bulk(id), null_array()});
}
std::string entries(std::initializer_list<std::string_view> ids) {
    return array(entry_list(ids));
}

std::string stream(std::string_view key, std::initializer_list<std::string_view> ids) {
    return stream_of(key, entry_list(ids));
}
std::string stream_of(std::string_view key, const Items& list) {
    return map({bulk(key), array(list)});
}
std::string stream2(std::string_view key, std::initializer_list<std::string_view> ids) {
    return array({array({bulk(key), array(entry_list(ids))})});
}

std::string pending(std::string_view id, std::string_view consumer, int64_t idle_ms, int64_t deliveries) {
    return array({bulk(id), bulk(consumer), integer(idle_ms), integer(deliveries)});
}

std::string groups(std::string_view last_delivered) {
    return array({map({bulk("name"), bulk("g"), bulk("consumers"), integer(1), bulk("pending"), integer(0),
                       bulk("last-delivered-id"), bulk(last_delivered)})});
}

std::string pending_summary(int64_t count, std::string_view first, std::string_view last) {
    if (count == 0) return array({integer(0), null(), null(), null()});
    return array({integer(count), bulk(first), bulk(last), array({array({bulk("c"), bulk(std::to_string(count))})})});
}

std::string hello(int64_t protocol, int64_t client_id, std::string_view version) {
    const Items pairs{bulk("server"),    bulk("redis"),  bulk("version"),    bulk(version), bulk("proto"),
                      integer(protocol), bulk("id"),     integer(client_id), bulk("mode"),  bulk("standalone"),
                      bulk("role"),      bulk("master"), bulk("modules"),    array({})};
    return protocol == 3 ? map(pairs) : array(pairs);
}
std::string info(std::string_view version, std::string_view run_id) {
    std::string text = "# Server\r\nredis_version:";
    text.append(version).append("\r\nredis_mode:standalone\r\nrun_id:").append(run_id).append("\r\n");
    return bulk(text);
}
std::string unknown_command(std::string_view name) {
    return error("ERR unknown command `" + std::string(name) + "`, with args beginning with: `3`, `AUTH`, ");
}

}  // namespace millrace::test
