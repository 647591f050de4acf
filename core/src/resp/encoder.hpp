// Commands as RESP arrays of bulk strings, written straight into a lane's output. Knows no command by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/buffer.hpp"
#include "millrace/entry.hpp"

namespace millrace::resp {

/// encoder.command(3).text("XACK").text(key).id(id). When memory is refused, all of that command is cut back and ok()
/// is false until the next command. Source: redis.io, RESP protocol specification, "Sending commands to a Redis
/// server".
class Encoder {
  public:
    explicit Encoder(Output& output) : output_(&output) {}

    /// Begins a command of `arguments` arguments, its name included; exactly so many calls of the others must follow.
    Encoder& command(size_t arguments);
    Encoder& text(std::string_view argument);
    Encoder& integer(int64_t argument);
    Encoder& id(EntryId argument);
    /// Arguments that an encoder wrote before, as many as its caller counts them.
    Encoder& encoded(std::string_view arguments) {
        put(arguments);
        return *this;
    }
    [[nodiscard]] bool ok() const { return ok_; }

  private:
    static constexpr size_t short_max = 64;

    void put(std::string_view bytes);
    Encoder& short_bulk(const char* text, size_t size);

    Output* output_;
    size_t command_start_ = 0;
    bool ok_ = true;
};

}  // namespace millrace::resp
