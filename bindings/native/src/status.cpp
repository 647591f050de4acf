// The HTTP side of status.hpp: routes, and nothing about delivery. cpp-httplib owns sockets and threads.
#include "millrace/status.hpp"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>

#include "hub.hpp"

namespace millrace {

namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
    return value.has_value() ? Json(*value) : Json();
}

Json in_ms(const std::optional<Duration>& time) {
    return time.has_value() ? Json(time->us / 1000) : Json();
}

Json json_of(const Health& health) {
    Json json;
    json["healthy"] = health.healthy;
    json["error"] = health.error.empty() ? Json() : Json(health.error);
    json["mode"] = health.mode.has_value() ? Json(name(*health.mode)) : Json();
    json["consumerGroup"] = health.group.empty() ? Json() : Json(health.group);
    json["consumer"] = health.consumer.empty() ? Json() : Json(health.consumer);
    json["streamLength"] = or_null(health.stream_length);
    json["pendingMessages"] = or_null(health.pending);
    json["lag"] = or_null(health.lag);
    json["oldestPendingMs"] = in_ms(health.oldest_pending);
    json["held"] = health.held;
    json["sinceHeardMs"] = health.since_heard.us / 1000;
    json["sinceLookedMs"] = in_ms(health.since_looked);
    return json;
}

/// Names of groups are bytes, and may be no UTF-8.
std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

constexpr int unavailable = 503;
constexpr auto json_type = "application/json";

}  // namespace

std::string to_json(const Health& health) {
    return text_of(json_of(health));
}

namespace native {

class StatusListener {
  public:
    StatusListener(std::shared_ptr<Hub> hub, StatusOptions options)
        : hub_(std::move(hub)), options_(std::move(options)) {
        // Each connection has a thread, of few, which by default waits 5 s for more: a probe would wait for a place,
        // and the end of this object for them all.
        server_.set_keep_alive_max_count(1);
        server_.set_keep_alive_timeout(1);
        server_.set_read_timeout(1);
        server_.Get("/livez", [this](const httplib::Request&, httplib::Response& response) {
            const bool lives = hub_->lives();
            response.status = lives ? 200 : unavailable;
            response.set_content(lives ? "ok\n" : "the client has ended\n", "text/plain");
        });
        server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) { ready(response); });
        server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
            response.set_content(hub_->metrics({options_.names, options_.pipeline, options_.sink}),
                                 "text/plain; version=0.0.4; charset=utf-8");
        });
    }
    StatusListener(const StatusListener&) = delete;
    StatusListener& operator=(const StatusListener&) = delete;
    ~StatusListener() {
        server_.stop();
        if (thread_.joinable()) thread_.join();
    }

    [[nodiscard]] Status listen() {
        const std::string where = options_.host + ":" + std::to_string(options_.port);
        // By default the library shares a port that somebody else listens on.
        server_.set_socket_options([](socket_t socket) {
            const int yes = 1;
            (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        });
        const int port = options_.port == 0 ? server_.bind_to_any_port(options_.host)
                                            : (server_.bind_to_port(options_.host, options_.port) ? options_.port : -1);
        if (port <= 0) return Error(Code::bad_argument, "serve_status: can't listen on " + where);
        port_ = static_cast<uint16_t>(port);
        try {
            thread_ = std::thread([this] {
                (void)server_.listen_after_bind();
                ended_ = true;
            });
        } catch (const std::system_error& failure) {
            return Error(Code::out_of_memory, std::string("serve_status: no thread to be had: ") + failure.what());
        }
        // A stop that comes before the loop has begun would be missed, and the thread never end.
        while (!server_.is_running() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (ended_) return Error(Code::bad_argument, "serve_status: can't listen on " + where);
        return {};
    }
    [[nodiscard]] uint16_t port() const { return port_; }

  private:
    void ready(httplib::Response& response) {
        Json sources = Json::array();
        bool all = true;
        for (const auto& [id, health] : hub_->health()) {
            all = all && health.healthy;
            Json source = json_of(health);
            source["source"] = static_cast<uint32_t>(id);
            sources.push_back(std::move(source));
        }
        all = all && !sources.empty() && hub_->lives();
        response.status = all ? 200 : unavailable;
        response.set_content(text_of(Json{{"healthy", all}, {"sources", std::move(sources)}}) + "\n", json_type);
    }

    const std::shared_ptr<Hub> hub_;
    const StatusOptions options_;
    httplib::Server server_;
    std::thread thread_;
    std::atomic<bool> ended_ = false;
    uint16_t port_ = 0;
};

Result<StatusServer> Hub::serve_status(const StatusOptions& options) {
    auto listener = std::make_unique<StatusListener>(shared_from_this(), options);
    if (Status status = listener->listen(); !status.ok()) return status.error();
    return StatusServer(std::move(listener));
}

}  // namespace native

StatusServer::StatusServer(std::unique_ptr<native::StatusListener> listener) : listener_(std::move(listener)) {}
StatusServer::StatusServer(StatusServer&&) noexcept = default;
StatusServer& StatusServer::operator=(StatusServer&&) noexcept = default;
StatusServer::~StatusServer() = default;

uint16_t StatusServer::port() const {
    return listener_->port();
}

}  // namespace millrace
