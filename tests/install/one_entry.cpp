// Publishes an entry by the C++ interface of an installation, consumes and acks it, and prints what came.
#include <iostream>
#include <millrace/client.hpp>

namespace {

int failed(const millrace::Error& error) {
    std::cerr << error.message << '\n';
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    auto client = millrace::Client::connect(argc > 1 ? argv[1] : "redis://localhost:6379");
    if (!client) return failed(client.error());
    const auto published = client->publish("orders", {{"item", "tea"}});
    if (!published) return failed(published.error());
    const auto source = client->open();
    if (!source) return failed(source.error());
    auto batch = client->next(millrace::seconds(20));
    if (!batch) return failed(batch.error());
    if (!batch->has_value()) return failed({millrace::Code::timeout, "no entry came"});
    for (const millrace::Entry entry : **batch) std::cout << entry["item"].value_or("?") << '\n';
    if (const millrace::Status status = (*batch)->ack(); !status) return failed(status.error());
    const auto pending = client->close(millrace::seconds(20));
    if (!pending) return failed(pending.error());
    return *pending == 0 ? 0 : 1;
}
