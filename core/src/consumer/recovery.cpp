#include "consumer/recovery.hpp"

#include <algorithm>
#include <limits>

namespace millrace {

uint32_t delivery_count(const resp::Reply& reply) {
    const int64_t count = reply.integer();
    if (count <= 0) return 0;
    constexpr int64_t most = std::numeric_limits<uint32_t>::max() - 1;
    return static_cast<uint32_t>(count < most ? count : most);
}

Duration idle_time(const resp::Reply& reply) {
    constexpr int64_t century_ms = 876'000LL * 3'600'000;
    return milliseconds(std::clamp<int64_t>(reply.integer(), 0, century_ms));
}

void Recovery::restart() {
    if (reading_) handle_read_lost();
    step_ = Step::count;
    cursor_ = {};
    page_.clear();
    extra_.clear();
}

std::optional<EntryId> Recovery::cursor_after() const {
    constexpr uint64_t last = std::numeric_limits<uint64_t>::max();
    if (cursor_.seq < last) return EntryId{cursor_.ms, cursor_.seq + 1};
    if (cursor_.ms < last) return EntryId{cursor_.ms + 1, 0};
    return std::nullopt;
}

bool Recovery::handle_counts(const resp::Reply& rows) {
    page_.clear();
    for (const resp::Reply& row : rows) {
        PageRow entry;
        entry.id = EntryId::parse(row[0].text()).value_or(EntryId{});
        entry.deliveries = delivery_count(row[3]);
        for (const PageRow& before : uncertain_) {
            if (before.id != entry.id || before.deliveries >= entry.deliveries) continue;
            entry.deliveries = before.deliveries;
            entry.restore = true;
        }
        if (!page_.push(entry)) return false;
    }
    if (page_.empty()) {
        uncertain_.clear();
        step_ = Step::done;
    } else {
        step_ = Step::read;
    }
    page_size_ = static_cast<uint32_t>(page_.size());
    return true;
}

void Recovery::handle_no_counts(uint32_t page_size) {
    page_.clear();
    page_size_ = page_size;
    step_ = Step::read;
}

void Recovery::handle_read_sent() {
    step_ = Step::await;
    reading_ = true;
    last_seen_ = cursor_;
    came_ = 0;
    extra_.clear();
    for (PageRow& row : page_) {
        row.restore = false;
        row.came = false;
    }
}

PageRow* Recovery::find(EntryId id) {
    size_t low = 0;
    size_t high = page_.size();
    while (low < high) {  // the rows are in the order of their ids
        const size_t middle = low + (high - low) / 2;
        if (page_[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < page_.size() && page_[low].id == id ? &page_[low] : nullptr;
}

PageRow* Recovery::handle_entry(EntryId id) {
    ++came_;
    if (id > last_seen_) last_seen_ = id;
    PageRow* row = find(id);
    if (row != nullptr) row->came = true;
    for (PageRow& before : uncertain_) {
        if (before.id != id) continue;
        before = uncertain_.back();  // its delivery has happened now: nothing is uncertain about its count any more
        uncertain_.truncate(uncertain_.size() - 1);
        break;
    }
    return row;
}

void Recovery::handle_extra(EntryId id, uint32_t deliveries) {
    PageRow row;
    row.id = id;
    row.deliveries = deliveries;
    row.skip = row.came = true;
    (void)extra_.push(row);  // refused memory costs a count, never an entry
}

void Recovery::handle_read_end() {
    reading_ = false;
    // A page that came in full may have held entries which XPENDING did not show, and so not all that it did.
    const bool is_last = came_ < page_size_;
    if (is_last && !page_.empty() && page_.back().id > last_seen_) last_seen_ = page_.back().id;
    cursor_ = last_seen_;
    step_ = is_last && page_.empty() ? Step::done : Step::count;
    (void)page_.append(extra_.data(), extra_.size());
    for (PageRow& row : page_) row.restore = row.skip && row.came;
}

void Recovery::handle_read_lost() {
    reading_ = false;
    step_ = Step::count;
    for (const PageRow& row : page_) {
        // What came before the connection broke was counted and handed on: that delivery happened. And of what is held
        // it is known how often it was delivered.
        if (row.came || row.skip) continue;
        bool known = false;
        for (const PageRow& before : uncertain_) known = known || before.id == row.id;
        if (!known && !uncertain_.push(row)) return;  // refused memory costs a count, never an entry
    }
}

}  // namespace millrace
