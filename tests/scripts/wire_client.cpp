#include "wire_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "resp/encoder.hpp"

namespace millrace::test {
namespace {

std::string describe(const resp::Reply& reply) {
    if (reply.is_nil()) return "nil";
    if (reply.is_error()) return "-" + std::string(reply.text());
    if (reply.type() == resp::Type::integer) return std::to_string(reply.integer());
    if (!reply.is_aggregate()) return std::string(reply.text());
    std::string all = "[";
    for (const resp::Reply child : reply) all += (all.size() > 1 ? " " : "") + describe(child);
    return all + "]";
}

}  // namespace

WireClient::WireClient(int port, int protocol) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ADD_FAILURE() << "no connection to port " << port;
    }
    if (protocol == 3) (void)ask("HELLO 3");
}

WireClient::~WireClient() {
    ::close(socket_);
}

std::string WireClient::receive() {
    while (true) {
        switch (decoder_.step(resp::Shape::tree, nullptr)) {
            case resp::Decoder::Step::reply:
                return describe(decoder_.tree().root());
            case resp::Decoder::Step::push:
                continue;
            case resp::Decoder::Step::failed:
                return "garbage: " + decoder_.error().message;
            case resp::Decoder::Step::need_more:
                break;
        }
        const std::span<std::byte> room = decoder_.room();
        const ssize_t got = ::recv(socket_, room.data(), room.size(), 0);
        if (got <= 0) return "closed";
        decoder_.commit(static_cast<size_t>(got));
    }
}

std::string WireClient::exchange() {
    while (!out_.empty()) {
        const ssize_t sent = ::send(socket_, out_.pending().data(), out_.pending().size(), MSG_NOSIGNAL);
        if (sent <= 0) return "closed";
        out_.advance(static_cast<size_t>(sent));
    }
    return receive();
}

std::string WireClient::ask(const Words& words) {
    resp::Encoder encoder(out_);
    encoder.command(words.size());
    for (const std::string& word : words) encoder.text(word);
    return exchange();
}

std::string WireClient::ask(std::string_view line) {
    std::istringstream in{std::string(line)};
    Words words;
    for (std::string word; std::getline(in, word, ' ');) words.push_back(word);
    return ask(words);
}

std::string WireClient::call(ScriptId id, const Words& keys, const Words& arguments) {
    std::string answer;
    for (const auto form : {command::ScriptForm::hash, command::ScriptForm::source}) {
        resp::Encoder encoder(out_);
        command::script_head(encoder, id, form, keys.size(), arguments.size());
        for (const std::string& key : keys) encoder.text(key);
        for (const std::string& argument : arguments) encoder.text(argument);
        answer = exchange();
        if (!answer.starts_with("-NOSCRIPT")) break;
    }
    return answer;
}

std::unique_ptr<harness::LocalServer> start_server(const std::string& name, Words options) {
    const char* const cache = std::getenv("MILLRACE_CACHE");
    const std::string path =
        std::string(cache != nullptr ? cache : MILLRACE_CACHE_DEFAULT) + "/servers/" + name + "/server";
    if (::access(path.c_str(), X_OK) != 0) return nullptr;
    return std::make_unique<harness::LocalServer>(path, std::move(options));
}

std::vector<Place> places() {
    std::vector<Place> all;
    for (const char* const name :
         {"redis-5.0", "redis-6.0", "redis-6.2", "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9"}) {
        all.push_back({name, 2});
        if (std::string(name) != "redis-5.0") all.push_back({name, 3});
    }
    return all;
}

std::string name_of(const ::testing::TestParamInfo<Place>& info) {
    std::string name = info.param.server + "_resp" + std::to_string(info.param.protocol);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
    return name;
}

void OnEachServer::SetUp() {
    server_ = start_server(GetParam().server);
    if (server_ == nullptr) GTEST_SKIP() << GetParam().server << " is not in the cache: ./dev servers";
    client_ = std::make_unique<WireClient>(server_->url().port, GetParam().protocol);
}

}  // namespace millrace::test
