// Configuration from a file: YAML, or JSON where the name ends in `.json`. What the keys are and mean is the core's
// (config.hpp, parse_json); a file adds where something stands.
#pragma once

#include <string>
#include <string_view>

#include "millrace/config.hpp"

namespace millrace {

/// A file of the keys, or a whole configuration file of the notification agent's shape; sections that belong to the
/// host are listed in Config::passed_over. REDIS_PASSWORD of the environment counts where the file names no password.
/// Applied on top of `base`. bad_config, in one line: `{path}:{line}: {key}: …`, or what is wrong with the file itself.
[[nodiscard]] Result<Config> load_config(const std::string& path, Config base = {});

/// The same of a text that is YAML; `name` stands for the path in errors, and the environment is not asked.
[[nodiscard]] Result<Config> parse_yaml(std::string_view text, const std::string& name,
                                        std::string_view fallback_password = {}, Config base = {});

}  // namespace millrace
