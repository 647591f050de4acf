#include "run/config_file.hpp"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

constexpr size_t depth_max = 64;
constexpr size_t values_max = 100'000;  // a few anchors can stand for more than any memory holds

constexpr std::array<std::string_view, 14> chosen_by_cases{
    "host",   "database", "auth_token", "redis_secret", "password", "username", "tls",
    "stream", "streams",  "pattern",    "group",        "consumer", "start",    "from"};

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
    throw std::runtime_error("--config=" + path + " " + what);
}

std::string read_text(const std::string& path) {
    struct stat state {};
    if (::stat(path.c_str(), &state) != 0) refuse(path, "can't be read: " + std::generic_category().message(errno));
    if (S_ISDIR(state.st_mode)) refuse(path, "is a directory");
    std::ifstream file(path, std::ios::binary);
    if (!file) refuse(path, "can't be read: " + std::generic_category().message(errno));
    std::ostringstream all;
    all << file.rdbuf();
    std::string text = std::move(all).str();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) refuse(path, "is empty");
    return text;
}

// YAML 1.2's own types, so that an agent finds the numbers that it would find in JSON.
Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return text;  // it was quoted
    if (text == "true") return true;
    if (text == "false") return false;
    const bool has_leading_zero = text.size() > 1 && text[0] == '0';
    if (const auto number = parse_integer(text); number && !has_leading_zero) return *number;
    return text;
}

// Behind a colon, and behind these words, the parser quotes from the file.
std::string unquoted(const std::string& words) {
    const std::string unknown_anchor = YAML::ErrorMsg::UNKNOWN_ANCHOR;
    return words.starts_with(unknown_anchor) ? unknown_anchor : words.substr(0, words.find(':'));
}

class FromYaml {
  public:
    explicit FromYaml(const std::string& path) : path_(path) {}

    Json convert(const YAML::Node& node, size_t depth = 0) {
        if (depth > depth_max || ++values_ > values_max) refuse(path_, "is nested too deep, or too large");
        if (node.IsScalar()) return scalar(node);
        if (node.IsSequence()) {
            Json list = Json::array();
            for (const auto& each : node) list.push_back(convert(each, depth + 1));
            return list;
        }
        if (!node.IsMap()) return nullptr;
        Json object = Json::object();
        for (const auto& each : node) {
            const std::string line = std::to_string(each.first.Mark().line + 1);
            if (!each.first.IsScalar()) refuse(path_, "line " + line + ": a key is no text");
            const std::string& key = each.first.Scalar();
            if (object.contains(key)) refuse(path_, "line " + line + ": " + excerpt(key) + " is given twice");
            object[key] = convert(each.second, depth + 1);
        }
        return object;
    }

  private:
    const std::string& path_;
    size_t values_ = 0;
};

Json parse_yaml(const std::string& path, const std::string& text) {
    try {
        return FromYaml(path).convert(YAML::Load(text));
    } catch (const YAML::Exception& wrong) {
        refuse(path, "line " + std::to_string(wrong.mark.line + 1) + ": is no YAML: " + unquoted(wrong.msg));
    }
}

Json section(const std::string& path, const Json& parent, const char* name) {
    if (!parent.contains(name) || parent[name].is_null()) return Json::object();
    if (!parent[name].is_object()) refuse(path, std::string(name) + " is no section");
    return parent[name];
}

// What a whole configuration file says to us.
Json keys_of(const std::string& path, const Json& file) {
    const Json synchronization = section(path, file, "synchronization");
    Json keys = section(path, section(path, synchronization, "pubsub"), "redis");
    const Json notification = section(path, synchronization, "notification");
    if (notification.contains("default") && !keys.contains("mode")) {
        const Json& wanted = notification["default"];
        if (wanted == "redis-streams") keys["mode"] = "streams";
        if (wanted == "pubsub") keys["mode"] = "pubsub";
    }
    return keys;
}

}  // namespace

Json read_config_file(const std::string& path) {
    const std::string text = read_text(path);
    Json config = path.ends_with(".json") ? Json::parse(text, nullptr, false) : parse_yaml(path, text);
    if (config.is_discarded()) refuse(path, "is no JSON");
    if (!config.is_object()) refuse(path, "is no object of configuration keys");
    if (config.contains("synchronization")) config = keys_of(path, config);
    for (const std::string_view key : chosen_by_cases) config.erase(std::string(key));
    return config;
}

}  // namespace millrace::harness
