#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "proxy/tcp_proxy.hpp"

namespace millrace::harness {

namespace {

Url upstream_of(const std::string& text) {
    const size_t colon = text.rfind(':');
    const auto port = colon == std::string::npos ? std::nullopt : parse_integer(text.substr(colon + 1));
    if (!port || colon == 0) throw std::runtime_error("--upstream=" + excerpt(text) + " is no host:port");
    if (*port < 1 || *port > 65535) {
        throw std::runtime_error("--upstream=" + excerpt(text) + ": the port is no number from 1 to 65535");
    }
    Url url;
    url.host = text.substr(0, colon);
    if (url.host.starts_with('[') && url.host.ends_with(']')) url.host = url.host.substr(1, url.host.size() - 2);
    url.port = static_cast<int>(*port);
    return url;
}

}  // namespace

int proxy_command(const Arguments& arguments) {
    std::vector<Url> upstreams;
    for (const auto& text : list_option(arguments, "--upstream")) upstreams.push_back(upstream_of(text));
    Faults faults;
    for (const auto& spec : list_option(arguments, "--fault")) add_fault(faults, spec);
    TcpProxy proxy(
        upstreams, static_cast<int>(number_option(arguments, "--port", 0, 65535)),
        [](std::string_view what) { std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data()); });
    proxy.add(faults);
    print(std::to_string(proxy.url().port) + "\n");
    while (!interrupted()) {
        proxy.pump();
        std::vector<pollfd> fds{{interrupt_fd(), POLLIN, 0}};
        proxy.add_poll(fds);
        const auto wake = proxy.wake_at();
        const auto left = wake ? std::max(Duration(0), *wake - steady_now()) : Duration(1h);
        const timespec timeout{left.count() / 1'000'000, left.count() % 1'000'000 * 1000};
        ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
    }
    return 0;
}

}  // namespace millrace::harness
