#include "server/connection.hpp"

#include <hiredis/hiredis.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

timeval to_timeval(Duration d) {
    return {static_cast<time_t>(d.count() / 1'000'000), static_cast<suseconds_t>(d.count() % 1'000'000)};
}

Reply convert(const redisReply& raw) {
    Reply reply;
    switch (raw.type) {
        case REDIS_REPLY_STATUS:
            reply.kind = Reply::Kind::Status;
            break;
        case REDIS_REPLY_ERROR:
            reply.kind = Reply::Kind::Error;
            break;
        case REDIS_REPLY_STRING:
            reply.kind = Reply::Kind::String;
            break;
        case REDIS_REPLY_INTEGER:
            reply.kind = Reply::Kind::Integer;
            break;
        case REDIS_REPLY_ARRAY:
            reply.kind = Reply::Kind::Array;
            break;
        default:
            reply.kind = Reply::Kind::Nil;
            break;
    }
    if (raw.type == REDIS_REPLY_STATUS || raw.type == REDIS_REPLY_ERROR || raw.type == REDIS_REPLY_STRING) {
        reply.text.assign(raw.str, raw.len);
    }
    reply.integer = raw.type == REDIS_REPLY_INTEGER ? raw.integer : 0;
    if (raw.type == REDIS_REPLY_ARRAY) {
        reply.items.reserve(raw.elements);
        for (size_t i = 0; i < raw.elements; ++i) reply.items.push_back(convert(*raw.element[i]));
    }
    return reply;
}

}  // namespace

Connection::Connection(Url url, Duration timeout) : url_(std::move(url)), timeout_(timeout) {
    connect();
}

Connection::~Connection() {
    close();
}

void Connection::close() {
    if (context_ != nullptr) redisFree(context_);
    context_ = nullptr;
    tunnel_.reset();
}

void Connection::open_socket() {
    context_ = url_.scheme == Url::Scheme::Unix
                   ? redisConnectUnixWithTimeout(url_.path.c_str(), to_timeval(timeout_))
                   : redisConnectWithTimeout(url_.host.c_str(), url_.port, to_timeval(timeout_));
    if (context_ == nullptr) throw ServerError("out of memory for a connection");
    if (context_->err != 0) fail();
    redisSetTimeout(context_, to_timeval(timeout_));
    if (url_.scheme != Url::Scheme::Tls) return;
    FileDescriptor server(::dup(context_->fd));
    close();
    try {
        tunnel_ = std::make_unique<TlsTunnel>(std::move(server), url_);
    } catch (const std::runtime_error& error) {
        throw ServerError(error.what());
    }
    context_ = redisConnectFd(tunnel_->take_plain_end());
    if (context_ == nullptr) throw ServerError("out of memory for a connection");
    redisSetTimeout(context_, to_timeval(timeout_));
}

void Connection::connect() {
    close();
    open_socket();
    if (!url_.password.empty()) {
        Command auth{"AUTH", url_.password};
        if (!url_.username.empty()) auth.insert(auth.begin() + 1, url_.username);
        const Reply reply = command(auth);
        if (reply.is_error()) {
            close();
            throw ServerError("the server refuses the password: " + excerpt(reply.text));
        }
    }
    if (url_.database != 0) {
        const Reply reply = command({"SELECT", std::to_string(url_.database)});
        if (reply.is_error()) {
            close();
            throw ServerError("the server refuses database " + std::to_string(url_.database) + ": " +
                              excerpt(reply.text));
        }
    }
}

void Connection::fail() {
    std::string why = context_->errstr;
    if (context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT)) {
        why = "no answer within " + format_ms(timeout_);
    } else if (context_->err == REDIS_ERR_PROTOCOL) {
        why = "it does not speak the Redis protocol (" + excerpt(why) + ")";
    }
    close();
    throw ServerError(why);
}

Reply Connection::read_reply() {
    void* raw = nullptr;
    if (redisGetReply(context_, &raw) != REDIS_OK || raw == nullptr) fail();
    auto* reply = static_cast<redisReply*>(raw);
    Reply converted = convert(*reply);
    freeReplyObject(reply);
    return converted;
}

Reply Connection::command(const Command& command) {
    return pipeline({command}).front();
}

std::vector<Reply> Connection::pipeline(const std::vector<Command>& commands) {
    if (context_ == nullptr) connect();
    for (const auto& command : commands) {
        std::vector<const char*> argv;
        std::vector<size_t> lengths;
        for (const auto& argument : command) {
            argv.push_back(argument.data());
            lengths.push_back(argument.size());
        }
        ++calls_[lower(command.front())];
        redisAppendCommandArgv(context_, static_cast<int>(argv.size()), argv.data(), lengths.data());
    }
    std::vector<Reply> replies;
    replies.reserve(commands.size());
    for (size_t i = 0; i < commands.size(); ++i) replies.push_back(read_reply());
    return replies;
}

}  // namespace millrace::harness
