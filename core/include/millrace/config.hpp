// What a client and its sources are configured with. The keys, their defaults and their ranges are one table
// (config_keys), from which the documentation is generated; the structs below are what a parsed document becomes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/entry.hpp"
#include "millrace/error.hpp"
#include "millrace/time.hpp"

namespace millrace {

/// A password. Its text is only had by asking for it, so that no log or report prints one by accident (CFG-4).
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    [[nodiscard]] const std::string& reveal() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }

  private:
    std::string text_;
};

struct Endpoint {
    std::string host = "localhost";
    uint16_t port = 6379;
    std::string unix_path;  ///< when not empty, a unix socket instead of host and port
};

struct Tls {
    std::string ca, cert, key;  ///< paths; ca empty: the system's authorities
    std::string server_name;    ///< empty: the endpoint's host
    bool verify = true;
};

enum class Mode : uint8_t { automatic, streams, pubsub };
enum class Protocol : uint8_t { automatic, resp2, resp3 };

/// One client of one deployment.
struct ClientConfig {
    Endpoint endpoint;
    int64_t database = 0;
    std::string username;
    Secret password;
    std::string client_name = "millrace";
    std::optional<Tls> tls;
    Mode mode = Mode::automatic;
    Protocol protocol = Protocol::automatic;
    uint32_t lanes = 2;  ///< connections for reading and control; publish, push and probe come on top at first use
    Duration connection_timeout = seconds(10);
    uint32_t max_retries = 3;  ///< after the first try; 0: none
    Duration retry_delay = milliseconds(100);
    Duration max_retry_delay = seconds(5);
    uint32_t jitter_ppm = 0;        ///< parts per million of a delay that is random, 0 to 1,000,000
    std::optional<Duration> block;  ///< unset: 2 s, or 250 ms on one lane
    Duration read_slack = seconds(2);
    Duration health_deadline = seconds(15);
    uint32_t max_depth = 32;
    uint32_t max_elements = 1'048'576;
    uint64_t max_message_bytes = 512ULL << 20;
    uint64_t publish_queue_bytes = 16ULL << 20;
};

/// Where a group that was lost (NOGROUP, a deleted key) is made again (REC-7).
enum class LostGroup : uint8_t {
    low_water,  ///< before everything that was pending or not yet read; what is held is not delivered again
    start,      ///< at `start`
    newest,     ///< `new`: with what comes; whatever was pending is given up
};

/// Where canonical ids that were acked are remembered (DUP-3).
enum class DedupeMode : uint8_t { off, memory, redis };

/// How far a tail has read a stream: what to save, and to begin from again.
struct Cursor {
    std::string stream;
    EntryId id;
    /// `orders=1700000000000-5`, as the key `cursors` has it.
    [[nodiscard]] std::string text() const { return stream + "=" + id.text(); }
};

/// What a source reads: entries of a group, or every entry (a tail).
struct SourceConfig {
    std::vector<std::string> streams;
    /// In place of streams: every stream whose name matches, as SCAN has it, is read by the group; those that come are
    /// found within discover_interval.
    std::string pattern;
    Duration discover_interval = seconds(5);
    std::string group = "notifications";  ///< empty: a tail
    std::string consumer;                 ///< empty: generated, `consumer-{unix ms}-{random}`
    std::string start = "0";              ///< where a group begins at its first creation: `0`, `$` or an entry id
    /// Where a tail begins: `new`, `last:n`, after an entry id, or `id:` and the canonical id of an entry to begin
    /// after.
    std::string from = "new";
    std::vector<Cursor> cursors;  ///< saved ones, which come before `from`; those of other streams are passed over
    uint32_t max_scan = 100'000;  ///< entries of a stream that are searched for `from: id:…`
    uint32_t batch_size = 10;
    std::optional<Duration> flush_interval;  ///< unset: 5 s, tails 0; 0: hand over what has come
    std::optional<uint32_t> prefetch;        ///< entries held at most; unset: 4 x batch_size
    uint64_t prefetch_bytes = 64ULL << 20;
    /// How often the group is searched for entries that others left, and how long they must have been left.
    Duration claim_interval = seconds(30);
    Duration claim_min_idle = seconds(60);
    LostGroup on_lost_group = LostGroup::low_water;
    uint32_t max_deliveries = 16;  ///< after so many an entry is a dead letter; 0: never
    bool delete_acked = false;     ///< ACK-5: entries leave the stream with their ack, unless another group wants them
    DedupeMode dedupe = DedupeMode::off;
    std::string id_field = "id";            ///< a field, or a path into a field's JSON such as `event.id`
    Duration dedupe_window = seconds(600);  ///< 0: no bound by time
    uint32_t dedupe_count = 100'000;        ///< of DedupeMode::memory; 0: no bound by count
    std::optional<Duration> nack_delay;     ///< unset: the retry delay of RET-1 for this number of deliveries
    /// REC-4: the name is `{consumer}-{n}` with the first n that nobody else has, kept by a lease (`consumer` empty:
    /// `consumer-{n}`).
    bool consumer_lease = false;
    /// REC-5: consumers with nothing pending that did nothing for as long are deleted from the group. Unset: 24 h, of
    /// names that were generated or leased alone; 0: never.
    std::optional<Duration> consumer_expiry;
};

/// What a publish does when the server is out of memory (RET-2).
enum class OnOom : uint8_t { fail, retry };

/// How publishes behave (PUB-1 to 3).
struct PublishConfig {
    bool atomic = false;  ///< MULTI/EXEC around each publish
    /// Trims the stream with each append: to about so many entries, or to exactly so many; or what is older, by the
    /// server's time. Not both.
    std::optional<uint64_t> max_len = {};
    bool max_len_exact = false;
    std::optional<Duration> max_age = {};
    bool keep_pending = false;  ///< never trims what a group has pending or has not read yet
    /// Each entry is written once, though replies are lost: as long as its answer comes within the window. At most
    /// `idempotent_count` entries of a stream are without their answer at once; more wait.
    bool idempotent = false;
    Duration idempotent_window = seconds(100);
    uint32_t idempotent_count = 100;
    OnOom on_oom = OnOom::fail;
    friend bool operator==(const PublishConfig&, const PublishConfig&) = default;
};

/// A whole document.
struct Config {
    ClientConfig client;
    SourceConfig source;
    PublishConfig publish;
    bool enabled = true;                   ///< synchronization.notification.enable
    std::vector<std::string> passed_over;  ///< sections of a whole configuration file that belong to the host
};

enum class KeyType : uint8_t { text, secret, integer, fraction, boolean, duration, bytes, choice, list };

/// One row of the table of keys.
struct ConfigKey {
    std::string_view name;  ///< as in documents; `tls.ca` stands for `ca` inside `tls`
    KeyType type;
    std::string_view default_text;
    std::string_view zero_means;  ///< what 0 does, or "refused"; empty where the question does not arise
    std::string_view range;       ///< what is allowed, in words
    std::string_view meaning;
    bool available;  ///< false: known, but this version does not do it yet; setting it is `unsupported`
};

[[nodiscard]] std::span<const ConfigKey> config_keys();

/// `500ms`, `5s`, `2m`, `1h30m`, or whole milliseconds. bad_config says what is wrong.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

/// `redis://[user[:password]@]host[:port][/database][?key=value&…]`, `rediss://…`, `unix:///path[?…]`, `host:port` or
/// `host`. Values are percent-decoded; query keys are keys of the table. Source: the IANA registrations of redis and
/// rediss. Applied on top of `base`.
[[nodiscard]] Result<Config> parse_url(std::string_view url, Config base = {});

/// A JSON document of the keys, or a whole configuration file of the notification agent's shape
/// (`synchronization.pubsub.redis`, `synchronization.notification`). `fallback_password` is the value of the
/// environment's REDIS_PASSWORD, which the host reads: it counts where the document names none. Applied on top of
/// `base`.
[[nodiscard]] Result<Config> parse_json(std::string_view document, std::string_view fallback_password = {},
                                        Config base = {});

/// Sets one key from its text, as in a URL's query. bad_config names the key, the value, what is allowed and the
/// nearest known key.
[[nodiscard]] Status set_key(Config& config, std::string_view key, std::string_view text);
/// The same of a list, whose members may be any bytes.
[[nodiscard]] Status set_key(Config& config, std::string_view key, std::vector<std::string> list);

/// Ranges and what depends on several keys at once; called by the parsers, and by Machine for structs filled by hand.
[[nodiscard]] Status validate(const ClientConfig& config);
[[nodiscard]] Status validate(const SourceConfig& config);
[[nodiscard]] Status validate(const PublishConfig& config);

}  // namespace millrace
