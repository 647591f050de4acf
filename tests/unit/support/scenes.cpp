// The scenes that most stories begin with: a source as its keys make it, and a consumer that has started.
#include "support/scripted_host.hpp"

namespace millrace::test {

SourceConfig source_of(std::vector<std::string> streams) {
    SourceConfig config;
    config.streams = std::move(streams);
    config.group = "g";
    config.consumer = "c";
    config.batch_size = 5;
    config.flush_interval = seconds(2);
    config.consumer_expiry = Duration{};
    return config;
}

SourceConfig tail_of(std::string from, std::vector<std::string> streams) {
    SourceConfig config = source_of(std::move(streams));
    config.group.clear();
    config.consumer.clear();
    config.flush_interval.reset();
    config.from = std::move(from);
    return config;
}

SourceId consume(ScriptedHost& host, const SourceConfig& config) {
    const SourceId source = host.open(config);
    host.greet("read");
    if (host.lives("control")) host.greet("control");
    for (size_t i = 0; i < config.streams.size(); ++i) host.reply("read", ok());
    host.forget();
    return source;
}

SourceId consume_again(ScriptedHost& host, const SourceConfig& config) {
    const SourceId source = host.open(config);
    host.greet("read");
    if (host.lives("control")) host.greet("control");
    for (size_t i = 0; i < config.streams.size(); ++i) {
        host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    }
    for (size_t i = 0; i < config.streams.size(); ++i) {
        host.reply("read", groups("0-0"));
        host.reply("read", pending_summary(0));
    }
    host.forget();
    return source;
}

}  // namespace millrace::test
