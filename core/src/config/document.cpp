// JSON documents of the keys, alone or inside a whole configuration file. It knows where keys stand; what they mean is
// the table's.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "config/draft.hpp"
#include "event/json_reader.hpp"
#include "millrace/config.hpp"

namespace millrace {
namespace {

constexpr uint32_t depth_max = 64;

// Where in a document a key stands.
enum class Place : uint8_t {
    file,  ///< the outermost object of a whole file
    synchronization,
    pubsub,
    notification,
    keys,  ///< the object of our keys
    tls,   ///< inside it
    list,  ///< the array of a key
    host,  ///< a section that belongs to the host
};

// The sections of a whole file, and the words that a place knows beside keys.
constexpr std::string_view root = "synchronization";
constexpr std::array<std::string_view, 2> synchronization_words{"pubsub", "notification"};
constexpr std::array<std::string_view, 1> pubsub_words{"redis"};
constexpr std::array<std::string_view, 2> notification_words{"enable", "default"};

struct Implementation {
    std::string_view name;
    Mode mode;
};
constexpr std::array<Implementation, 3> implementations{
    {{"redis", Mode::automatic}, {"redis-streams", Mode::streams}, {"pubsub", Mode::pubsub}}};

bool contains(std::span<const std::string_view> words, std::string_view word) {
    for (const std::string_view each : words) {
        if (each == word) return true;
    }
    return false;
}

// Whether the outermost object has the section of a whole file. Other sections may stand before it, so it is asked
// first.
class ShapeFinder final : public JsonVisitor {
  public:
    bool on_begin(JsonType, size_t) override {
        ++depth_;
        return true;
    }
    bool on_end(size_t) override {
        --depth_;
        return true;
    }
    bool on_key(std::string_view key) override {
        if (depth_ == 1 && key == root) whole_file_ = true;
        return true;
    }
    bool on_scalar(JsonType, std::string_view) override { return true; }
    [[nodiscard]] bool whole_file() const { return whole_file_; }

  private:
    uint32_t depth_ = 0;
    bool whole_file_ = false;
};

class DocumentReader final : public JsonVisitor {
  public:
    DocumentReader(Draft& draft, bool whole_file) : draft_(draft), whole_file_(whole_file) {}

    bool on_key(std::string_view key) override {
        key_ = key;
        return true;
    }

    bool on_begin(JsonType type, size_t) override {
        if (places_.empty()) {
            if (type != JsonType::object) return fail({Code::bad_config, "the document is no JSON object of keys"});
            places_.push_back(whole_file_ ? Place::file : Place::keys);
            return true;
        }
        switch (places_.back()) {
            case Place::host:
                return enter(Place::host);
            case Place::file:
                if (key_ != root) return pass_over() && enter(Place::host);
                return type == JsonType::object ? enter(Place::synchronization) : fail_type("an object");
            case Place::synchronization:
                if (key_ == "pubsub" && type == JsonType::object) return enter(Place::pubsub);
                if (key_ == "notification" && type == JsonType::object) return enter(Place::notification);
                return fail_section(synchronization_words, "an object");
            case Place::pubsub:
                if (key_ == "redis" && type == JsonType::object) return enter(Place::keys);
                return fail_section(pubsub_words, "an object");
            case Place::notification:
                return fail_section(notification_words, "no object and no list");
            case Place::keys:
                if (key_ != "tls") return begin_value(type);
                return type == JsonType::object ? enter(Place::tls) : fail_value(type, "an object of the tls keys");
            case Place::tls:
                return begin_value(type);
            case Place::list:
                break;
        }
        return fail_value(type, "a list of texts");
    }

    bool on_end(size_t) override {
        const Place left = places_.back();
        places_.pop_back();
        if (left == Place::list) {
            GivenValue value{GivenAs::list, {}, std::move(list_)};
            list_.clear();
            return set(value);
        }
        if (!names_.empty()) {
            key_ = std::move(names_.back());
            names_.pop_back();
        }
        return true;
    }

    bool on_scalar(JsonType type, std::string_view text) override {
        if (places_.empty()) return fail({Code::bad_config, "the document is no JSON object of keys"});
        switch (places_.back()) {
            case Place::host:
                return true;
            case Place::file:
                return key_ == root ? skip_null(type) || fail_type("an object") : pass_over();
            case Place::synchronization:
                return (contains(synchronization_words, key_) && skip_null(type)) ||
                       fail_section(synchronization_words, "an object");
            case Place::pubsub:
                return (contains(pubsub_words, key_) && skip_null(type)) || fail_section(pubsub_words, "an object");
            case Place::notification:
                return notification(type, text);
            case Place::list:
                if (type != JsonType::string) return fail(refused_value(path(), shown(text), "a list of texts"));
                list_.emplace_back(text);
                return true;
            case Place::keys:
                if (key_ == "tls") return skip_null(type) || fail_type("an object of the tls keys");
                break;
            case Place::tls:
                break;
        }
        return key_value(type, text);
    }

    [[nodiscard]] Error take_error() { return std::move(error_); }

    /// What the file's `default` and our own `mode` say together.
    [[nodiscard]] Status settle_mode() {
        if (!file_mode_) return {};
        Mode& mode = draft_.config().client.mode;
        if (!draft_.has("mode")) mode = *file_mode_;
        if (*file_mode_ != Mode::automatic && mode != *file_mode_) {
            return config_error("synchronization.notification.default", "contradicts mode; allowed: the same in both");
        }
        return {};
    }

  private:
    // ---- where we are

    bool enter(Place place) {
        names_.push_back(key_);
        places_.push_back(place);
        return true;
    }

    [[nodiscard]] std::string path() const {
        std::string text;
        for (const std::string& section : names_) text += section + '.';
        return text + key_;
    }

    // The name in the table: a key of `tls` is `tls.{key}`.
    [[nodiscard]] std::string name() const { return places_.back() == Place::tls ? "tls." + key_ : key_; }

    // ---- what comes there

    bool pass_over() {
        draft_.config().passed_over.push_back(key_);
        return true;
    }

    static bool skip_null(JsonType type) { return type == JsonType::null; }

    bool begin_value(JsonType type) {
        const KeyRow* row = find_key(name());
        if (row == nullptr) return fail(unknown());
        if (type == JsonType::array && row->key.type == KeyType::list) {
            places_.push_back(Place::list);
            return true;
        }
        return fail_value(type, row->key.range);
    }

    bool key_value(JsonType type, std::string_view text) {
        if (find_key(name()) == nullptr) return fail(unknown());
        // A key without a value, as YAML writes `redis_secret:`, leaves its default.
        if (type == JsonType::null) return true;
        const GivenAs kind = type == JsonType::string   ? GivenAs::text
                             : type == JsonType::number ? GivenAs::number
                                                        : GivenAs::boolean;
        return set({kind, text, {}});
    }

    bool set(const GivenValue& value) {
        Status status = draft_.set(path(), name(), value);
        return status.ok() || fail(status.error());
    }

    bool notification(JsonType type, std::string_view text) {
        if (!contains(notification_words, key_)) return fail(unknown_section(notification_words));
        if (type == JsonType::null) return true;
        if (std::exchange(key_ == "enable" ? enable_given_ : default_given_, true)) {
            return fail(config_error(path(), "is given twice"));
        }
        if (key_ == "enable") {
            if (text != "true" && text != "false") return fail(refused_value(path(), shown(text), "true, false"));
            draft_.config().enabled = text == "true";
            return true;
        }
        for (const Implementation& each : implementations) {
            if (each.name == text) {
                file_mode_ = each.mode;
                return true;
            }
        }
        return fail(refused_value(path(), shown(text), "redis, redis-streams, pubsub"));
    }

    // ---- what is wrong

    bool fail(Error error) {
        error_ = std::move(error);
        return false;
    }
    bool fail_type(std::string_view wanted) {
        return fail(config_error(path(), "has the wrong type; allowed: " + std::string(wanted)));
    }
    /// What stands where a value is wanted, and is none.
    bool fail_value(JsonType type, std::string_view wanted) {
        return fail(refused_value(path(), type == JsonType::object ? "an object" : "a list", wanted));
    }
    bool fail_section(std::span<const std::string_view> words, std::string_view wanted) {
        return contains(words, key_) ? fail_type(wanted) : fail(unknown_section(words));
    }
    // Alone, a document of keys may also have been meant as a whole file.
    Error unknown() {
        const std::string_view key = nearest_key(name());
        const std::array<std::string_view, 2> words{key, root};
        return unknown_key(path(), names_.empty() ? nearest_of(name(), words) : key);
    }
    // Between the sections of a file no key is known.
    Error unknown_section(std::span<const std::string_view> words) {
        return unknown_key(path(), nearest_of(key_, words));
    }

    Draft& draft_;
    bool whole_file_;
    std::vector<Place> places_;
    std::vector<std::string> names_;  ///< of the sections that are open
    std::string key_;
    std::vector<std::string> list_;
    std::optional<Mode> file_mode_;
    bool enable_given_ = false;
    bool default_given_ = false;
    Error error_;
};

std::string decimal(size_t number) {
    char buffer[u64_text_max];
    return {buffer, write_u64(buffer, number)};
}

// Its text is not quoted: what stands there may be a password that lacks a quotation mark.
Error not_json(std::string_view document, size_t offset) {
    size_t line = 1;
    size_t column = 1;
    for (const char c : document.substr(0, offset == 0 ? 0 : offset - 1)) {
        if (c == '\n') {
            ++line;
            column = 1;
        } else {
            ++column;
        }
    }
    return {Code::bad_config, "the document is no JSON: it breaks off or goes wrong at line " + decimal(line) +
                                  ", column " + decimal(column)};
}

Status outcome_status(const JsonOutcome& outcome, std::string_view document) {
    switch (outcome.end) {
        case JsonEnd::not_json:
            return not_json(document, outcome.offset);
        case JsonEnd::too_deep:
            return Error(Code::bad_config, "the document is nested more than " + decimal(depth_max) + " deep");
        case JsonEnd::out_of_memory:
            return Error(Code::out_of_memory, "no memory to read the configuration document");
        case JsonEnd::complete:
        case JsonEnd::stopped:
            break;
    }
    return {};
}

}  // namespace

Result<Config> parse_json(std::string_view document, std::string_view fallback_password, Config base) {
    ShapeFinder shape;
    const JsonOutcome shaped = read_json(document, shape, depth_max);
    if (Status status = outcome_status(shaped, document); !status.ok()) return status.error();
    Draft draft(std::move(base));
    DocumentReader reader(draft, shape.whole_file());
    if (read_json(document, reader, depth_max).end == JsonEnd::stopped) return reader.take_error();
    if (Status status = reader.settle_mode(); !status.ok()) return status.error();
    return std::move(draft).finish(fallback_password);
}

}  // namespace millrace
