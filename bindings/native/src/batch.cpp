// A batch in the application's hands: which of its entries are settled, and that its bytes are freed once.
#include <algorithm>
#include <string>
#include <utility>

#include "hub.hpp"
#include "millrace/client.hpp"

namespace millrace {
namespace {

/// 0, 1, 2 and so on. Kept, because it is asked for with every batch; valid until this thread's next call.
std::span<const uint32_t> positions(size_t count) {
    thread_local std::vector<uint32_t> all;
    while (all.size() < count) all.push_back(static_cast<uint32_t>(all.size()));
    return std::span<const uint32_t>(all).first(count);
}

/// Refused because an entry is another's by now, or was settled without this object.
bool is_gone(const Status& refused) {
    return refused.error().code == Code::lost || refused.error().code == Code::not_held;
}

}  // namespace

Batch::Batch(std::shared_ptr<native::Hub> hub, const BatchReady& event)
    : hub_(std::move(hub)),
      view_(event.entries),
      id_(event.batch),
      source_(event.source),
      reason_(event.reason),
      count_(static_cast<uint32_t>(event.entries.size())) {}

Batch::Batch(Batch&& other) noexcept
    : hub_(std::move(other.hub_)),
      view_(std::exchange(other.view_, BatchView({}, nullptr))),
      id_(other.id_),
      source_(other.source_),
      reason_(other.reason_),
      count_(std::exchange(other.count_, 0)),
      settled_count_(std::exchange(other.settled_count_, 0)),
      settled_(std::move(other.settled_)),
      is_done_(std::exchange(other.is_done_, true)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
    if (this == &other) return *this;
    release();
    hub_ = std::move(other.hub_);
    view_ = std::exchange(other.view_, BatchView({}, nullptr));
    id_ = other.id_;
    source_ = other.source_;
    reason_ = other.reason_;
    count_ = std::exchange(other.count_, 0);
    settled_count_ = std::exchange(other.settled_count_, 0);
    settled_ = std::move(other.settled_);
    is_done_ = std::exchange(other.is_done_, true);
    return *this;
}

Batch::~Batch() {
    release();
}

void Batch::release() {
    if (view_.empty()) return;
    view_ = BatchView({}, nullptr);
    hub_->release(id_);
}

template <class Command>
Status Batch::settle_rest(Command command) {
    // Of what was settled entry by entry nothing is left to do, and nothing is wrong with that; twice all is.
    const bool is_again = std::exchange(is_done_, true);
    if (settled() && !is_again) return {};
    if (settled()) return Error(Code::not_held, "every entry of the batch is acked, nacked or rejected already");
    std::vector<uint32_t> rest;
    for (uint32_t i = 0; i < count_ && settled_count_ > 0; ++i) {
        if (!settled_[i]) rest.push_back(i);
    }
    // By their positions: all of a batch is to the machine what is still held, and says nothing of what was lost.
    const Status whole =
        command(EntrySet::of(settled_count_ == 0 ? positions(count_) : std::span<const uint32_t>(rest)));
    if (!whole && !is_gone(whole)) return whole;
    if (!whole) return settle_each(command, whole);
    settled_count_ = count_;
    return {};
}

/// Refused as a whole because some are not held any more, so one by one. What is refused otherwise (queue_full) is left
/// as it was, with all behind it.
template <class Command>
Status Batch::settle_each(Command command, Status whole) {
    bool any_settled = false;
    if (settled_.empty()) settled_.resize(count_);
    for (uint32_t i = 0; i < count_; ++i) {
        if (settled_[i]) continue;
        const Status each = command(EntrySet::of({&i, 1}));
        if (!each && !is_gone(each)) return each;
        settled_[i] = true;
        ++settled_count_;
        any_settled = any_settled || each.ok();
        if (!each && each.error().code == Code::lost) whole = each;
    }
    return any_settled && whole.error().code != Code::lost ? Status() : whole;
}

template <class Command>
Status Batch::settle(std::span<const uint32_t> indices, Command command) {
    for (const uint32_t index : indices) {
        if (index >= count_) {
            return Error(Code::bad_argument, "the batch has " + std::to_string(count_) + " entries, none at position " +
                                                 std::to_string(index));
        }
    }
    if (indices.empty()) return {};
    Status status = command(EntrySet::of(indices));
    if (!status) return status;
    if (settled_.empty()) settled_.resize(count_);
    for (const uint32_t index : indices) {
        if (settled_[index]) continue;
        settled_[index] = true;
        ++settled_count_;
    }
    return status;
}

Status Batch::ack() {
    return settle_rest([this](EntrySet entries) { return hub_->ack(id_, entries); });
}

Status Batch::ack(std::span<const uint32_t> indices) {
    return settle(indices, [this](EntrySet entries) { return hub_->ack(id_, entries); });
}

Status Batch::give_back() {
    return settle_rest([this](EntrySet entries) { return hub_->give_back(id_, entries); });
}

Status Batch::give_back(std::span<const uint32_t> indices) {
    return settle(indices, [this](EntrySet entries) { return hub_->give_back(id_, entries); });
}

Status Batch::nack(std::optional<Duration> delay) {
    return settle_rest([this, delay](EntrySet entries) { return hub_->nack(id_, entries, delay); });
}

Status Batch::nack(std::span<const uint32_t> indices, std::optional<Duration> delay) {
    return settle(indices, [this, delay](EntrySet entries) { return hub_->nack(id_, entries, delay); });
}

Status Batch::reject(std::string_view error) {
    return settle_rest([this, error](EntrySet entries) { return hub_->reject(id_, entries, error); });
}

Status Batch::reject(std::span<const uint32_t> indices, std::string_view error) {
    return settle(indices, [this, error](EntrySet entries) { return hub_->reject(id_, entries, error); });
}

}  // namespace millrace
