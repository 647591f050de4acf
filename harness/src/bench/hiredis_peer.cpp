// The loop that everybody writes first, on libhiredis: XREADGROUP, look at every field, XACK, repeat.

#include <hiredis/hiredis.h>

#include <stdexcept>

#include "bench/peer.hpp"

namespace millrace::harness {

namespace {

struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using Raw = std::unique_ptr<redisReply, FreeReply>;

Raw call(redisContext& context, std::vector<std::string_view> words) {
    std::vector<const char*> argv;
    std::vector<size_t> lengths;
    for (const auto& word : words) {
        argv.push_back(word.data());
        lengths.push_back(word.size());
    }
    Raw reply(static_cast<redisReply*>(
        redisCommandArgv(&context, static_cast<int>(words.size()), argv.data(), lengths.data())));
    if (!reply) throw std::runtime_error(std::string("hiredis: ") + context.errstr);
    if (reply->type == REDIS_REPLY_ERROR) throw std::runtime_error(std::string("hiredis: ") + reply->str);
    return reply;
}

class HiredisPeer : public Peer {
  public:
    [[nodiscard]] std::string_view name() const override { return "hiredis"; }

    int64_t consume(const ConsumeJob& job) override {
        const Context context(redisConnect(job.url.host.c_str(), job.url.port));
        if (!context || context->err != 0) throw std::runtime_error("hiredis: no connection");
        if (!job.url.password.empty() && job.url.username.empty()) call(*context, {"AUTH", job.url.password});
        if (!job.url.username.empty()) call(*context, {"AUTH", job.url.username, job.url.password});
        const std::string count = std::to_string(job.batch_size);
        int64_t seen = 0;
        while (seen < job.entries) {
            const Raw reply =
                call(*context, {"XREADGROUP", "GROUP", job.group, "bench", "COUNT", count, "STREAMS", job.stream, ">"});
            if (reply->type != REDIS_REPLY_ARRAY) break;
            const redisReply& entries = *reply->element[0]->element[1];
            std::vector<std::string_view> ack = {"XACK", job.stream, job.group};
            for (size_t i = 0; i < entries.elements; ++i) {
                const redisReply& entry = *entries.element[i];
                ack.emplace_back(entry.element[0]->str, entry.element[0]->len);
                const redisReply& fields = *entry.element[1];
                for (size_t k = 0; k < fields.elements; ++k) bytes_ += fields.element[k]->len;
            }
            call(*context, ack);
            seen += static_cast<int64_t>(entries.elements);
            job.batch_done();
        }
        return seen;
    }

  private:
    size_t bytes_ = 0;  // what an application would look at
};

}  // namespace

std::unique_ptr<Peer> make_hiredis_peer() {
    return std::make_unique<HiredisPeer>();
}

}  // namespace millrace::harness
