// The closed table of what an agent may say it can do, and the operations each word stands for.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace millrace::harness {

struct Capability {
    std::string_view name;
    std::string_view means;
};

std::span<const Capability> capabilities();
bool is_capability(std::string_view name);

using CapabilitySet = std::set<std::string, std::less<>>;

}  // namespace millrace::harness
