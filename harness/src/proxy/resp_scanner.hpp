// Finds where a value of the Redis protocol ends, in bytes that come in pieces, for RESP2 and RESP3 alike. It keeps no
// values: requests and replies are passed on as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::harness {

class RespScanner {
  public:
    // Takes bytes up to the end of the value that has begun, or all of them; returns how many.
    size_t feed(std::string_view bytes);

    // Nothing of the next value has come yet.
    [[nodiscard]] bool between() const { return !begun_ || ended_; }
    // The value ended with the last byte taken. The next feed begins another one.
    [[nodiscard]] bool ended() const { return ended_; }
    // The first byte of the value: '+', '*', '>' …
    [[nodiscard]] char type() const { return type_; }
    // What came is not the Redis protocol; sticky. Bytes are then taken as they come.
    [[nodiscard]] bool broken() const { return broken_; }

  private:
    void take_line();
    void finish_item();

    std::string line_;            // of the item under way, without its end
    uint64_t bulk_left_ = 0;      // bytes of a bulk string with its end
    std::vector<uint64_t> owed_;  // items that each open aggregate still lacks
    char type_ = 0;
    bool begun_ = false;
    bool ended_ = false;
    bool broken_ = false;
};

// The arguments of a request, as far as they have come whole; empty where it is none.
std::vector<std::string> parse_request(std::string_view bytes);

}  // namespace millrace::harness
