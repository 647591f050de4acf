// A port of 127.0.0.1 for a server to be started, and started again, on: as long as this lives, nobody else gets it.
#pragma once

#include "base/file_descriptor.hpp"

namespace millrace::harness {

// A port that merely was free a moment ago may be another server's when ours is started, and whoever asks there then
// takes the other one for it. So a socket stays bound to the port without listening. The system gives a bound port to
// nobody who asks for any, nor to a connection that goes out (which could otherwise connect to itself while the server
// is away); a server that sets SO_REUSEADDR, as all do that are to come up again at once, may listen on it. Until one
// does, connections are refused.
class ReservedPort {
  public:
    ReservedPort();  // throws std::runtime_error
    [[nodiscard]] int number() const { return number_; }

  private:
    FileDescriptor fd_;
    int number_ = 0;
};

}  // namespace millrace::harness
