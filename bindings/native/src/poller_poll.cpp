// Waiting by poll (any POSIX system).
#include <algorithm>
#include <vector>

#include "poller.hpp"

namespace millrace::native {
namespace {

class PollPoller final : public Poller {
  public:
    Status add(int descriptor, uint64_t token, Interest interest) override {
        watched_.push_back({descriptor, token, interest});
        return {};
    }

    void change(int descriptor, uint64_t token, Interest interest) override {
        for (Watched& each : watched_) {
            if (each.descriptor == descriptor) each = {descriptor, token, interest};
        }
    }

    void remove(int descriptor) override {
        std::erase_if(watched_, [descriptor](const Watched& each) { return each.descriptor == descriptor; });
    }

    std::span<const Readiness> wait(std::optional<Duration> timeout, std::span<pollfd> also) override {
        all_.assign(also.begin(), also.end());
        for (const Watched& each : watched_) {
            const int events = (each.interest.readable ? POLLIN : 0) | (each.interest.writable ? POLLOUT : 0);
            all_.push_back({each.descriptor, static_cast<short>(events), 0});
        }
        ready_.clear();
        const int count = ::poll(all_.data(), static_cast<nfds_t>(all_.size()), poll_timeout_ms(timeout));
        for (size_t i = 0; i < also.size(); ++i) also[i].revents = count > 0 ? all_[i].revents : short{0};
        for (size_t i = 0; count > 0 && i < watched_.size(); ++i) {
            const int revents = all_[also.size() + i].revents;
            if (revents == 0) continue;
            const bool broken = (revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
            ready_.push_back(
                {watched_[i].token, broken || (revents & POLLIN) != 0, broken || (revents & POLLOUT) != 0});
        }
        return ready_;
    }

    int fd() const override { return -1; }

  private:
    struct Watched {
        int descriptor;
        uint64_t token;
        Interest interest;
    };
    std::vector<Watched> watched_;
    std::vector<pollfd> all_;
    std::vector<Readiness> ready_;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_poll_poller() {
    return std::unique_ptr<Poller>(std::make_unique<PollPoller>());
}

}  // namespace millrace::native
