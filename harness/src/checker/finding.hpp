// One thing that was found wrong, with the line of the specification that it misses.
#pragma once

#include <string>

namespace millrace::harness {

enum class Severity { NonStrict, Failed };

struct Finding {
    Severity severity = Severity::Failed;
    std::string spec;
    std::string text;
};

}  // namespace millrace::harness
