// The file of `run --config`: configuration keys for every start, as JSON or YAML, alone or in a whole configuration
// file of the notification agent's shape. What the keys mean is the agents' business.
#pragma once

#include <string>

#include "agent/protocol.hpp"

namespace millrace::harness {

// An object of keys. What a case chooses itself (the server, its password, streams, group) is left out: a run must not
// touch the server that a production file names. Throws std::runtime_error with one line that names the file and never
// quotes it.
Json read_config_file(const std::string& path);

}  // namespace millrace::harness
