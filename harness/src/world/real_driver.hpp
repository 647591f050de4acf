// Real time: agents are processes, servers are servers, and one poll loop per case moves it all on.
#pragma once

#include <memory>
#include <vector>

#include "world/driver.hpp"

namespace millrace::harness {

std::unique_ptr<Driver> make_real_driver();

}  // namespace millrace::harness
