// How fast bytes become entries. Not a test: build/<preset>/tests/bench/millrace-decode-bench prints figures. Goals on
// one core of a current machine: 3 million small entries a second, 1 GB/s of large values.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "resp/decoder.hpp"

namespace millrace::resp {
namespace {

void append_bulk(std::string& wire, const std::string& text) {
    wire.append("$").append(std::to_string(text.size())).append("\r\n").append(text).append("\r\n");
}

std::string read_reply(int64_t count, size_t fields, size_t value_bytes) {
    std::string wire("*1\r\n*2\r\n$6\r\nstream\r\n*");
    wire.append(std::to_string(count)).append("\r\n");
    for (int64_t i = 0; i < count; ++i) {
        wire.append("*2\r\n");
        append_bulk(wire, std::to_string(1526919030474 + i).append("-0"));
        wire.append("*").append(std::to_string(2 * fields)).append("\r\n");
        for (size_t f = 0; f < fields; ++f) {
            append_bulk(wire, std::string("name").append(std::to_string(f)));
            append_bulk(wire, std::string(value_bytes, 'v'));
        }
    }
    return wire;
}

class Sink final : public EntrySink {
  public:
    explicit Sink(SegmentStore& store) : store_(store) {}
    void handle_stream(std::string_view) override {}
    void handle_entry(const EntryRecord& record) override {
        store_.release(record.segment);
        ++entries;
    }
    void handle_deleted(EntryId) override {}
    void handle_too_large(EntryId, uint64_t) override {}
    int64_t entries = 0;

  private:
    SegmentStore& store_;
};

// In pieces as a socket would give them, each copied once: that copy stands for the read.
void run(benchmark::State& state, const std::string& wire) {
    SegmentStore store;
    Sink sink(store);
    Decoder decoder(Limits{}, store);
    for (auto _ : state) {
        std::string_view rest = wire;
        auto step = Decoder::Step::need_more;
        while (!rest.empty()) {
            const auto room = decoder.room();
            const size_t size = std::min(room.size(), rest.size());
            std::memcpy(room.data(), rest.data(), size);
            decoder.commit(size);
            rest.remove_prefix(size);
            step = decoder.step(Shape::streams, &sink);
        }
        if (step != Decoder::Step::reply) state.SkipWithError("no reply");
    }
    state.SetItemsProcessed(sink.entries);
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(wire.size()));
}

void small_entries(benchmark::State& state) {
    run(state, read_reply(state.range(0), 5, 10));
}
BENCHMARK(small_entries)->Arg(10)->Arg(100)->Arg(1000);

void one_field(benchmark::State& state) {
    run(state, read_reply(100, 1, static_cast<size_t>(state.range(0))));
}
BENCHMARK(one_field)->Arg(250)->Arg(4096)->Arg(100'000);

void large_values(benchmark::State& state) {
    run(state, read_reply(1, 1, static_cast<size_t>(state.range(0))));
}
BENCHMARK(large_values)->Arg(1 << 20)->Arg(16 << 20)->Arg(100 << 20);

// Many short replies in one buffer, as acks are answered while others are in flight.
void integers(benchmark::State& state) {
    std::string wire;
    for (int i = 0; i < 1000; ++i) wire += ":100\r\n";
    SegmentStore store;
    Decoder decoder(Limits{}, store);
    int64_t replies = 0;
    for (auto _ : state) {
        std::memcpy(decoder.room().data(), wire.data(), wire.size());
        decoder.commit(wire.size());
        while (decoder.step(Shape::tree, nullptr) == Decoder::Step::reply) ++replies;
    }
    state.SetItemsProcessed(replies);
}
BENCHMARK(integers);

}  // namespace
}  // namespace millrace::resp
