// A configuration while a document or a URL is read: which keys were given, and which password outranks which. It does
// not know where keys come from.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "config/assign.hpp"
#include "config/keys.hpp"
#include "millrace/config.hpp"

namespace millrace {

class Draft {
  public:
    explicit Draft(Config base) : config_(std::move(base)) {}

    /// `path` is the key's name with where it stands, for errors. Each key may be set once.
    [[nodiscard]] Status set(std::string_view path, std::string_view name, const GivenValue& value);

    /// Whether the key was set here.
    [[nodiscard]] bool has(std::string_view name) const;
    /// Whether `tls.enabled` was set to false, which other keys of tls do not undo.
    [[nodiscard]] bool tls_off() const { return tls_off_; }
    [[nodiscard]] Config& config() { return config_; }

    /// What depends on several keys; `fallback_password` counts where no key gave one.
    [[nodiscard]] Result<Config> finish(std::string_view fallback_password) &&;

  private:
    Config config_;
    std::vector<const KeyRow*> given_;
    const KeyRow* password_from_ = nullptr;
    bool tls_off_ = false;
};

/// Every range and everything that depends on several keys. A source need not name a stream yet.
[[nodiscard]] Status check_config(const Config& config);

}  // namespace millrace
