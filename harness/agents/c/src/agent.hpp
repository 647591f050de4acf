// Protocol 1 over millrace.h: requests in, answers and events out. One source, one thread, a loop of our own.
//
// Nothing is acked but what the harness acks; in Pub/Sub mode and for tails, where there is nothing to ack, a batch is
// let go as soon as it is handed over. While the harness does not read its end of stdout, no batch is taken from the
// client (lines.hpp).
#pragma once

#include <map>
#include <string>

#include "endpoint.hpp"
#include "handles.hpp"
#include "held_batches.hpp"

namespace millrace::agent {

class Agent : public Endpoint {
  public:
    explicit Agent(LineWriter& out) : Endpoint(out, "millrace-agent-c", mr_version()) {}

    void turn(std::span<pollfd> fds) override;
    void drain(const Json& re, std::chrono::milliseconds timeout) override;
    void end(std::chrono::milliseconds timeout) override;

  private:
    void handle_request(const std::string& op, const Json& request) override;
    void start(const Json& request);
    void settle(const std::string& op, const Json& request);
    void publish(const Json& request);
    void ask_dead(const Json& request);
    void redrive(const Json& request);
    void set_paused(const std::string& op, const Json& request);
    void tell_health(const Json& re);
    void tell_metrics(const Json& re);

    [[nodiscard]] mr_client* client() const;
    [[nodiscard]] std::string stream_of(const Json& request) const;
    void tell_events();
    void tell(const mr_event& event);
    void hand_over();
    void hand_over(OwnedBatch batch);
    [[nodiscard]] int wait_ms() const;

    OwnedConfig config_;
    OwnedClient client_;
    uint32_t source_ = 0;
    std::string only_stream_;
    Json start_re_;
    Json drain_re_;
    bool ready_ = false;
    bool ended_ = false;  ///< the source hands over nothing any more
    bool keep_ = true;    ///< whether batches are held until the harness settles them
    HeldBatches<OwnedBatch> held_;
    std::map<uint64_t, Json> asked_;  ///< the requests that events answer, by their tickets
};

}  // namespace millrace::agent
