// Records a trace of the main job against a real server that it starts: publish, a burst in batches, acks in part and
// in whole, a flush, a nack, a lost connection in the middle, values of every size and kind, shutdown.
//
//     millrace-record-trace FILE [redis-server options …]
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "host.hpp"
#include "local_server.hpp"

namespace {

using namespace millrace;
using replay::Host;

// Seed and calendar are fixed, so that of two recordings only what the server said and when differs.
constexpr Seed128 seed{0x6d696c6c72616365, 0x7265706c61796564};
constexpr WallTime wall{1'700'000'000'000'000};

std::vector<std::string> sample_values(size_t count, size_t bytes) {
    std::vector<std::string> values;
    for (size_t i = 0; i < count; ++i) {
        std::string value = "value " + std::to_string(i) + " ";
        // Every byte there is in small values; the large ones stay readable, and the trace small.
        while (value.size() < bytes) value += static_cast<char>(bytes < 1000 ? value.size() * 7 + i : 'a' + i);
        values.push_back(std::move(value));
    }
    return values;
}

class Story {
  public:
    Story(Host& host, std::string stream) : host_(host), stream_(std::move(stream)) {}

    void play(const std::string& source_url) {
        expect(host_.machine().open(source_url, host_.now()).ok(), "open");
        until([this] { return ready_; });
        publish(sample_values(20, 10));
        until([this] { return acked_ == 20; });  // four batches of five
        publish(sample_values(3, 4000));
        until([this] { return acked_ == 23; });  // a flush
        nack_next_ = true;
        publish(sample_values(2, 10));
        until([this] { return acked_ == 25; });
        hold_ = true;
        publish(sample_values(7, 300));
        until([this] { return !held_.empty(); });
        host_.cut(LaneRole::read);
        hold_ = false;
        for (const BatchId batch : held_) settle(batch, 5);
        until([this] { return acked_ == 32 && reconnected_; });
        expect(host_.machine().shutdown(seconds(1), host_.now()).ok(), "shutdown");
        until([this] { return host_.machine().finished(); });
    }

  private:
    static void expect(bool ok, const char* what) {
        if (!ok) throw std::runtime_error(std::string(what) + " was refused");
    }

    void until(const std::function<bool()>& done) {
        host_.run([this](const Event& event) { handle(event); }, done);
    }

    void publish(const std::vector<std::string>& values) {
        std::vector<Field> fields;
        std::vector<PublishEntry> entries;
        for (const std::string& value : values) {
            fields.push_back({"id", "x"});
            fields.push_back({"payload", value});
        }
        for (size_t i = 0; i < values.size(); ++i)
            entries.push_back({std::span<const Field>(fields).subspan(2 * i, 2)});
        expect(host_.machine().publish({stream_, entries, {}}, host_.now()).ok(), "publish");
    }

    void handle(const Event& event) {
        if (std::holds_alternative<Ready>(event)) ready_ = true;
        if (std::holds_alternative<Reconnected>(event)) reconnected_ = true;
        if (const auto* acked = std::get_if<Acked>(&event)) acked_ += acked->indices.size();
        if (const auto* batch = std::get_if<BatchReady>(&event)) handle_batch(*batch);
    }

    void handle_batch(const BatchReady& batch) {
        if (hold_ && held_.empty()) {
            held_.push_back(batch.batch);
        } else if (nack_next_) {
            nack_next_ = false;
            expect(host_.machine().nack(batch.batch, EntrySet::all(), milliseconds(50), host_.now()).ok(), "nack");
            host_.machine().release(batch.batch, host_.now());
        } else {
            settle(batch.batch, batch.entries.size());
        }
    }

    // In two parts where there are enough entries, the later ones first.
    void settle(BatchId batch, size_t size) {
        if (size == 5) {
            const uint32_t late[] = {3, 4};
            const uint32_t early[] = {0, 1, 2};
            expect(host_.machine().ack(batch, EntrySet::of(late), host_.now()).ok(), "a part's ack");
            expect(host_.machine().ack(batch, EntrySet::of(early), host_.now()).ok(), "the rest's ack");
        } else {
            expect(host_.machine().ack(batch, EntrySet::all(), host_.now()).ok(), "ack");
        }
        host_.machine().release(batch, host_.now());
    }

    Host& host_;
    std::string stream_;
    bool ready_ = false;
    bool reconnected_ = false;
    bool nack_next_ = false;
    bool hold_ = false;
    std::vector<BatchId> held_;
    size_t acked_ = 0;
};

int record(const char* path, const std::vector<std::string>& options) {
    const auto server = testing::LocalServer::start(options);
    if (server == nullptr) {
        std::puts("no redis-server: run ./dev servers fetch");
        return 77;
    }
    std::string trace;
    const Instant start = Host::clock();
    auto machine = replay::TracedMachine::create(server->url("block=200ms&retry_delay=20ms"), seed, {}, wall, trace);
    if (!machine) throw std::runtime_error(machine.error().message);
    Host host(std::move(machine).value(), start);
    Story(host, "orders")
        .play(server->url("stream=orders&group=billing&consumer=one&batch_size=5&flush_interval=100ms"));
    std::ofstream(path, std::ios::binary) << trace;
    std::printf("%zu bytes of trace in %s\n", trace.size(), path);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: millrace-record-trace FILE [redis-server options ...]\n", stderr);
        return 2;
    }
    try {
        return record(argv[1], std::vector<std::string>(argv + 2, argv + argc));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "millrace-record-trace: %s\n", error.what());
        return 1;
    }
}
