// The replay as a module for JavaScript: a trace is put into memory from malloc, and the replay's trace, or an error,
// is read from there.
#include <cstddef>
#include <string>
#include <string_view>

#include "replay.hpp"

namespace {
std::string answer;
}

extern "C" {

/// 1 when the trace was replayed, 0 when a line of it is no call. What came of it is at millrace_replay_data.
int millrace_replay(const char* trace, size_t size) {
    const auto again = millrace::replay::replay(std::string_view(trace, size));
    answer = again ? *again : again.error().message;
    return again ? 1 : 0;
}
/// Valid until the next millrace_replay.
const char* millrace_replay_data() {
    return answer.data();
}
size_t millrace_replay_size() {
    return answer.size();
}
}
