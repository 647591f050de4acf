// Consumes a stream in batches. Kill it at any moment and start it again: nothing that was not acked is lost.
#include <csignal>
#include <iostream>
#include <millrace/client.hpp>
#include <millrace/log.hpp>

int main() {
    auto client =
        millrace::Client::connect("redis://localhost:6379?batch_size=5", {.on_event = millrace::log_to(std::cerr)});
    if (!client) {
        std::cerr << client.error().message << '\n';
        return 2;
    }
    static millrace::Client* const running = &*client;
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { running->stop(); });
    const millrace::Status status = client->run(
        {.streams = {"orders"}, .group = "billing", .consumer = "billing-1"}, [](const millrace::Batch& batch) {
            for (const millrace::Entry entry : batch) {
                std::cout << entry.id().text() << ' ' << entry["item"].value_or("?") << '\n';
            }
        });  // acked when the handler returns, delivered again when it throws
    if (!status) std::cerr << status.error().message << '\n';
    return status ? 0 : 1;
}
