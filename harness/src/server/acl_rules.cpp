#include "server/acl_rules.hpp"

#include <algorithm>
#include <stdexcept>

namespace millrace::harness {

namespace {

std::string for_stream(std::string_view pattern, const std::string& stream) {
    constexpr std::string_view mark = "STREAM";
    std::string text(pattern);
    if (const size_t at = text.find(mark); at != std::string::npos) text.replace(at, mark.size(), stream);
    return text;
}

void add_unique(std::vector<std::string>& rules, std::string rule) {
    if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(std::move(rule));
}

}  // namespace

std::span<const AclFeature> acl_features() {
    // AUTH and HELLO need no rule: every user may say them.
    static const std::vector<AclFeature> features{
        {"connect", "every client: what the server is, and whether it still answers", {{"info"}, {"ping"}}, {}},
        {"database", "`database` other than 0", {{"select"}}, {}},
        {"consume",
         "a group's entries: read, recovered, acked, kept from others while they are held; a lost group made again",
         {{"xgroup|create"}, {"xreadgroup"}, {"xack"}, {"xpending"}, {"xclaim"}, {"xinfo|groups"}, {"xinfo|stream"}},
         {"STREAM"}},
        {"pattern", "`pattern`: which streams there are", {{"scan"}}, {}},
        {"drain",
         "a clean end; after a loss, the end of the old connection",
         {{"client|unblock"}, {"client|kill"}},
         {}},
        {"release",
         "entries given back by XNACK; without, by XCLAIM",
         {{"evalsha"}, {"eval"}, {"xpending"}, {"xnack", "Redis 8.8"}},
         {"STREAM"}},
        {"claim",
         "entries that other consumers have left",
         {{"xpending"}, {"xclaim"}, {"xautoclaim", "6.2"}},
         {"STREAM"}},
        {"tidy",
         "consumers that have left are deleted (`consumer_expiry`; by default those with generated names)",
         {{"evalsha"}, {"eval"}, {"exists"}, {"xinfo|consumers"}, {"xgroup|delconsumer"}},
         {"STREAM"}},
        {"lease",
         "`consumer_lease`",
         {{"evalsha"}, {"eval"}, {"mget"}, {"set"}, {"get"}, {"pexpire"}, {"del"}},
         {"{STREAM}:lease:*"}},
        {"dead letters",
         "`max_deliveries`, reject, and the list of the dead",
         {{"evalsha"}, {"eval"}, {"xpending"}, {"xrange"}, {"xadd"}, {"xack"}},
         {"STREAM", "{STREAM}:dead"}},
        {"redrive",
         "the dead put back",
         {{"evalsha"}, {"eval"}, {"xrange"}, {"xadd"}, {"xdel"}},
         {"STREAM", "{STREAM}:dead"}},
        {"dedupe",
         "`dedupe: redis`",
         {{"evalsha"}, {"eval"}, {"mget"}, {"set"}, {"exists"}, {"xack"}},
         {"STREAM", "{STREAM}:seen:*"}},
        {"delete acked",
         "`delete_acked`",
         {{"evalsha"}, {"eval"}, {"exists"}, {"xinfo|groups"}, {"xack"}, {"xdel"}, {"xackdel", "Redis 8.2"}},
         {"STREAM"}},
        {"publish", "entries written", {{"xadd"}}, {"STREAM"}},
        {"atomic", "publishing with `atomic`", {{"multi"}, {"exec"}}, {}},
        {"tail", "reading without a group", {{"xread"}, {"xrevrange"}, {"xinfo|stream"}}, {"STREAM"}},
        {"health", "stream lengths, once somebody looks", {{"xlen"}}, {"STREAM"}},
        {"groups",
         "groups created, moved and destroyed by hand",
         {{"xgroup|create"}, {"xgroup|setid"}, {"xgroup|destroy"}},
         {"STREAM"}},
        {"pubsub", "`mode: pubsub`", {{"subscribe"}, {"unsubscribe"}, {"publish"}}, {}, true},
        {"pubsub pattern",
         "`mode: pubsub` with a `pattern`, which stands for the stream's name here",
         {{"psubscribe"}, {"punsubscribe"}},
         {},
         true},
    };
    return features;
}

std::vector<std::string> acl_rules(std::span<const std::string_view> features, const std::string& stream,
                                   const AclServer& server) {
    std::vector<std::string> rules;
    for (const std::string_view name : features) {
        const auto table = acl_features();
        const auto row = std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.name == name; });
        if (row == table.end()) throw std::runtime_error("no feature of the table of ACL rules: " + std::string(name));
        for (const std::string_view key : row->keys) add_unique(rules, "~" + for_stream(key, stream));
        if (row->channels && server.guards_channels) add_unique(rules, "&" + stream);
        for (const AclCommand& command : row->commands) {
            if (command.since.empty() || server.has(command.name)) add_unique(rules, "+" + std::string(command.name));
        }
    }
    return rules;
}

}  // namespace millrace::harness
