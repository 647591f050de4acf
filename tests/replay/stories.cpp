#include "stories.hpp"

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace millrace::replay {
namespace {

std::vector<std::string> sample_values(size_t count, size_t bytes) {
    std::vector<std::string> values;
    for (size_t i = 0; i < count; ++i) {
        std::string value = "value " + std::to_string(i) + " ";
        // Every byte there is in small values; the large ones stay readable, and the trace small.
        while (value.size() < bytes) value += static_cast<char>(bytes < 100 ? value.size() * 7 + i : 'a' + i);
        values.push_back(std::move(value));
    }
    return values;
}

void expect(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string(what) + " was refused");
}

// The application: counts what comes, and settles each batch as it is told to.
class Application {
  public:
    explicit Application(Host& host) : host_(host) {}

    enum class Answer : uint8_t { ack, nack, hold };
    Answer answer = Answer::ack;  ///< to the batches that come; after a nack it acks again
    size_t acked = 0;
    size_t delivered = 0;
    size_t published = 0;
    size_t ready = 0;
    size_t reconnected = 0;
    size_t closed = 0;

    SourceId open(const std::string& url) {
        const Result<SourceId> source = host_.machine().open(url, host_.now());
        expect(source.ok(), "open");
        return *source;
    }

    void until(const std::function<bool()>& done) {
        host_.run([this](const Event& event) { handle(event); }, done);
    }

    void publish(std::string_view stream, const std::vector<std::string>& values, bool atomic = false) {
        std::vector<Field> fields;
        std::vector<PublishEntry> entries;
        for (const std::string& value : values) {
            fields.push_back({"id", "x"});
            fields.push_back({"payload", value});
        }
        for (size_t i = 0; i < values.size(); ++i)
            entries.push_back({std::span<const Field>(fields).subspan(2 * i, 2)});
        expect(host_.machine().publish({stream, entries, PublishConfig{.atomic = atomic}}, host_.now()).ok(),
               "publish");
    }

    void settle_held() {
        answer = Answer::ack;
        for (const auto& [batch, size] : std::exchange(held_, {})) settle(batch, size);
    }
    [[nodiscard]] bool holds() const { return !held_.empty(); }

    void shut_down() {
        expect(host_.machine().drain({seconds(1), true}, host_.now()).ok(), "drain");
        until([this] { return host_.machine().finished(); });
    }

  private:
    void handle(const Event& event) {
        if (std::holds_alternative<Ready>(event)) ++ready;
        if (std::holds_alternative<Reconnected>(event)) ++reconnected;
        if (std::holds_alternative<Closed>(event)) ++closed;
        if (const auto* done = std::get_if<Acked>(&event)) acked += done->indices.size();
        if (const auto* done = std::get_if<Published>(&event)) published += done->results.size();
        if (const auto* batch = std::get_if<BatchReady>(&event)) handle_batch(*batch);
    }

    void handle_batch(const BatchReady& batch) {
        delivered += batch.entries.size();
        if (answer == Answer::hold) {
            held_.emplace_back(batch.batch, batch.entries.size());
        } else if (answer == Answer::nack) {
            answer = Answer::ack;
            expect(host_.machine().nack(batch.batch, EntrySet::all(), milliseconds(50), host_.now()).ok(), "nack");
            host_.machine().release(batch.batch, host_.now());
        } else {
            settle(batch.batch, batch.entries.size());
        }
    }

    // In two parts where there are enough entries, the later ones first. At-most-once deliveries have nothing to ack:
    // that is misuse, and recorded as what it is.
    void settle(BatchId batch, size_t size) {
        TracedMachine& machine = host_.machine();
        if (size == 5) {
            const uint32_t late[] = {3, 4};
            const uint32_t early[] = {0, 1, 2};
            static_cast<void>(machine.ack(batch, EntrySet::of(late), host_.now()));
            static_cast<void>(machine.ack(batch, EntrySet::of(early), host_.now()));
        } else {
            static_cast<void>(machine.ack(batch, EntrySet::all(), host_.now()));
        }
        machine.release(batch, host_.now());
    }

    Host& host_;
    std::vector<std::pair<BatchId, size_t>> held_;
};

// A burst in batches, a flush, a nack, and a connection lost while entries are held and others are on their way.
void play_main_job(Host& host, const testing::LocalServer& server) {
    Application app(host);
    app.open(server.url("stream=orders&group=billing&consumer=one&batch_size=5&flush_interval=100ms"));
    app.until([&] { return app.ready == 1; });
    app.publish("orders", sample_values(20, 10));
    app.until([&] { return app.acked == 20; });
    app.publish("orders", sample_values(3, 1500));
    app.until([&] { return app.acked == 23; });
    app.answer = Application::Answer::nack;
    app.publish("orders", sample_values(2, 10));
    app.until([&] { return app.acked == 25; });
    app.answer = Application::Answer::hold;
    app.publish("orders", sample_values(7, 300));
    app.until([&] { return app.holds(); });
    host.cut(LaneRole::read);
    app.settle_held();
    app.until([&] { return app.acked == 32 && app.reconnected > 0; });
    app.shut_down();
}

// From the last entries on, over two streams, paused for a while, and going on after a lost connection.
void play_tail(Host& host, const testing::LocalServer& server) {
    Application app(host);
    app.publish("orders", sample_values(5, 10), true);
    app.until([&] { return app.published == 5; });
    const SourceId tail = app.open(server.url("streams=orders,returns&group=&from=last:3&batch_size=4"));
    app.until([&] { return app.delivered == 3; });
    static_cast<void>(host.machine().pause(tail, host.now()));
    app.publish("returns", sample_values(4, 500));
    app.until([&] { return app.published == 9; });
    static_cast<void>(host.machine().resume(tail, host.now()));
    app.until([&] { return app.delivered == 7; });
    host.cut(LaneRole::read);
    app.publish("orders", sample_values(2, 10));
    app.until([&] { return app.delivered == 9; });
    static_cast<void>(host.machine().close(tail, host.now()));
    app.until([&] { return app.closed == 1; });
    app.shut_down();
}

void play_pubsub(Host& host, const testing::LocalServer& server) {
    Application app(host);
    app.open(server.url("stream=orders&batch_size=5&flush_interval=50ms"));
    app.until([&] { return app.ready == 1; });
    app.publish("orders", sample_values(7, 20));
    app.until([&] { return app.delivered == 7; });
    host.cut(LaneRole::push);
    app.until([&] { return app.reconnected == 1; });
    // Whether the new subscription is there yet nobody says: at most once. So again and again, until one comes.
    for (size_t turn = 1; app.delivered == 7; ++turn) {
        app.publish("orders", sample_values(1, 20));
        app.until([&] { return app.published == 7 + turn; });
        const Instant patience = host.now() + milliseconds(100);
        app.until([&] { return app.delivered > 7 || host.now() > patience; });
    }
    app.shut_down();
}

constexpr std::array<Story, 4> table{
    Story{"main_job", "block=200ms&retry_delay=20ms", play_main_job},
    Story{"one_lane", "block=50ms&retry_delay=20ms&lanes=1&protocol=2", play_main_job},
    Story{"tail", "block=200ms&retry_delay=20ms", play_tail},
    Story{"pubsub", "mode=pubsub&retry_delay=20ms", play_pubsub},
};

}  // namespace

std::span<const Story> stories() {
    return table;
}

}  // namespace millrace::replay
