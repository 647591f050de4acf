// What the server and the socket give at the most: all reads sent ahead, the bytes taken and not looked at, nothing
// acked.

#include <hiredis/hiredis.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "bench/peer.hpp"

namespace millrace::harness {

namespace {

std::string encode(const std::vector<std::string>& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const auto& word : words) out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return out;
}

class CeilingPeer : public Peer {
  public:
    [[nodiscard]] std::string_view name() const override { return "ceiling"; }

    int64_t consume(const ConsumeJob& job) override {
        redisContext* context = redisConnect(job.url.host.c_str(), job.url.port);
        if (context == nullptr || context->err != 0) {
            if (context != nullptr) redisFree(context);
            throw std::runtime_error("ceiling: no connection");
        }
        const int fd = redisFreeKeepFd(context);  // hiredis connects; the rest is bare reads
        try {
            take_all(fd, job);
        } catch (...) {
            ::close(fd);
            throw;
        }
        ::close(fd);
        return job.entries;
    }

  private:
    static void take_all(int fd, const ConsumeJob& job) {
        std::string requests;
        if (!job.url.password.empty()) {
            requests += job.url.username.empty() ? encode({"AUTH", job.url.password})
                                                 : encode({"AUTH", job.url.username, job.url.password});
        }
        const std::string read = encode({"XREADGROUP", "GROUP", job.group, "bench", "COUNT",
                                         std::to_string(job.batch_size), "STREAMS", job.stream, ">"});
        const int64_t reads = (job.entries + job.batch_size - 1) / job.batch_size;
        for (int64_t i = 0; i < reads; ++i) requests += read;
        // The end is known by an answer that no entry holds.
        const std::string mark = "the end of all replies " + job.stream;
        requests += encode({"ECHO", mark});
        write_all(fd, requests);
        std::string tail;
        std::vector<char> buffer(size_t{1} << 18U);
        while (!tail.ends_with(mark + "\r\n")) {
            const ssize_t got = ::read(fd, buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) throw std::runtime_error("ceiling: the server closed the connection");
            const auto length = static_cast<size_t>(got);
            const size_t kept = std::min(length, mark.size() + 2);
            tail.append(buffer.data() + length - kept, kept);
            if (tail.size() > 2 * (mark.size() + 2)) tail.erase(0, tail.size() - mark.size() - 2);
        }
    }

    static void write_all(int fd, const std::string& bytes) {
        for (size_t done = 0; done < bytes.size();) {
            const ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) throw std::runtime_error(std::string("ceiling: ") + std::strerror(errno));
            done += static_cast<size_t>(written);
        }
    }
};

}  // namespace

std::unique_ptr<Peer> make_ceiling_peer() {
    return std::make_unique<CeilingPeer>();
}

}  // namespace millrace::harness
