// CFG-3 for every key there is: each wrong value of its kind, from each source. The error names the key, the value and
// what is allowed, in one line, and nothing of it is applied. The keys are walked in the table, so that a new one is
// held to the same without a line here.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/keys.hpp"
#include "millrace/config.hpp"

namespace millrace {
namespace {

const std::string overflow = "99999999999999999999";

/// Wrong type, negative, overflow, bad unit and what else people write, as text.
std::vector<std::string> wrong_texts(KeyType type) {
    switch (type) {
        case KeyType::integer:
            return {"many", "", "-1", "1.5", "1e3", "0x5", " 5", "5 ", "1_000", "5s", "true", overflow, "-" + overflow};
        case KeyType::duration:
            return {"soon", "", "-5s", "-1", "5 parsecs", "5S", "5d", "1.5s", "1h30", "1m1h", overflow, overflow + "h"};
        case KeyType::bytes:
            return {"much", "", "-1", "1kb", "1MB", "1.5MiB", "1 MiB", overflow, overflow + "GiB", "9999999999GiB"};
        case KeyType::fraction:
            return {"half", "", "-0.5", "1.5", "50%", ".5", "1.", "0,5", "0.0000001", overflow};
        case KeyType::boolean:
            return {"maybe", "", "yes", "on", "True", "1", "0", "-1"};
        case KeyType::choice:
            return {"sideways", "", "-1", "AUTO", "auto, streams", overflow};
        case KeyType::list:
            return {"", "a=1-0,", "=1-0,=1-0"};
        case KeyType::text:
        case KeyType::secret:
            break;
    }
    return {};
}

/// Texts are any text, but for these keys.
std::vector<std::string> wrong_texts_of(std::string_view key) {
    if (key == "host") return {"a b", "h:0", "h:-1", "h:65536", "h:port", "[::1", "redis://h", "h/1"};
    if (key == "client_name") return {"a b", "a\tb"};
    if (key == "stream") return {""};
    if (key == "start") return {"", "yesterday", "-1", "1-2-3", overflow};
    if (key == "from") return {"", "yesterday", "last:0", "last:-1", "last:" + overflow, "id:"};
    if (key == "id_field") return {""};
    return {};
}

/// Documents have types of their own; what they say, and what an error calls it.
struct Token {
    std::string json;
    std::string shown;
};
std::vector<Token> wrong_tokens(KeyType type) {
    const Token list{"[1]", "a list"};
    const Token object{R"({"a":1})", "an object"};
    const auto token = [](const std::string& json) { return Token{json, "\"" + json + "\""}; };
    switch (type) {
        case KeyType::integer:
            return {token("-1"), token("1.5"), token("1e3"), token(overflow), token("true"), list, object};
        case KeyType::duration:
            return {token("-1"), token("1.5"), token(overflow), token("false"), list, object};
        case KeyType::bytes:
            return {token("-1"), token("1.5"), token(overflow), token("true"), list, object};
        case KeyType::fraction:
            return {token("-0.5"), token("1.5"), token("2"), token("true"), list, object};
        case KeyType::boolean:
            return {token("1"), token("0"), token("-1"), list, object};
        case KeyType::choice:
            return {token("-1"), token("1.5"), token("true"), list, object};
        case KeyType::text:
            return {token("1.5"), token("true"), list, object};
        case KeyType::secret:
            return {{"1.5", "must be a text"}, {"true", "must be a text"}, list, object};
        case KeyType::list:
            return {token("5"), token("true"), {"[5]", "\"5\""}, {"[[]]", "a list"}, object};
    }
    return {};
}

std::string quoted(const std::string& text) {
    std::string shown = "\"" + text + "\"";
    std::replace(shown.begin(), shown.end(), '\t', '?');
    return shown;
}

/// Everything that a configuration holds, to be compared.
std::string everything(const Config& config) {
    std::string all;
    const auto add = [&all](std::string_view text) { all.append(text).append("|"); };
    for (const KeyRow& row : key_rows()) {
        if (row.load != nullptr) add(std::to_string(row.load(config).value_or(-1)));
    }
    const ClientConfig& client = config.client;
    for (const std::string& text :
         {client.endpoint.host, std::to_string(client.endpoint.port), client.endpoint.unix_path, client.username,
          client.password.reveal(), client.client_name, config.source.group, config.source.consumer,
          config.source.start, config.source.from, config.source.id_field}) {
        add(text);
    }
    const Tls tls = client.tls.value_or(Tls{});
    for (const std::string& text : {tls.ca, tls.cert, tls.key, tls.server_name}) add(text);
    for (const std::string& stream : config.source.streams) add(stream);
    for (const Cursor& cursor : config.source.cursors) add(cursor.text());
    const PublishConfig& publish = config.publish;
    for (const int value :
         {static_cast<int>(client.tls.has_value()), static_cast<int>(tls.verify), static_cast<int>(client.mode),
          static_cast<int>(client.protocol), static_cast<int>(config.source.dedupe),
          static_cast<int>(config.source.on_lost_group), static_cast<int>(config.source.delete_acked),
          static_cast<int>(config.source.consumer_lease), static_cast<int>(publish.atomic),
          static_cast<int>(publish.max_len_exact), static_cast<int>(publish.keep_pending),
          static_cast<int>(publish.idempotent), static_cast<int>(publish.on_oom), static_cast<int>(config.enabled)}) {
        add(std::to_string(value));
    }
    return all;
}

/// One that differs from the defaults, so that falling back to them would show.
Config unusual() {
    Config config;
    for (const auto& [key, text] :
         std::initializer_list<std::pair<const char*, const char*>>{{"host", "h:1"},
                                                                    {"streams", "a,b"},
                                                                    {"group", "g"},
                                                                    {"consumer", "c"},
                                                                    {"cursors", "a=1-0"},
                                                                    {"password", "p"},
                                                                    {"tls.ca", "/ca"},
                                                                    {"batch_size", "7"},
                                                                    {"flush_interval", "7ms"},
                                                                    {"jitter", "0.5"},
                                                                    {"mode", "streams"},
                                                                    {"atomic", "true"},
                                                                    {"max_message_bytes", "7MiB"},
                                                                    {"client_name", "seven"}}) {
        EXPECT_TRUE(set_key(config, key, text).ok()) << key;
    }
    return config;
}

void expect_one_line(const Error& error, const std::string& start, std::string_view allowed) {
    EXPECT_EQ(error.code, Code::bad_config) << error.message;
    EXPECT_TRUE(error.message.starts_with(start)) << error.message << "\nbegins not with " << start;
    EXPECT_NE(error.message.find(allowed), std::string::npos) << error.message << "\nlacks " << allowed;
    EXPECT_EQ(error.message.find_first_of("\r\n\t"), std::string::npos) << error.message;
    EXPECT_LT(error.message.size(), 400U);
}

std::string percent_encoded(const std::string& text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        encoded += '%';
        encoded += digits[static_cast<unsigned char>(c) >> 4U];
        encoded += digits[static_cast<unsigned char>(c) & 15U];
    }
    return encoded;
}

/// A document with the one key, alone or as part of a whole file.
std::string document_with(const std::string& key, const std::string& value, bool is_whole_file) {
    std::string keys = "{\"" + key + "\":" + value + "}";
    if (key.starts_with("tls.")) keys = "{\"tls\":{\"" + key.substr(4) + "\":" + value + "}}";
    return is_whole_file ? R"({"api":{"x":1},"synchronization":{"pubsub":{"redis":)" + keys + "}}}" : keys;
}

const std::string sections = "synchronization.pubsub.redis.";

class EveryKey : public testing::TestWithParam<ConfigKey> {
  protected:
    const ConfigKey& key() const { return GetParam(); }
    std::string name() const { return std::string(GetParam().name); }
    std::vector<std::string> texts() const {
        std::vector<std::string> all = wrong_texts(key().type);
        for (const std::string& text : wrong_texts_of(key().name)) all.push_back(text);
        return all;
    }
};

TEST_P(EveryKey, RefusesWrongTextByItself) {
    if (!key().available) {
        Config config;
        EXPECT_EQ(set_key(config, key().name, "x").error().code, Code::unsupported);
        return;
    }
    for (const std::string& text : texts()) {
        Config config = unusual();
        const Status status = set_key(config, key().name, text);
        ASSERT_FALSE(status.ok()) << name() << "=" << text;
        expect_one_line(status.error(), name() + ": " + quoted(text) + " is not allowed; allowed: ", key().range);
        EXPECT_EQ(everything(config), everything(unusual())) << "partly applied: " << text;
    }
}

TEST_P(EveryKey, RefusesWrongTextInAUrl) {
    for (const std::string& text : key().available ? texts() : std::vector<std::string>{}) {
        const Result<Config> config = parse_url("redis://h?group=g&" + name() + "=" + percent_encoded(text));
        ASSERT_FALSE(config.ok()) << name() << "=" << text;
        if (name() == "host" || name() == "group") continue;  // given twice, which is told first
        expect_one_line(config.error(), name() + ": " + quoted(text) + " is not allowed; allowed: ", key().range);
    }
}

TEST_P(EveryKey, RefusesWrongTypesInADocument) {
    for (const bool is_whole_file : {false, true}) {
        const std::string where = is_whole_file ? sections : std::string();
        if (!key().available) {
            const Result<Config> config = parse_json(document_with(name(), "\"x\"", is_whole_file));
            ASSERT_FALSE(config.ok());
            EXPECT_EQ(config.error().code, Code::unsupported);
            EXPECT_TRUE(config.error().message.starts_with(where + name() + ": ")) << config.error().message;
            continue;
        }
        for (const Token& token : wrong_tokens(key().type)) {
            const Result<Config> config = parse_json(document_with(name(), token.json, is_whole_file), {}, unusual());
            ASSERT_FALSE(config.ok()) << name() << ": " << token.json;
            const bool is_in_list = key().type == KeyType::list && token.json.front() == '[';
            const bool is_secret = token.shown == "must be a text";
            const std::string_view allowed = is_in_list ? "a list of texts" : is_secret ? "text" : key().range;
            expect_one_line(config.error(), where + name() + ": " + token.shown, allowed);
        }
        for (const std::string& text : texts()) {
            if (text.find('\t') != std::string::npos) continue;  // JSON has it as an escape
            const Result<Config> config =
                parse_json(document_with(name(), "\"" + text + "\"", is_whole_file), {}, unusual());
            ASSERT_FALSE(config.ok()) << name() << ": " << text;
            expect_one_line(config.error(), where + name() + ": " + quoted(text) + " is not allowed", key().range);
        }
    }
}

/// A name that is nearly this one is told this one.
TEST_P(EveryKey, IsTheNearestOfItsMistypedNames) {
    std::string camel;
    for (const char c : name()) {
        if (!camel.empty() && camel.back() == '_') {
            camel.back() = static_cast<char>(c - 'a' + 'A');
        } else {
            camel += c;
        }
    }
    for (const std::string& mistyped : {name() + name().back(), "x" + name(), camel}) {
        if (mistyped == name()) continue;
        const std::string told = "unknown key \"" + mistyped + "\"; the nearest known key is \"" + name() + "\"";
        Config config = unusual();
        const Status status = set_key(config, mistyped, "hunter2");
        ASSERT_FALSE(status.ok()) << mistyped;
        EXPECT_EQ(status.error().code, Code::bad_config);
        EXPECT_EQ(status.error().message, told) << "without the value, which may be a password";
        EXPECT_EQ(everything(config), everything(unusual()));
        EXPECT_EQ(parse_url("redis://h?" + mistyped + "=hunter2").error().message, told);
        EXPECT_EQ(parse_json("{\"" + mistyped + "\":\"hunter2\"}").error().message, told);
    }
}

INSTANTIATE_TEST_SUITE_P(Table, EveryKey, testing::ValuesIn(config_keys().begin(), config_keys().end()),
                         [](const auto& test) {
                             std::string name(test.param.name);
                             std::replace(name.begin(), name.end(), '.', '_');
                             return name;
                         });

}  // namespace
}  // namespace millrace
