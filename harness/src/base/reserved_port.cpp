#include "base/reserved_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace millrace::harness {

ReservedPort::ReservedPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    const int yes = 1;
    // Shared only afterwards: asked for with SO_REUSEADDR, any port could be one that another socket shares.
    if (::bind(fd_.value(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::setsockopt(fd_.value(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::getsockname(fd_.value(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        throw std::runtime_error(std::string("no free port on the loopback interface: ") + std::strerror(errno));
    }
    number_ = ntohs(address.sin_port);
}

}  // namespace millrace::harness
