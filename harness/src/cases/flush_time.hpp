// How early and how late a flush may be (BAT-3), for the cases of Streams and of Pub/Sub alike.
#pragma once

#include "world/world.hpp"

namespace millrace::harness {

void judge_flush(World& world, const Batch& batch, Instant sent, Instant confirmed, Duration flush_interval);

}  // namespace millrace::harness
