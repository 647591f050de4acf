// What a proxy may do to the bytes that pass through it, as plain data, and how each fault is written on the command
// line. Knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace millrace::harness {

enum class Direction { Up, Down };  // to the server, to the client

// Who learns that a connection has ended. The other end keeps a socket that is open and silent.
enum class Told { Both, Client, Server, Nobody };

// How fast bytes pass, in each direction for itself.
struct Pace {
    Duration delay{0};
    size_t split = 0;               // at most so many bytes at a time; 0: as they come
    uint64_t bytes_per_second = 0;  // 0: without limit
};

// A connection ends for both sides once so many of its bytes have passed.
struct CutAt {
    Direction direction = Direction::Down;
    uint64_t byte = 0;
    std::optional<size_t> link;  // which connection, counted from 0 as they were made; none: each
};

// What happens to a command of the client's.
struct CommandFault {
    enum class What {
        Answer,     // is not passed on; `bytes` come in the place of its reply
        LoseReply,  // the server executes it; its reply goes lost, and the connection ends for those `told`
        HoldReply,  // its reply, and all that follows it, waits until it is released
    };
    std::string command;  // a name, or the words of `command_words`: "XACK", "CLIENT ID", "XREADGROUP >"
    uint64_t nth = 0;     // of those that come from now on; 0: every one
    What what = What::Answer;
    std::string bytes;
    Told told = Told::Both;
};

struct Faults {
    Pace pace;
    std::vector<CutAt> cuts;
    std::vector<CommandFault> commands;
    bool half_open = false;   // the end of one side is not told to the other
    bool black_hole = false;  // connections are taken, and nothing passes
};

// Adds the fault that `spec` names. Throws std::runtime_error with one line that names what is wrong.
void add_fault(Faults& faults, std::string_view spec);

// A command in the words that tell its uses apart: its name in capitals; of CLIENT, XGROUP and their like the
// subcommand too; of XREADGROUP whether it asks for new entries ("XREADGROUP >") or for its own ("XREADGROUP ID").
std::string command_words(const std::vector<std::string>& arguments);

// Whether a fault for `asked` means a command of these words: all of them, or the name alone.
bool means_command(std::string_view asked, std::string_view words);

}  // namespace millrace::harness
