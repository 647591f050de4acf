// What the plain agent stands on: a blocking connection on libhiredis, and bytes as protocol 1 writes them.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace plain {

using Json = nlohmann::json;

[[noreturn]] inline void die(const std::string& why) {
    std::cerr << "plain_agent: " << why << "\n";
    std::exit(1);
}

struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

class Connection {
  public:
    Connection(const std::string& host, int port) : context_(redisConnect(host.c_str(), port)) {
        if (context_ == nullptr || context_->err != 0) die("no connection");
    }
    ~Connection() { redisFree(context_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void send(const std::vector<std::string>& words) {
        std::vector<const char*> argv;
        std::vector<size_t> lengths;
        for (const auto& word : words) {
            argv.push_back(word.data());
            lengths.push_back(word.size());
        }
        redisAppendCommandArgv(context_, static_cast<int>(words.size()), argv.data(), lengths.data());
        for (int done = 0; done == 0;) {
            if (redisBufferWrite(context_, &done) != REDIS_OK) die(context_->errstr);
        }
    }
    Reply receive() {
        void* raw = nullptr;
        if (redisGetReply(context_, &raw) != REDIS_OK) die(context_->errstr);
        return Reply(static_cast<redisReply*>(raw));
    }
    Reply call(const std::vector<std::string>& words) {
        send(words);
        return receive();
    }
    [[nodiscard]] int fd() const { return context_->fd; }

  private:
    redisContext* context_;
};

inline std::string percent_decoded(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == '%' && i + 2 < text.size();
        out += escaped ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i];
        if (escaped) i += 2;
    }
    return out;
}

// redis://[[user]:password@]host:port
struct Address {
    std::string host, user, password;
    int port = 6379;

    explicit Address(std::string url) {
        url = url.substr(url.find("//") + 2);
        const size_t at = url.find('@');
        if (at != std::string::npos) {
            const size_t colon = url.find(':');
            user = percent_decoded(url.substr(0, colon));
            password = percent_decoded(url.substr(colon + 1, at - colon - 1));
            url = url.substr(at + 1);
        }
        host = url.substr(0, url.find(':'));
        port = std::atoi(url.c_str() + url.find(':') + 1);
    }
};

// Null where the password is refused.
inline std::unique_ptr<Connection> open(const std::string& url) {
    const Address address(url);
    auto connection = std::make_unique<Connection>(address.host, address.port);
    if (address.password.empty()) return connection;
    std::vector<std::string> auth = {"AUTH", address.user, address.password};
    if (address.user.empty()) auth.erase(auth.begin() + 1);
    return connection->call(auth)->type == REDIS_REPLY_ERROR ? nullptr : std::move(connection);
}

inline Json to_json(const std::string& bytes) {
    Json value = bytes;
    try {
        value.dump();
        return value;
    } catch (const Json::exception&) {  // bytes that are no UTF-8
        static const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::string out;
        for (size_t i = 0; i < bytes.size(); i += 3) {
            unsigned block = 0;
            for (size_t k = 0; k < 3; ++k) {
                block = block << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
            }
            for (size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[block >> (18U - 6U * k) & 63U];
        }
        return Json{{"b64", out}};
    }
}

}  // namespace plain
