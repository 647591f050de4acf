// What operators look at, over HTTP: health for probes, metrics for Prometheus. Read-only, and only what Client::health
// and Client::metrics tell; who may reach the port is for the network to say.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/millrace.hpp"

namespace millrace {

namespace native {
class Hub;
class StatusListener;
}  // namespace native

struct StatusOptions {
    std::string host = "127.0.0.1";  ///< `0.0.0.0` or `::` for every interface
    uint16_t port = 0;               ///< 0: any that is free
    MetricNames names = MetricNames::millrace;
    std::string pipeline = "millrace", sink = "redis";  ///< of the deltaforge names
};

/// `GET /livez`: 200 while the client can work at all, 503 once it was closed or refused for good. `GET /readyz`: 200
/// when every source is healthy and there is one, else 503; its body is JSON and says of each why. `GET /metrics`:
/// Prometheus text. It has threads of its own and ends with this object; it may outlive its client.
class StatusServer {
  public:
    StatusServer(StatusServer&&) noexcept;
    StatusServer& operator=(StatusServer&&) noexcept;
    ~StatusServer();
    /// Where it listens.
    [[nodiscard]] uint16_t port() const;

  private:
    friend class native::Hub;
    explicit StatusServer(std::unique_ptr<native::StatusListener> listener);
    std::unique_ptr<native::StatusListener> listener_;
};

/// One JSON object: `healthy`, `error`, `mode`, `consumerGroup`, `consumer`, `streamLength`, `pendingMessages`, `lag`,
/// `oldestPendingMs`, `held`, `sinceHeardMs`, `sinceLookedMs`; null where it is not known.
[[nodiscard]] std::string to_json(const Health& health);

}  // namespace millrace
