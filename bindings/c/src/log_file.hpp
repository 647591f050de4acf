// Lines of logs to a descriptor of the program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "millrace/event.hpp"

namespace millrace::c {

/// What sees the events of a client whose options name `descriptor`; bad_argument where it is not open for writing, or
/// there is no such level.
[[nodiscard]] Result<std::function<void(const Event&)>> log_to_descriptor(int32_t descriptor, uint32_t level);

}  // namespace millrace::c
