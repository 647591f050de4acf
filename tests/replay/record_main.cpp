// Records traces of the stories (stories.hpp) against real servers that it starts.
//
//     millrace-record-trace FOLDER [STORY...]       writes FOLDER/STORY.trace; without a name all of them
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "stories.hpp"

namespace {

using namespace millrace;
using replay::Host;

constexpr int no_server = 77;  // ctest: skipped

// Seed and calendar are fixed, so that of two recordings only what the server said and when differs.
constexpr Seed128 seed{0x6d696c6c72616365, 0x7265706c61796564};
constexpr WallTime wall{1'700'000'000'000'000};

int record(const replay::Story& story, const std::string& folder) {
    const auto server = testing::LocalServer::start();
    if (server == nullptr) {
        std::puts("no redis-server at hand: ./dev servers");
        return no_server;
    }
    std::string trace;
    const Instant start = Host::clock();
    auto machine = replay::TracedMachine::create(server->url(story.client), seed, {}, wall, trace);
    if (!machine) throw std::runtime_error(machine.error().message);
    {
        Host host(std::move(machine).value(), start);
        story.play(host, *server);
    }
    const std::string path = folder + "/" + std::string(story.name) + ".trace";
    std::ofstream file(path, std::ios::binary);
    file << trace;
    if (!file.flush()) throw std::runtime_error(path + " can't be written");
    std::printf("%s: %zu bytes\n", path.c_str(), trace.size());
    return 0;
}

int record_all(const std::string& folder, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        const auto stories = replay::stories();
        if (std::none_of(stories.begin(), stories.end(),
                         [&](const replay::Story& each) { return each.name == name; })) {
            throw std::runtime_error("no story '" + name + "'");
        }
    }
    for (const replay::Story& story : replay::stories()) {
        if (!names.empty() && std::find(names.begin(), names.end(), story.name) == names.end()) continue;
        if (const int status = record(story, folder); status != 0) return status;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: millrace-record-trace FOLDER [STORY...]\n", stderr);
        return 2;
    }
    try {
        return record_all(argv[1], std::vector<std::string>(argv + 2, argv + argc));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "millrace-record-trace: %s\n", error.what());
        return 1;
    }
}
