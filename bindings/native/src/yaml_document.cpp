#include "yaml_document.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <new>
#include <unordered_set>
#include <utility>

namespace millrace::native {
namespace {

constexpr size_t depth_max = 64;
// A few anchors can stand for more than any memory holds ("billion laughs").
constexpr size_t json_bytes_max = 1 << 20;

std::string at_line(const std::string& name, const YAML::Mark& mark, const std::string& what) {
    if (mark.is_null()) return name + ": " + what;
    return name + ":" + std::to_string(mark.line + 1) + ": " + what;
}

Error refused(const std::string& name, const YAML::Mark& mark, const std::string& what) {
    return {Code::bad_config, at_line(name, mark, what)};
}

// Behind a colon, and behind these words, the parser quotes from the file.
std::string unquoted(const std::string& words) {
    const std::string unknown_anchor = YAML::ErrorMsg::UNKNOWN_ANCHOR;
    return words.starts_with(unknown_anchor) ? unknown_anchor : words.substr(0, words.find(':'));
}

void append_text(std::string& json, const std::string& text) {
    constexpr char digits[] = "0123456789abcdef";
    json += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            json += '\\';
            json += c;
        } else if (byte < ' ') {
            json += "\\u00";
            json += digits[byte >> 4U];
            json += digits[byte & 15U];
        } else {
            json += c;
        }
    }
    json += '"';
}

class Converter {
  public:
    explicit Converter(const std::string& name) : name_(name) {}

    [[nodiscard]] Status convert(const YAML::Node& node, const std::string& path, size_t depth) {
        if (depth > depth_max) {
            return refused(name_, node.Mark(), "is nested more than " + std::to_string(depth_max) + " deep");
        }
        if (document_.json.size() > json_bytes_max) {
            return refused(name_, node.Mark(), "is more than 1 MiB, with what its anchors stand for");
        }
        switch (node.Type()) {
            case YAML::NodeType::Undefined:
            case YAML::NodeType::Null:
                document_.json += "null";
                return {};
            case YAML::NodeType::Scalar:
                append_text(document_.json, node.Scalar());
                return {};
            case YAML::NodeType::Sequence:
                return convert_list(node, path, depth);
            case YAML::NodeType::Map:
                break;
        }
        return convert_map(node, path, depth);
    }

    [[nodiscard]] YamlDocument take() { return std::move(document_); }

  private:
    struct Pair {
        std::string key;
        YAML::Node value;
        YAML::Mark mark;
    };
    using Names = std::unordered_set<std::string>;

    [[nodiscard]] Status convert_list(const YAML::Node& list, const std::string& path, size_t depth) {
        document_.json += '[';
        bool is_first = true;
        for (const auto& each : list) {
            if (!std::exchange(is_first, false)) document_.json += ',';
            if (Status status = convert(each, path, depth + 1); !status) return status;
        }
        document_.json += ']';
        return {};
    }

    [[nodiscard]] Status convert_map(const YAML::Node& map, const std::string& path, size_t depth) {
        std::vector<Pair> pairs;
        if (Status status = gather(map, path, pairs); !status) return status;
        document_.json += '{';
        bool is_first = true;
        for (const Pair& pair : pairs) {
            if (!std::exchange(is_first, false)) document_.json += ',';
            const std::string inner = path.empty() ? pair.key : path + "." + pair.key;
            document_.places.push_back({inner, static_cast<size_t>(std::max(0, pair.mark.line)) + 1});
            append_text(document_.json, pair.key);
            document_.json += ':';
            if (Status status = convert(pair.value, inner, depth + 1); !status) return status;
        }
        document_.json += '}';
        return {};
    }

    /// The pairs of a map: its own, each key once, then those that `<<` brings and that it lacks.
    [[nodiscard]] Status gather(const YAML::Node& map, const std::string& path, std::vector<Pair>& pairs) const {
        std::vector<YAML::Node> merged;
        Names known;
        for (const auto& each : map) {
            if (!each.first.IsScalar()) return refused(name_, each.first.Mark(), "a key is no text");
            const std::string& key = each.first.Scalar();
            if (key == "<<") {
                merged.push_back(each.second);
            } else if (!known.insert(key).second) {
                return refused(name_, each.first.Mark(), (path.empty() ? key : path + "." + key) + ": is given twice");
            } else {
                pairs.push_back({key, each.second, each.first.Mark()});
            }
        }
        for (const YAML::Node& node : merged) {
            if (Status status = merge(node, known, pairs); !status) return status;
        }
        return {};
    }

    /// A map, or a list of maps of which the first that has a key counts (yaml.org/type/merge.html).
    [[nodiscard]] Status merge(const YAML::Node& node, Names& known, std::vector<Pair>& pairs) const {
        if (node.IsSequence()) {
            for (const auto& each : node) {
                if (each.IsSequence()) return refused(name_, each.Mark(), "<<: names no mapping");
                if (Status status = merge(each, known, pairs); !status) return status;
            }
            return {};
        }
        if (!node.IsMap()) return refused(name_, node.Mark(), "<<: names no mapping");
        for (const auto& each : node) {
            if (!each.first.IsScalar()) return refused(name_, each.first.Mark(), "a key is no text");
            const std::string& key = each.first.Scalar();
            if (key != "<<" && known.insert(key).second) pairs.push_back({key, each.second, each.first.Mark()});
        }
        return {};
    }

    const std::string& name_;
    YamlDocument document_;
};

Result<YamlDocument> read(std::string_view text, const std::string& name) {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.empty() || documents.front().IsNull()) return Error(Code::bad_config, name + ": is empty");
    if (documents.size() > 1) {
        return refused(name, documents[1].Mark(), "a second document begins; allowed: one");
    }
    if (!documents.front().IsMap()) {
        return refused(name, documents.front().Mark(), "is no YAML of keys and values");
    }
    Converter converter(name);
    if (Status status = converter.convert(documents.front(), {}, 0); !status) return status.error();
    return converter.take();
}

}  // namespace

Result<YamlDocument> read_yaml(std::string_view text, const std::string& name) {
    try {
        return read(text, name);
    } catch (const YAML::Exception& wrong) {
        return refused(name, wrong.mark, "is no YAML: " + unquoted(wrong.msg));
    } catch (const std::bad_alloc&) {
        return Error(Code::out_of_memory, name + ": no memory to read it");
    }
}

}  // namespace millrace::native
