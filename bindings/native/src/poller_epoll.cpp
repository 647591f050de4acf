// Waiting by epoll (Linux). One system call a wait; interests change only when a socket's do.
#ifdef __linux__

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "poller.hpp"

namespace millrace::native {
namespace {

class EpollPoller final : public Poller {
  public:
    explicit EpollPoller(int descriptor) : epoll_(descriptor) {}
    EpollPoller(const EpollPoller&) = delete;
    EpollPoller& operator=(const EpollPoller&) = delete;
    ~EpollPoller() override { ::close(epoll_); }

    Status add(int descriptor, uint64_t token, Interest interest) override {
        epoll_event event = event_of(token, interest);
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
        return Error(Code::connection, "epoll_ctl: " + std::system_category().message(errno));
    }

    void change(int descriptor, uint64_t token, Interest interest) override {
        epoll_event event = event_of(token, interest);
        epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event);
    }

    void remove(int descriptor) override { epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

    std::span<const Readiness> wait(std::optional<Duration> timeout, std::span<pollfd> also) override {
        int wait_ms = poll_timeout_ms(timeout);
        if (!also.empty()) {
            if (!wait_with(also, wait_ms)) return {};
            wait_ms = 0;
        }
        const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), wait_ms);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<size_t>(i)];
            const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
            ready_[static_cast<size_t>(i)] = {event.data.u64, broken || (event.events & EPOLLIN) != 0,
                                              broken || (event.events & EPOLLOUT) != 0};
        }
        return {ready_.data(), static_cast<size_t>(count < 0 ? 0 : count)};
    }

    int fd() const override { return epoll_; }

  private:
    /// More than a client has sockets (lanes, and one for waking); what does not fit comes with the next wait.
    static constexpr size_t events_max = 32;

    static epoll_event event_of(uint64_t token, Interest interest) {
        epoll_event event{};
        event.events = (interest.readable ? uint32_t{EPOLLIN} : 0U) | (interest.writable ? uint32_t{EPOLLOUT} : 0U);
        event.data.u64 = token;
        return event;
    }

    /// Whether our own descriptor is among the ready ones.
    bool wait_with(std::span<pollfd> also, int wait_ms) {
        all_.assign(also.begin(), also.end());
        all_.push_back({epoll_, POLLIN, 0});
        const int count = ::poll(all_.data(), static_cast<nfds_t>(all_.size()), wait_ms);
        for (size_t i = 0; i < also.size(); ++i) also[i].revents = count > 0 ? all_[i].revents : short{0};
        return count > 0 && all_.back().revents != 0;
    }

    int epoll_;
    std::array<epoll_event, events_max> events_{};
    std::array<Readiness, events_max> ready_{};
    std::vector<pollfd> all_;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_epoll_poller() {
    const int descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) return Error(Code::connection, "epoll_create1: " + std::system_category().message(errno));
    return std::unique_ptr<Poller>(std::make_unique<EpollPoller>(descriptor));
}

}  // namespace millrace::native

#endif
