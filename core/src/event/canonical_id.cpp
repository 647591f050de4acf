#include "event/canonical_id.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "event/json_reader.hpp"

namespace millrace {

namespace {

constexpr uint32_t depth_max = 32;

/// Looks for `a.b.c`: c in the object b in the object a. Of repeated keys the first counts.
class PathVisitor final : public JsonVisitor {
  public:
    explicit PathVisitor(std::string_view path) : left_(path) {}

    bool on_begin(JsonType type, size_t) override {
        ++depth_;
        if (depth_ == 1) return type == JsonType::object;
        if (!is_here_) return true;
        is_here_ = false;
        // An object on the way; at the end of the way, or an array, there is no id.
        if (type != JsonType::object || left_.empty()) return false;
        ++level_;
        return true;
    }
    bool on_end(size_t) override {
        --depth_;
        return depth_ >= level_;  // what holds the place has ended without it
    }
    bool on_key(std::string_view key) override {
        is_here_ = false;
        if (depth_ != level_) return true;
        const size_t dot = left_.find('.');
        if (key != left_.substr(0, dot)) return true;
        left_ = dot == std::string_view::npos ? std::string_view() : left_.substr(dot + 1);
        is_here_ = true;
        return true;
    }
    bool on_scalar(JsonType type, std::string_view text) override {
        if (depth_ == 0) return false;
        if (!is_here_) return true;
        if (left_.empty() && type != JsonType::null && !text.empty()) found_ = std::string(text);
        return false;
    }

    [[nodiscard]] std::optional<std::string>& found() { return found_; }

  private:
    std::string_view left_;  // of the path
    uint32_t depth_ = 0;
    uint32_t level_ = 1;    // of the object whose key is looked for
    bool is_here_ = false;  // the value to come is what the key looked for names
    std::optional<std::string> found_;
};

}  // namespace

std::string canonical_id(const Entry& entry, std::string_view id_field) {
    if (const std::optional<std::string_view> value = entry[id_field]; value.has_value() && !value->empty()) {
        return std::string(*value);
    }
    const size_t dot = id_field.find('.');
    if (dot != std::string_view::npos) {
        if (const std::optional<std::string_view> json = entry[id_field.substr(0, dot)]; json.has_value()) {
            PathVisitor visitor(id_field.substr(dot + 1));
            (void)read_json(*json, visitor, depth_max);
            if (visitor.found().has_value()) return *visitor.found();
        }
    }
    return entry.id().text();
}

}  // namespace millrace
