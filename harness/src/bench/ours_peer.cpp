// millrace::Client as an application uses it: run() with a handler that looks at every field; the batch is acked when
// it returns.

#include <millrace/client.hpp>
#include <stdexcept>

#include "bench/peer.hpp"

namespace millrace::harness {

namespace {

class OursPeer : public Peer {
  public:
    [[nodiscard]] std::string_view name() const override { return "ours"; }

    int64_t consume(const ConsumeJob& job) override {
        const std::string url = job.url.text() + "?batch_size=" + std::to_string(job.batch_size);
        Result<Client> client = Client::connect(url);
        if (!client) throw std::runtime_error("ours: " + client.error().message);
        int64_t seen = 0;
        const auto streams = job.streams.empty() ? std::vector<std::string>{job.stream} : job.streams;
        const Status status = client->run({.streams = streams, .group = job.group, .consumer = "bench"},
                                          [&](const millrace::Batch& batch) {
                                              for (const Entry entry : batch) {
                                                  for (const Field field : entry)
                                                      bytes_ += field.name.size() + field.value.size();
                                              }
                                              seen += static_cast<int64_t>(batch.size());
                                              job.batch_done();
                                              if (seen >= job.entries) client->stop();
                                          });
        if (!status) throw std::runtime_error("ours: " + status.error().message);
        return seen;
    }

    // A publish for each entry, each with its own result.
    std::optional<int64_t> publish(const PublishJob& job) override {
        Result<Client> client = Client::connect(job.url.text());
        if (!client) throw std::runtime_error("ours: " + client.error().message);
        const std::string value(job.entry_bytes, 'x');
        const Field field{publish_field, value};
        const PublishEntry entry{{&field, 1}};
        int64_t sent = 0;
        int64_t done = 0;
        int64_t failed = 0;
        const auto count = [&done, &failed](std::span<const PublishResult> results) {
            ++done;
            if (results.front().error) ++failed;
        };
        while (done < job.entries) {
            for (; sent < job.entries && sent - done < job.in_flight; ++sent) {
                const Status status = client->publish_async({job.stream, {&entry, 1}}, count);
                if (!status) throw std::runtime_error("ours: " + status.error().message);
            }
            const Status status = client->turn(seconds(10));
            if (!status) throw std::runtime_error("ours: " + status.error().message);
        }
        return done - failed;
    }

  private:
    size_t bytes_ = 0;  // what an application would look at
};

}  // namespace

std::unique_ptr<Peer> make_ours_peer() {
    return std::make_unique<OursPeer>();
}

}  // namespace millrace::harness
