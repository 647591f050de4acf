#include "config/keys.hpp"

#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "base/documented.hpp"
#include "config/key_stores.hpp"
#include "config/tail_keys.hpp"
#include "config/values.hpp"

namespace millrace {
namespace {

// ---- the table

using enum KeyType;

constexpr auto client = &Config::client;
constexpr auto source = &Config::source;
constexpr auto publish = &Config::publish;

constexpr std::string_view what_is_read = "what is read";
constexpr std::string_view what_is_trimmed = "what is trimmed";
constexpr std::string_view any_text = "any text";
constexpr std::string_view path_text = "a path";
constexpr std::string_view yes_or_no = "true, false";

/// A key whose value is a number of some notation.
template <auto Part, auto Member>
constexpr KeyRow number(std::string_view name, KeyType type, std::string_view default_text, std::string_view zero,
                        std::string_view range, std::string_view meaning) {
    return {{name, type, documented(default_text), documented(zero), range, documented(meaning), true},
            put<Part, Member>,
            load<Part, Member>,
            nullptr,
            {}};
}

/// Of keys that have the same words as `one_of` one is given, and its store knows the others.
constexpr KeyRow rival(KeyRow row, bool (*store)(Config&, const ParsedValue&), std::string_view one_of) {
    row.store = store;
    row.one_of = one_of;
    return row;
}

/// A key whose value is text, a choice, or true or false.
constexpr KeyRow word(std::string_view name, KeyType type, std::string_view default_text, std::string_view range,
                      std::string_view meaning, bool (*store)(Config&, const ParsedValue&),
                      Acceptance (*check)(const Config&) = nullptr, std::string_view one_of = {}) {
    return {
        {name, type, documented(default_text), {}, range, documented(meaning), true}, store, nullptr, check, one_of};
}

// The order is that of the documentation, and among secrets that of precedence.
constexpr std::array rows{
    word("host", text, "localhost:6379", "a name or address, with or without `:port`; IPv6 with a port in brackets",
         "The server.", put_host, check_host),
    number<client, &ClientConfig::database>("database", integer, "0", "", "0 to 2147483647",
                                            "The number of the database, by SELECT."),
    word("auth_token", secret, "none", any_text,
         "The password. The first of auth_token, redis_secret, password and the environment's REDIS_PASSWORD that is "
         "not "
         "empty counts.",
         put<client, &ClientConfig::password>),
    word("redis_secret", secret, "none", any_text, "The password, where auth_token is empty.",
         put<client, &ClientConfig::password>),
    word("password", secret, "none", any_text, "The password, where auth_token and redis_secret are empty.",
         put<client, &ClientConfig::password>),
    word("username", text, "none", any_text, "The ACL user (servers from 6.0).", put<client, &ClientConfig::username>),
    word("client_name", text, "millrace", "printable ASCII without spaces; empty for none",
         "The name of our connections in CLIENT LIST.", put<client, &ClientConfig::client_name>, check_client_name),
    word("tls.enabled", boolean, "false", yes_or_no, "Speak TLS. On by itself with rediss:// or any other tls key.",
         put_tls_enabled),
    word("tls.ca", text, "the system's", path_text, "The authorities that may sign the server's certificate.",
         put_tls<&Tls::ca>),
    word("tls.cert", text, "none", path_text, "The client's certificate; tls.key goes with it.", put_tls<&Tls::cert>),
    word("tls.key", text, "none", path_text, "The key of the client's certificate.", put_tls<&Tls::key>),
    word("tls.server_name", text, "the host", any_text, "The name that the server's certificate must have.",
         put_tls<&Tls::server_name>),
    word("tls.verify", boolean, "true", yes_or_no,
         "Verify the server's certificate. Without it anybody in between can read and change everything.",
         put_tls<&Tls::verify>),
    word("mode", choice, "auto", "auto, streams, pubsub", "Streams, Pub/Sub, or what the server's version can do.",
         put<client, &ClientConfig::mode>),
    word("protocol", choice, "auto", "auto, 2, 3", "The version of RESP; auto is 3 where the server knows it.",
         put<client, &ClientConfig::protocol>),
    number<client, &ClientConfig::lanes>(
        "lanes", integer, "2; 1 on edge hosts", "refused", "1 to 64",
        "Connections for reading and control. Publishing, Pub/Sub and probes open one more each at first use."),
    number<client, &ClientConfig::connection_timeout>("connection_timeout", duration, "10s", "refused", "1ms to 24h",
                                                      "How long connecting may take, with TLS, HELLO and AUTH."),
    number<client, &ClientConfig::max_retries>("max_retries", integer, "3", "no retry", "0 to 1000000",
                                               "How often a publish or request is tried again after the first time."),
    number<client, &ClientConfig::retry_delay>("retry_delay", duration, "100ms", "50ms each time", "0 to 24h",
                                               "The first wait before a retry; it doubles each time."),
    number<client, &ClientConfig::max_retry_delay>("max_retry_delay", duration, "5s", "50ms each time", "0 to 24h",
                                                   "The longest wait between retries."),
    number<client, &ClientConfig::jitter_ppm>("jitter", fraction, "0", "none", "0 to 1",
                                              "The part of each retry's wait that is random."),
    number<client, &ClientConfig::block>("block", duration, "2s; 250ms with one lane", "refused", "1ms to 24h",
                                         "How long a read waits at the server for entries."),
    number<client, &ClientConfig::read_slack>(
        "read_slack", duration, "2s", "refused", "1ms to 24h",
        "How much longer than block a reply may take before the connection is given up."),
    number<client, &ClientConfig::health_deadline>(
        "health_deadline", duration, "15s", "refused", "3ms to 24h",
        "Health turns bad when the server has not been heard for this long; a silent lane is pinged at a third of it."),
    number<client, &ClientConfig::max_depth>("max_depth", integer, "32", "refused", "8 to 1024",
                                             "How deep the arrays of a reply may be nested."),
    number<client, &ClientConfig::max_elements>(
        "max_elements", integer, "1048576", "refused", "1024 to 1073741824",
        "How many elements a reply may have; of entries: each of them, and their list."),
    number<client, &ClientConfig::max_message_bytes>(
        "max_message_bytes", bytes, "512MiB; 16MiB in WASM", "refused", "1KiB to 2GiB",
        "The largest entry that is read or published, by the bytes of its names and "
        "values. A larger one is told of, and the connection stays."),
    number<client, &ClientConfig::publish_queue_bytes>(
        "publish_queue_bytes", bytes, "16MiB", "refused", "1KiB to 64GiB",
        "What may wait to be published, each entry with 128 bytes beside its own; past it publish says would_block."),
    word("stream", text, "none", "a name", "The stream to consume. In place of streams or pattern.", put_stream,
         check_streams, what_is_read),
    word("streams", list, "none", "names, each once; as text separated by commas",
         "The streams to consume. In place of stream or pattern.", put_streams, check_streams, what_is_read),
    word("pattern", text, "none", "a pattern as SCAN takes it",
         "Consumes every stream whose name matches, those that come later too; dead streams never do. In place of "
         "stream or streams, and with a group.",
         put_pattern, nullptr, what_is_read),
    word("group", text, "notifications", "a name; empty for a tail",
         "The consumer group. Empty: every entry is read, as a tail.", put<source, &SourceConfig::group>),
    word("consumer", text, "generated", any_text,
         "Our name in the group, which no other reader of it has. A stable one finds its unacked entries again after a "
         "restart.",
         put<source, &SourceConfig::consumer>),
    word("start", text, "0", "`0`, `$` or an entry id",
         "Where a group begins when it is created: everything, what comes, or after an id.",
         put<source, &SourceConfig::start>, check_start),
    word(
        "from", text, "new", "`new`, `last:n` with n from 1 to 1000000, an entry id, or `id:` and a canonical id",
        "Where a tail begins: with what comes, with the last n entries of each stream, after an entry id, or after the "
        "newest entry whose canonical id (id_field) this is.",
        put<source, &SourceConfig::from>, check_from),
    word("cursors", list, "none", "`stream=id`, each stream once; as text separated by commas",
         "How far a tail had read: the last entry ids that it handled. Streams without one begin as `from` says.",
         put_cursors, check_cursors),
    number<source, &SourceConfig::max_scan>(
        "max_scan", integer, "100000", "refused", "1 to 1000000000",
        "The most entries of a stream, from the newest backwards, that are searched for `from: id:…`."),
    number<source, &SourceConfig::batch_size>("batch_size", integer, "10", "refused: COUNT 0 is no limit",
                                              "1 to 1000000", "The most entries of a batch."),
    number<source, &SourceConfig::flush_interval>(
        "flush_interval", duration, "5s; tails 0", "hand over what has come", "0 to 24h",
        "When to hand over a batch that is not full, from its first entry on."),
    number<source, &SourceConfig::prefetch>("prefetch", integer, "4 x batch_size", "refused",
                                            "1 to 100000000, at least batch_size",
                                            "The most entries that are held; then reading stops until some are acked."),
    number<source, &SourceConfig::prefetch_bytes>("prefetch_bytes", bytes, "64MiB; 16MiB in WASM", "refused",
                                                  "1KiB to 64GiB", "The most bytes of entries that are held."),
    number<source, &SourceConfig::nack_delay>("nack_delay", duration, "as a retry's, by deliveries - 1",
                                              "again at once", "0 to 24h",
                                              "How long a nacked entry waits before it is delivered here again."),
    word("on_lost_group", choice, "low_water", "low_water, start, new",
         "Where a group that was lost is made again: before all that was pending or unread, at `start`, or with what "
         "comes.",
         put<source, &SourceConfig::on_lost_group>),
    number<source, &SourceConfig::claim_interval>("claim_interval", duration, "30s", "refused", "1ms to 24h",
                                                  "How often the group is searched for entries that others left."),
    number<source, &SourceConfig::claim_min_idle>(
        "claim_min_idle", duration, "60s", "refused", "100ms to 87600h",
        "How long an entry must have been left before it is taken over. Longer than a handler takes is not needed: "
        "what is held is kept from others by heartbeats."),
    number<source, &SourceConfig::max_deliveries>("max_deliveries", integer, "16", "never", "0 to 1000000",
                                                  "After this many deliveries an entry is a dead letter."),
    word("dedupe", choice, "off", "off, memory, redis",
         "Whether, and where, canonical ids that were acked are remembered; later entries of the same id are acked "
         "unseen. With `redis` the server remembers them, for all consumers of the group and over restarts: the script "
         "that acks an entry marks its id, and deletes the entry where `delete_acked` asks for that.",
         put<source, &SourceConfig::dedupe>),
    word("id_field", text, "id", "a field, or a path into a field's JSON such as `event.id`",
         "Where the canonical id of an entry is; without one there, it is the entry's own id.",
         put<source, &SourceConfig::id_field>, check_id_field),
    number<source, &SourceConfig::dedupe_window>("dedupe_window", duration, "10m", "no bound by time", "0 to 87600h",
                                                 "How long an id is remembered, from its ack on."),
    number<source, &SourceConfig::dedupe_count>(
        "dedupe_count", integer, "100000", "no bound by count", "0 to 1000000000",
        "How many ids of a consumer `dedupe: memory` remembers; with `redis` only `dedupe_window` "
        "counts."),
    word("delete_acked", boolean, "false", yes_or_no,
         "Delete entries from the stream once they are acked, unless another group may still want them.",
         put<source, &SourceConfig::delete_acked>),
    number<source, &SourceConfig::consumer_expiry>(
        "consumer_expiry", duration, "24h for generated and leased names, never for others", "never", "0 to 87600h",
        "After how long without a sign of life a consumer of the group that has nothing pending is deleted; where it "
        "is set, every such consumer, whatever its name."),
    word("consumer_lease", boolean, "false; true on edge hosts", yes_or_no,
         "Takes the name `{consumer}-{n}` with the first n from 1 that no other process has (without consumer: "
         "`consumer-{n}`), and keeps it by a lease of 30 s. For hosts that have no name of their own to come back to.",
         put<source, &SourceConfig::consumer_lease>),
    number<source, &SourceConfig::discover_interval>("discover_interval", duration, "5s", "refused", "1ms to 24h",
                                                     "How often streams are searched for that match the pattern."),
    word("atomic", boolean, "false", yes_or_no, "MULTI/EXEC around each publish; EXEC does not roll back.",
         put<publish, &PublishConfig::atomic>),
    rival(number<publish, &PublishConfig::max_len>("max_len", integer, "off", "refused", "1 to 1000000000000",
                                                   "Trims the stream to about this many entries, with each append."),
          put_max_len, what_is_trimmed),
    word("max_len_exact", boolean, "false", yes_or_no, "Trims to exactly max_len, which costs the server more.",
         put<publish, &PublishConfig::max_len_exact>),
    rival(number<publish, &PublishConfig::max_age>("max_age", duration, "off", "refused", "1ms to 87600h",
                                                   "Trims entries older than this by the server's time, roughly."),
          put_max_age, what_is_trimmed),
    word("keep_pending", boolean, "false", yes_or_no, "Never trims what a group has pending or has not read yet.",
         put<publish, &PublishConfig::keep_pending>),
    word("idempotent", boolean, "false", yes_or_no,
         "Writes each entry once, also after a lost reply, while its answer comes within idempotent_window.",
         put<publish, &PublishConfig::idempotent>),
    number<publish, &PublishConfig::idempotent_window>("idempotent_window", duration, "100s", "refused", "1ms to 24h",
                                                       "How long the server knows what was published."),
    number<publish, &PublishConfig::idempotent_count>(
        "idempotent_count", integer, "100", "refused", "1 to 10000",
        "How many entries of a stream the server knows, and so how many may be without an answer; more wait."),
    word("on_oom", choice, "fail", "fail, retry",
         "What a publish does when the server is out of memory: fails, or is tried again like other failures.",
         put<publish, &PublishConfig::on_oom>),
};

constexpr auto public_rows = [] {
    std::array<ConfigKey, rows.size()> keys{};
    for (size_t i = 0; i < rows.size(); ++i) keys[i] = rows[i].key;
    return keys;
}();

constexpr std::optional<int64_t> parse_number(KeyType type, std::string_view text) {
    switch (type) {
        case duration:
            return parse_duration_us(text);
        case bytes:
            return parse_bytes(text);
        case fraction:
            return parse_fraction_ppm(text);
        default:
            return parse_whole(text);
    }
}

// `a to b`, with more after a comma or not.
constexpr std::optional<NumberLimits> parse_limits(const ConfigKey& key) {
    constexpr std::string_view between = " to ";
    const size_t at = key.range.find(between);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view high = key.range.substr(at + between.size());
    const std::optional<int64_t> min = parse_number(key.type, key.range.substr(0, at));
    const std::optional<int64_t> max = parse_number(key.type, high.substr(0, high.find(',')));
    if (!min || !max || *min > *max) return std::nullopt;
    return NumberLimits{*min, *max};
}

constexpr bool every_number_has_limits() {
    for (const ConfigKey& key : public_rows) {
        const bool is_number = key.type == integer || key.type == fraction || key.type == duration || key.type == bytes;
        if (is_number && !parse_limits(key)) return false;
    }
    return true;
}
static_assert(every_number_has_limits(), "a range of numbers is written `a to b`, in the notation of its type");

}  // namespace

std::span<const ConfigKey> config_keys() {
    return public_rows;
}

std::span<const KeyRow> key_rows() {
    return rows;
}

const KeyRow* find_key(std::string_view name) {
    for (const KeyRow& row : rows) {
        if (row.key.name == name) return &row;
    }
    return nullptr;
}

NumberLimits limits_of(const KeyRow& row) {
    return parse_limits(row.key).value_or(NumberLimits{0, std::numeric_limits<int64_t>::max()});
}

}  // namespace millrace
