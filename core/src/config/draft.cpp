#include "config/draft.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

bool Draft::has(std::string_view name) const {
    return std::any_of(given_.begin(), given_.end(), [&](const KeyRow* row) { return row->key.name == name; });
}

Status Draft::set(std::string_view path, std::string_view name, const GivenValue& value) {
    const KeyRow* row = find_key(name);
    if (row == nullptr) return unknown_key(path, nearest_key(name));
    if (has(name)) return config_error(path, "is given twice");
    for (const KeyRow* before : given_) {
        if (row->one_of.empty() || before->one_of != row->one_of) continue;
        return config_error(path, "is given beside " + std::string(before->key.name) + "; allowed: one of them");
    }
    given_.push_back(row);
    if (row->key.type != KeyType::secret) {
        Status status = assign(config_, *row, path, value);
        if (name == "tls.enabled" && !config_.client.tls) tls_off_ = true;
        return status;
    }
    // An empty password says nothing. Rows stand in the order of precedence: the first wins, whichever is read first.
    if (value.kind == GivenAs::text && value.text.empty()) return {};
    const bool outranked = password_from_ != nullptr && password_from_ < row;
    Config unused;
    Status status = assign(outranked ? unused : config_, *row, path, value);
    if (status.ok() && !outranked) password_from_ = row;
    return status;
}

Result<Config> Draft::finish(std::string_view fallback_password) && {
    if (config_.client.password.empty()) config_.client.password = Secret(std::string(fallback_password));
    if (tls_off_) config_.client.tls.reset();
    if (Status status = check_config(config_); !status.ok()) return status.error();
    return std::move(config_);
}

Status set_key(Config& config, std::string_view key, std::string_view text) {
    const KeyRow* row = find_key(key);
    if (row == nullptr) return unknown_key(key, nearest_key(key));
    return assign(config, *row, key, {GivenAs::text, text, {}});
}

Status set_key(Config& config, std::string_view key, std::vector<std::string> list) {
    const KeyRow* row = find_key(key);
    if (row == nullptr) return unknown_key(key, nearest_key(key));
    return assign(config, *row, key, {GivenAs::list, {}, std::move(list)});
}

}  // namespace millrace
