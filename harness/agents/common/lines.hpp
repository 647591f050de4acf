// Lines over descriptors that never hold up the loop.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace millrace::agent {

/// Cuts what a descriptor brings into lines. The descriptor may block: fill() is called when poll says that it is
/// readable.
class LineReader {
  public:
    explicit LineReader(int descriptor) : descriptor_(descriptor) {}
    /// Reads once and calls back for each whole line, without its newline; the last one counts even if it has none.
    /// False at the end. A line past line_bytes_max is told once by `on_too_long`, and passed over.
    bool fill(const std::function<void(std::string_view)>& on_line, const std::function<void()>& on_too_long);

    /// A publish of the largest value that a server takes, 512 MB, in base64.
    static constexpr size_t line_bytes_max = 768ULL << 20;

  private:
    int descriptor_;
    std::string pending_;
    size_t searched_ = 0;
    bool skipping_ = false;
};

/// Queues lines and writes what the descriptor takes, which is made non-blocking for as long as this object lives.
class LineWriter {
  public:
    explicit LineWriter(int descriptor);
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;
    /// Writes the rest, waiting for it, and restores the descriptor's mode.
    ~LineWriter();

    void add(std::string line);
    void flush();
    [[nodiscard]] bool pending() const { return !queue_.empty(); }
    /// Nobody reads any more.
    [[nodiscard]] bool broken() const { return broken_; }
    /// Past this the agent takes no more batches: the machine then stops reading at its prefetch, so a slow harness
    /// bounds everything.
    [[nodiscard]] bool full() const { return queue_.size() - sent_ > queue_bytes_max; }

    static constexpr size_t queue_bytes_max = 1 << 20;

  private:
    int descriptor_;
    int flags_;
    std::string queue_;
    size_t sent_ = 0;
    bool broken_ = false;
};

}  // namespace millrace::agent
