// Protocol 1 over millrace::Client: requests in, answers and events out. One source, one thread.
//
// Nothing is acked but what the harness acks; in Pub/Sub mode and for tails, where there is nothing to ack, a batch is
// let go as soon as it is handed over. While the harness does not read its end of stdout, no batch is taken from the
// client (lines.hpp).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "endpoint.hpp"
#include "held_batches.hpp"
#include "millrace/client.hpp"

namespace millrace::agent {

class Agent : public Endpoint {
  public:
    explicit Agent(LineWriter& out) : Endpoint(out, "millrace-agent", MILLRACE_VERSION) {}

    void turn(std::span<pollfd> fds) override;
    void drain(const Json& re, std::chrono::milliseconds timeout) override;
    void end(std::chrono::milliseconds timeout) override;

  private:
    void handle_request(const std::string& op, const Json& request) override;
    void start(const Json& request);
    void tell_health(const Json& re);
    void settle(const Json& request);
    void publish(const Json& request);
    void ask_dead(const Json& request);
    void redrive(const Json& request);
    [[nodiscard]] std::string stream_of(const Json& request);
    void set_paused(const Json& request, bool paused);

    [[nodiscard]] Config configuration(const Json& request) const;
    [[nodiscard]] Client& client();
    void on_event(const Event& event);
    void hand_over();

    std::optional<Client> client_;
    std::optional<SourceId> source_;
    std::string only_stream_;
    Config config_;  ///< its keys of publishing
    Json start_re_;
    Json drain_re_;
    bool ready_ = false;
    bool ended_ = false;  ///< the source hands over nothing any more
    bool keep_ = true;    ///< whether batches are held until the harness settles them
    HeldBatches<Batch> held_;
    std::map<Ticket, Json> asked_;  ///< requests about dead letters, by what the answer carries
};

}  // namespace millrace::agent
