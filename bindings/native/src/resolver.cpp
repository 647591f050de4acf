#include "resolver.hpp"

#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

namespace millrace::native {

struct Resolver::Lookup {
    std::string host;
    uint16_t port;
    std::shared_ptr<Wakeup> wakeup;
    Addresses addresses;  ///< written before `done`
    std::atomic<bool> done = false;
};

namespace {

Addresses look_up(const std::string& host, uint16_t port, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | flags;
    addrinfo* first = nullptr;
    Addresses addresses;
    if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first) != 0) return addresses;
    for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
        Address address;
        address.size = each->ai_addrlen;
        std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
        addresses.push_back(address);
    }
    freeaddrinfo(first);
    return addresses;
}

}  // namespace

std::optional<Addresses> Resolver::resolve(const std::string& host, uint16_t port) {
    if (Addresses numeric = look_up(host, port, AI_NUMERICHOST); !numeric.empty()) return numeric;
    const auto found = std::find_if(lookups_.begin(), lookups_.end(), [&](const std::shared_ptr<Lookup>& each) {
        return each->host == host && each->port == port;
    });
    if (found != lookups_.end()) {
        if (!(*found)->done.load(std::memory_order_acquire)) return std::nullopt;
        return (*found)->addresses;
    }
    auto lookup = std::make_shared<Lookup>();
    lookup->host = host;
    lookup->port = port;
    lookup->wakeup = wakeup_;
    try {
        std::thread([lookup] {
            lookup->addresses = look_up(lookup->host, lookup->port, 0);
            lookup->done.store(true, std::memory_order_release);
            lookup->wakeup->signal();
        }).detach();
    } catch (const std::system_error&) {
        return Addresses{};  // no thread to be had: as a failed lookup, which is tried again with a delay
    }
    lookups_.push_back(std::move(lookup));
    return std::nullopt;
}

void Resolver::forget(const std::string& host, uint16_t port) {
    std::erase_if(lookups_, [&](const std::shared_ptr<Lookup>& each) {
        return each->host == host && each->port == port && each->done.load(std::memory_order_acquire);
    });
}

}  // namespace millrace::native
