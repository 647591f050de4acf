// Publishes whose results somebody waits for, or is to be called with. Tickets rise, and answers come nearly in their
// order, so this is a queue that is searched: in steady state it allocates nothing. Knows no lock and no loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "millrace/client.hpp"

namespace millrace::native {

struct Answer {
    bool done = false;
    std::vector<PublishResult> results;
};

struct Unanswered {
    Ticket ticket{};
    size_t count = 0;  ///< of entries
    PublishCallback callback;
    std::shared_ptr<Answer> answer;
};

class UnansweredPublishes {
  public:
    [[nodiscard]] bool empty() const { return first_ == list_.size(); }
    /// Its ticket is above all before it.
    void add(Unanswered publish) {
        if (first_ > 0 && first_ * 2 >= list_.size()) {
            list_.erase(list_.begin(), list_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        list_.push_back(std::move(publish));
    }

    /// None where nobody waits any more.
    [[nodiscard]] std::optional<Unanswered> take(Ticket ticket) {
        const auto begin = list_.begin() + static_cast<std::ptrdiff_t>(first_);
        const auto at = std::lower_bound(begin, list_.end(), ticket,
                                         [](const Unanswered& each, Ticket wanted) { return each.ticket < wanted; });
        if (at == list_.end() || at->ticket != ticket || at->count == 0) return std::nullopt;
        std::optional<Unanswered> taken = std::move(*at);
        at->count = 0;  // taken
        at->answer.reset();
        while (first_ < list_.size() && list_[first_].count == 0) ++first_;
        return taken;
    }

    [[nodiscard]] std::vector<Unanswered> take_all() {
        std::vector<Unanswered> left;
        for (Unanswered& each : list_) {
            if (each.count > 0) left.push_back(std::move(each));
        }
        list_.clear();
        first_ = 0;
        return left;
    }

  private:
    std::vector<Unanswered> list_;
    size_t first_ = 0;
};

}  // namespace millrace::native
