// Replays traces and compares: millrace-replay-trace FILE…
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "replay.hpp"

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: millrace-replay-trace FILE...\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc; ++i) {
        std::error_code unreadable;
        const uintmax_t size = std::filesystem::file_size(argv[i], unreadable);
        std::string trace(unreadable ? 0 : size, '\0');
        std::ifstream(argv[i], std::ios::binary).read(trace.data(), static_cast<std::streamsize>(trace.size()));
        const auto again = millrace::replay::replay(trace);
        if (!again) {
            std::fprintf(stderr, "%s: %s\n", argv[i], again.error().message.c_str());
            return 1;
        }
        const std::string difference = millrace::replay::first_difference(trace, *again);
        if (!difference.empty()) {
            std::fprintf(stderr, "%s: %s\nIf this change is meant: millrace-record-trace tests/replay/traces\n",
                         argv[i], difference.c_str());
            return 1;
        }
        std::printf("%s: %zu bytes, the same again\n", argv[i], trace.size());
    }
    return 0;
}
