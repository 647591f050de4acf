// A TCP listener that is no server: refuses, hangs, answers garbage or an endless line, or hangs up. For agents to
// survive.
#pragma once

#include <vector>

#include "base/process.hpp"
#include "world/driver.hpp"

struct pollfd;

namespace millrace::harness {

class TcpBadPeer : public BadPeer {
  public:
    explicit TcpBadPeer(Kind kind);

    [[nodiscard]] Url url() const override;
    [[nodiscard]] const std::vector<Instant>& accepted() const override { return accepted_; }
    void become(Kind kind) override;

    void add_poll(std::vector<pollfd>& fds) const;
    void pump();

  private:
    [[nodiscard]] bool listens() const { return kind_ != Kind::Closed; }
    // True while the connection stays.
    bool serve(int fd);

    Kind kind_;
    FileDescriptor socket_;
    int port_;
    std::vector<FileDescriptor> connections_;
    std::vector<Instant> accepted_;
};

}  // namespace millrace::harness
