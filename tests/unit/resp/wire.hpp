// Feeds literal wire bytes to a decoder and writes down what comes out, so that a test compares an input with a
// transcript. Every input is also fed byte by byte and cut in two at each point: the transcript must be the same.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "resp/decoder.hpp"

namespace millrace::resp::test {

/// One string an event: `stream s`, `entry 1-2 name=value …`, `deleted 1-2`, `too large 1-2 (20)`, `reply …`, `push …`,
/// `failed code: message`, and at last `needs more` when the input ends inside a reply. A tree reads `[1, "text",
/// nil]`, with `%[…]` for a map, `~[…]` a set, `>[…]` a push,
/// `+status`, `-error`, `(big number`, `,real`, `#true`.
using Transcript = std::vector<std::string>;

[[nodiscard]] std::string describe(const Reply& reply);

/// Collects what a decoder tells, and gives the references back at once.
class Recorder final : public EntrySink {
  public:
    explicit Recorder(SegmentStore& store) : store_(&store) {}
    void handle_stream(std::string_view name) override;
    void handle_entry(const EntryRecord& record) override;
    void handle_deleted(EntryId id) override;
    void handle_too_large(EntryId id, uint64_t bytes) override;

    Transcript transcript;

  private:
    SegmentStore* store_;
};

/// Puts all of `bytes` into the decoder, as its room allows, stepping in between. False when it gives no room any more.
bool feed(Decoder& decoder, std::string_view bytes, const std::vector<Shape>& shapes, size_t& shape,
          Recorder& recorder);

/// What comes of `wire`, cut at the given points. The replies owed have the given shapes in turn, the last one for all
/// that follow.
[[nodiscard]] Transcript decode(std::string_view wire, const std::vector<Shape>& shapes,
                                const std::vector<size_t>& cuts, const Limits& limits = {});

/// The same in one piece, byte by byte and cut in two at each point; a difference is a failure of the test.
[[nodiscard]] Transcript decode(std::string_view wire, const std::vector<Shape>& shapes, const Limits& limits = {});
[[nodiscard]] Transcript decode(std::string_view wire, Shape shape = Shape::tree, const Limits& limits = {});

/// `$size\r\ntext\r\n`
[[nodiscard]] std::string bulk(std::string_view text);

}  // namespace millrace::resp::test
