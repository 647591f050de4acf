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

Context open(const Url& url) {
    Context context(redisConnect(url.host.c_str(), url.port));
    if (!context || context->err != 0) throw std::runtime_error("hiredis: no connection");
    if (!url.password.empty() && url.username.empty()) call(*context, {"AUTH", url.password});
    if (!url.username.empty()) call(*context, {"AUTH", url.username, url.password});
    return context;
}

class HiredisPeer : public Peer {
  public:
    [[nodiscard]] std::string_view name() const override { return "hiredis"; }

    int64_t consume(const ConsumeJob& job) override {
        const Context context = open(job.url);
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

    // Its own pipelining: commands are appended while fewer than `in_flight` are unanswered, and go out together when
    // the answers that have come are used up.
    std::optional<int64_t> publish(const PublishJob& job) override {
        const Context context = open(job.url);
        const std::string value(job.entry_bytes, 'x');
        const char* const argv[] = {"XADD", job.stream.c_str(), "*", publish_field.data(), value.c_str()};
        const size_t lengths[] = {4, job.stream.size(), 1, publish_field.size(), value.size()};
        int64_t sent = 0;
        int64_t done = 0;
        while (done < job.entries) {
            for (; sent < job.entries && sent - done < job.in_flight; ++sent) {
                if (redisAppendCommandArgv(context.get(), 5, const_cast<const char**>(argv), lengths) != REDIS_OK)
                    throw std::runtime_error("hiredis: no memory");
            }
            void* raw = nullptr;
            if (redisGetReply(context.get(), &raw) != REDIS_OK)
                throw std::runtime_error(std::string("hiredis: ") + context->errstr);
            const Raw reply(static_cast<redisReply*>(raw));
            if (reply->type != REDIS_REPLY_STRING) throw std::runtime_error("hiredis: XADD is refused");
            ++done;
        }
        return done;
    }

  private:
    size_t bytes_ = 0;  // what an application would look at
};

}  // namespace

std::unique_ptr<Peer> make_hiredis_peer() {
    return std::make_unique<HiredisPeer>();
}

}  // namespace millrace::harness
