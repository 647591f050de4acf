// The same as client.c over millrace::Client: what the C ABI costs is the difference.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "millrace/client.hpp"

namespace {

millrace::Status consume(millrace::Client& client, char** argv, uint64_t& entries, uint64_t& bytes) {
    millrace::SourceOptions options;
    options.streams = {argv[3]};
    options.group = argv[4];
    options.consumer = "bench";
    options.batch_size = static_cast<uint32_t>(std::strtoul(argv[6], nullptr, 10));
    const uint64_t wanted = std::strtoull(argv[5], nullptr, 10);
    const auto source = client.open(options);
    if (!source) return source.error();
    while (entries < wanted) {
        auto batch = client.next(millrace::seconds(3600));
        if (!batch) return batch.error();
        if (!*batch) continue;
        for (const millrace::Entry entry : **batch) bytes += entry["payload"].value_or("").size();
        entries += (*batch)->size();
        if (const auto acked = (*batch)->ack(); !acked) return acked;
    }
    const auto closed = client.close(millrace::seconds(10));
    return closed ? millrace::Status() : millrace::Status(closed.error());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fputs("usage: client millrace URL STREAM GROUP COUNT BATCH\n", stderr);
        return 2;
    }
    if (argv[1] != std::string_view("millrace")) {
        std::fprintf(stderr, "%s: not here; millrace alone is\n", argv[1]);
        return 3;
    }
    auto client = millrace::Client::connect(argv[2]);
    uint64_t entries = 0;
    uint64_t bytes = 0;
    const auto began = std::chrono::steady_clock::now();
    const auto status = client ? consume(*client, argv, entries, bytes) : millrace::Status(client.error());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (!status) {
        std::fprintf(stderr, "%s\n", status.error().message.c_str());
        return 1;
    }
    std::printf("{\"entries\":%llu,\"bytes\":%llu,\"seconds\":%.6f}\n", static_cast<unsigned long long>(entries),
                static_cast<unsigned long long>(bytes), took.count());
    return 0;
}
