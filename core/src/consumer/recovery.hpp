// Recovery of one stream's own pending entries (REC-1), as a plan: first count a page by XPENDING, give back what a
// lost reply counted, read the page by XREADGROUP of a past id, give back what was held, and on to the next page. It
// decides and remembers; the consumer sends and receives.
#pragma once

#include <cstdint>
#include <optional>

#include "base/buffer.hpp"
#include "millrace/entry.hpp"
#include "millrace/time.hpp"
#include "resp/tree.hpp"

namespace millrace {

/// How often an entry was delivered, as a row of XPENDING tells it.
[[nodiscard]] uint32_t delivery_count(const resp::Reply& reply);
/// For how long it has been idle, as the same row tells it: a century at most, so that it can be reckoned with.
[[nodiscard]] Duration idle_time(const resp::Reply& reply);

/// A pending entry as XPENDING showed it before the page was read.
struct PageRow {
    EntryId id;
    uint32_t deliveries = 0;  ///< the count before the read
    bool restore = false;     ///< the count is to be given back
    bool skip = false;        ///< held, or on its way to be acked, when the read was sent
    bool came = false;
};

class Recovery {
  public:
    /// What should the consumer do next about this stream?
    enum class Step : uint8_t {
        count,  ///< send XPENDING from cursor_after()
        read,   ///< send XREADGROUP after cursor(), of page_size() entries
        await,  ///< a reply is owed
        done,
    };

    [[nodiscard]] Step next() const { return step_; }
    /// Starts again from the first pending entry, on a new connection or the first one.
    void restart();
    /// Nothing to recover from: the stream was just made.
    void finish() { step_ = Step::done; }

    [[nodiscard]] EntryId cursor() const { return cursor_; }
    /// The smallest id behind the cursor: XPENDING has no exclusive ranges before 6.2. None at the very last id.
    [[nodiscard]] std::optional<EntryId> cursor_after() const;
    [[nodiscard]] Buffer<PageRow>& page() { return page_; }
    [[nodiscard]] uint32_t page_size() const { return page_size_; }

    void handle_count_sent() { step_ = Step::await; }
    /// The rows of XPENDING, extended form: [id, consumer, idle ms, deliveries]. Afterwards the rows whose count a lost
    /// reply had raised have restore set, once. False when there is no memory for them.
    [[nodiscard]] bool handle_counts(const resp::Reply& rows);
    /// There is no XPENDING to be had: the page is read as it comes.
    void handle_no_counts(uint32_t page_size);
    void handle_read_sent();
    /// An entry of the page: its row, or null when another process moved it here meanwhile.
    [[nodiscard]] PageRow* handle_entry(EntryId id);
    /// One that is held, and that XPENDING had not shown: the read has counted it all the same.
    void handle_extra(EntryId id, uint32_t deliveries);
    /// Afterwards the rows of what is held have restore set.
    void handle_read_end();
    /// The reply to the read of the page was lost; the server may have counted it.
    void handle_read_lost();

  private:
    [[nodiscard]] PageRow* find(EntryId id);

    Step step_ = Step::done;
    EntryId cursor_;
    EntryId last_seen_;
    bool reading_ = false;
    uint32_t page_size_ = 0;
    uint32_t came_ = 0;  // entries of the page under way
    Buffer<PageRow> page_;
    Buffer<PageRow> extra_;
    Buffer<PageRow> uncertain_;  // of pages whose reply was lost: what is not held, with its counts as they were
};

}  // namespace millrace
