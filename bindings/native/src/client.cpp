// The public face: everything is done by the hub.
#include "millrace/client.hpp"

#include <cstdlib>
#include <utility>

#include "hub.hpp"

namespace millrace {
namespace {

void leave(std::shared_ptr<native::Hub> hub) {
    if (!hub) return;
    if (!hub->is_foreign()) return hub->abandon();
    // Never destroyed: that would end the parent's connections, and wait for a thread of the parent's.
    (void)new std::shared_ptr<native::Hub>(std::move(hub));
}

}  // namespace

Result<Client> Client::connect(std::string_view url, ClientOptions options) {
    Result<Config> config = parse_url(url);
    if (!config) return config.error();
    if (config->client.password.empty()) {
        if (const char* const password = std::getenv("REDIS_PASSWORD")) config->client.password = Secret(password);
    }
    return create(*config, std::move(options));
}

Result<Client> Client::create(const Config& config, ClientOptions options) {
    Result<std::shared_ptr<native::Hub>> hub = native::Hub::create(config, std::move(options));
    if (!hub) return hub.error();
    return Client(std::move(hub).value());
}

Client::Client(std::shared_ptr<native::Hub> hub) : hub_(std::move(hub)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
    if (this == &other) return *this;
    leave(std::exchange(hub_, std::move(other.hub_)));
    return *this;
}

Client::~Client() {
    leave(std::move(hub_));
}

Status Client::run_handler(const SourceOptions& source, Handler handler) {
    return hub_->run(source, handler);
}
void Client::stop() noexcept {
    hub_->stop();
}

void Client::wake() noexcept {
    hub_->interrupt();
}

Result<SourceId> Client::open(const SourceOptions& source) {
    return hub_->open(source);
}
Result<SourceId> Client::open_configured(const SourceConfig& source) {
    return hub_->open(source);
}
Result<std::optional<Batch>> Client::next(Duration timeout, std::optional<SourceId> source) {
    return hub_->next(timeout, source);
}
Status Client::close(SourceId source) {
    return hub_->close(source);
}
Result<Ticket> Client::dead(const DeadQuery& query) {
    return hub_->dead(query);
}

Result<Ticket> Client::redrive(std::string_view stream, std::span<const EntryId> dead_ids) {
    return hub_->redrive(stream, dead_ids);
}

Result<Ticket> Client::change_group(const GroupChange& change) {
    return hub_->change_group(change);
}
Status Client::pause(SourceId source) {
    return hub_->pause(source);
}
Status Client::resume(SourceId source) {
    return hub_->resume(source);
}

Result<Health> Client::health(SourceId source, Duration timeout) {
    return hub_->health(source, timeout);
}
std::vector<std::pair<SourceId, Health>> Client::health() {
    return hub_->health();
}
Result<StatusServer> Client::serve_status(const StatusOptions& options) {
    return hub_->serve_status(options);
}
std::string Client::metrics(const MetricsOptions& options) {
    return hub_->metrics(options);
}

Status Client::replace_credentials(std::string username, Secret password) {
    return hub_->replace_credentials(std::move(username), std::move(password));
}

Result<PublishResult> Client::publish(std::string_view stream, std::initializer_list<Field> fields, Duration timeout) {
    const PublishEntry entry{{fields.begin(), fields.size()}};
    Result<std::vector<PublishResult>> results = hub_->publish({stream, {&entry, 1}, {}}, timeout);
    if (!results) return results.error();
    PublishResult result = std::move(results->front());
    if (result.error) return *std::move(result.error);
    return result;
}

Result<std::vector<PublishResult>> Client::publish(const Publish& publish, Duration timeout) {
    return hub_->publish(publish, timeout);
}
Status Client::publish_async(const Publish& publish, PublishCallback callback) {
    return hub_->publish_async(publish, std::move(callback));
}

Status Client::start() {
    return hub_->start();
}
Status Client::turn(Duration timeout, std::span<pollfd> also) {
    return hub_->turn(timeout, also);
}
int Client::fd() const {
    return hub_->fd();
}
std::optional<Duration> Client::wait_max() const {
    return hub_->wait_max();
}
Status Client::drain(Duration timeout) {
    return hub_->drain(timeout);
}
Result<uint64_t> Client::close(Duration timeout) {
    return hub_->close(timeout);
}

}  // namespace millrace
