// The harness's own version, in reports and --version.
#pragma once

namespace millrace::harness {

#ifdef MILLRACE_VERSION
inline constexpr const char* version = MILLRACE_VERSION;
#else
inline constexpr const char* version = "0.1.0";
#endif

}  // namespace millrace::harness
