// Publishes one entry: millrace-example-publish STREAM FIELD VALUE [FIELD VALUE]...
#include <iostream>
#include <millrace/client.hpp>
#include <millrace/log.hpp>
#include <vector>

int main(int argc, char** argv) {
    if (argc < 4 || argc % 2 != 0) {
        std::cerr << "usage: millrace-example-publish STREAM FIELD VALUE [FIELD VALUE]...\n";
        return 2;
    }
    auto client = millrace::Client::connect("redis://localhost:6379", {.on_event = millrace::log_to(std::cerr)});
    if (!client) {
        std::cerr << client.error().message << '\n';
        return 2;
    }
    std::vector<millrace::Field> fields;
    for (int i = 2; i < argc; i += 2) fields.push_back({argv[i], argv[i + 1]});
    const millrace::PublishEntry entry{fields};
    const auto results = client->publish({.stream = argv[1], .entries = {&entry, 1}, .options = {}});
    if (!results || results->front().error) {
        std::cerr << (results ? *results->front().error : results.error()).message << '\n';
        return 1;
    }
    std::cout << results->front().id << '\n';
    return 0;
}
