// A batch in the application's hands: which of its entries are settled, and that its bytes are freed once.
#include <algorithm>
#include <string>
#include <utility>

#include "hub.hpp"
#include "millrace/client.hpp"

namespace millrace {

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
      settled_(std::move(other.settled_)) {}

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
    if (settled()) return Error(Code::not_held, "every entry of the batch is acked, nacked or rejected already");
    std::vector<uint32_t> rest;
    for (uint32_t i = 0; i < count_ && settled_count_ > 0; ++i) {
        if (!settled_[i]) rest.push_back(i);
    }
    Status status = command(settled_count_ == 0 ? EntrySet::all() : EntrySet::of(rest));
    const Code code = status.error().code;
    if (!status.ok() && code != Code::lost && code != Code::not_held) return status;
    for (uint32_t i = 0; !status.ok() && i < count_; ++i) {
        if (settled_.empty() || !settled_[i]) (void)command(EntrySet::of({&i, 1}));
    }
    settled_count_ = count_;
    return status;
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
