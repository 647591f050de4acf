// Any bytes into the decoder, whole and in pieces. The first byte chooses the shape that is owed and the length of the
// pieces. What comes out must be the same both ways, every reference must be accounted for, and the sanitizers must
// have nothing to say. Links with libFuzzer (-fsanitize=fuzzer) as it is; ctest runs it through mutate_main.cpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "resp/decoder.hpp"

namespace {

using namespace millrace;
using resp::Decoder;

// FNV-1a over everything the decoder tells: enough to compare two runs.
class Digest final : public resp::EntrySink {
  public:
    explicit Digest(SegmentStore& store) : store_(store) {}

    void handle_stream(std::string_view name) override { add('s', name); }
    void handle_entry(const EntryRecord& record) override {
        add_number('e', record.id.ms);
        add_number('e', record.id.seq);
        uint64_t bytes = 0;
        for (const Field field : Entry(record, "")) {
            add('n', field.name);
            add('v', field.value);
            bytes += field.name.size() + field.value.size();
        }
        if (bytes != record.bytes) std::abort();
        store_.release(record.segment);
    }
    void handle_deleted(EntryId id) override { add_number('d', id.ms ^ id.seq); }
    void handle_too_large(EntryId id, uint64_t bytes) override {
        add_number('l', id.ms ^ id.seq);
        add_number('b', bytes);
    }

    void add_reply(const resp::Reply& reply) {
        add_number('t', static_cast<uint64_t>(reply.type()));
        add_number('i', static_cast<uint64_t>(reply.integer()) + (reply.boolean() ? 1 : 0));
        add('x', reply.text());
        uint32_t children = 0;
        for (const resp::Reply child : reply) {
            add_reply(child);
            ++children;
        }
        if (children != reply.size()) std::abort();
    }
    void add(char kind, std::string_view text) {
        add_byte(kind);
        for (const char c : text) add_byte(c);
    }
    void add_number(char kind, uint64_t number) {
        char bytes[sizeof number];
        std::memcpy(bytes, &number, sizeof number);
        add(kind, {bytes, sizeof bytes});
    }
    [[nodiscard]] uint64_t value() const { return value_; }

  private:
    void add_byte(char c) { value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3; }

    SegmentStore& store_;
    uint64_t value_ = 0xcbf29ce484222325;
};

uint64_t run(std::string_view wire, resp::Shape shape, size_t piece) {
    resp::Limits limits;
    limits.line_bytes = 256;
    limits.bulk_bytes = 4096;
    limits.depth = 8;
    limits.elements = 1000;
    SegmentStore store(512);
    Digest digest(store);
    {
        Decoder decoder(limits, store);
        auto step = Decoder::Step::need_more;
        while (!wire.empty() && step != Decoder::Step::failed) {
            const auto room = decoder.room(piece);
            const size_t size = std::min(std::min(room.size(), piece), wire.size());
            std::memcpy(room.data(), wire.data(), size);
            decoder.commit(size);
            wire.remove_prefix(size);
            while ((step = decoder.step(shape, &digest)) == Decoder::Step::reply || step == Decoder::Step::push) {
                digest.add_reply(decoder.tree().root());
            }
        }
        // Not the message: a long header that is no number is either, depending on whether its end has come.
        digest.add_number('c', static_cast<uint64_t>(decoder.error().code));
        digest.add_number('h', decoder.mid_reply() ? 1 : 0);
    }
    if (store.references() != 0 || store.live_bytes() != 0) std::abort();
    return digest.value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const auto shape = static_cast<resp::Shape>(data[0] % 3);
    const size_t piece = 1 + data[0] / 3 % 16;
    const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (run(wire, shape, SIZE_MAX) != run(wire, shape, piece)) {
        std::fputs("in pieces the bytes mean something else\n", stderr);
        std::abort();
    }
    return 0;
}
