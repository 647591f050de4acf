// Whether a configuration can be used: the ranges of the table, and what depends on several keys. Parsed documents and
// structs that were filled by hand are held to the same.
#include <array>
#include <string>

#include "base/format.hpp"
#include "config/draft.hpp"
#include "config/keys.hpp"
#include "millrace/config.hpp"

namespace millrace {
namespace {

std::string decimal(int64_t number) {
    char buffer[i64_text_max];
    return {buffer, write_i64(buffer, number)};
}

// In the notation of the key; what has none, such as half a millisecond, in the smallest unit.
std::string in_notation(KeyType type, int64_t number) {
    if (type == KeyType::duration) return number % 1000 == 0 ? decimal(number / 1000) + "ms" : decimal(number) + "us";
    if (type == KeyType::fraction) return decimal(number) + " millionths";
    return decimal(number);
}

Status check_range(const Config& config, const KeyRow& row) {
    if (row.load == nullptr) return {};
    const std::optional<int64_t> number = row.load(config);
    if (!number) return {};
    const NumberLimits limits = limits_of(row);
    if (*number >= limits.min && *number <= limits.max) return {};
    return refused_value(row.key.name, in_notation(row.key.type, *number), row.key.range);
}

// What a struct can hold that no notation says.
Status check_choices(const ClientConfig& client) {
    if (client.mode > Mode::pubsub) return refused_value("mode", "its value", find_key("mode")->key.range);
    if (client.protocol > Protocol::resp3)
        return refused_value("protocol", "its value", find_key("protocol")->key.range);
    return {};
}

}  // namespace

Status check_config(const Config& config) {
    for (const KeyRow& row : key_rows()) {
        if (Status status = check_range(config, row); !status.ok()) return status;
        if (Status status = check_row(config, row, row.key.name, "its value"); !status.ok()) return status;
    }
    if (Status status = check_choices(config.client); !status.ok()) return status;
    const SourceConfig& source = config.source;
    if (source.dedupe > DedupeMode::redis) return refused_value("dedupe", "its value", find_key("dedupe")->key.range);
    if (source.on_lost_group > LostGroup::newest)
        return refused_value("on_lost_group", "its value", find_key("on_lost_group")->key.range);
    if (source.prefetch && *source.prefetch < source.batch_size) {
        return refused_value("prefetch", decimal(*source.prefetch),
                             "at least batch_size, which is " + decimal(source.batch_size));
    }
    if (!source.pattern.empty() && !source.streams.empty()) {
        return config_error("pattern", "is given beside streams; allowed: one of them");
    }
    if (!source.pattern.empty() && source.group.empty()) {
        return config_error("pattern", "is given without a group; allowed: with one, a tail names its streams");
    }
    const PublishConfig& publish = config.publish;
    if (publish.on_oom > OnOom::retry) return refused_value("on_oom", "its value", find_key("on_oom")->key.range);
    if (publish.max_len && publish.max_age) {
        return config_error("max_age", "is given beside max_len; allowed: one of them");
    }
    if (publish.max_len_exact && !publish.max_len) {
        return config_error("max_len_exact", "is given without max_len; allowed: both together");
    }
    if (config.client.tls && config.client.tls->cert.empty() != config.client.tls->key.empty()) {
        return config_error(config.client.tls->cert.empty() ? "tls.key" : "tls.cert",
                            "is given alone; allowed: tls.cert and tls.key together");
    }
    return {};
}

Status validate(const ClientConfig& config) {
    Config whole;
    whole.client = config;
    return check_config(whole);
}

Status validate(const SourceConfig& config) {
    Config whole;
    whole.source = config;
    if (Status status = check_config(whole); !status.ok()) return status;
    if (config.streams.empty() && config.pattern.empty())
        return config_error("streams", "names no stream; allowed: at least one, by stream, streams or pattern");
    return {};
}

Status validate(const PublishConfig& config) {
    Config whole;
    whole.publish = config;
    return check_config(whole);
}

}  // namespace millrace
