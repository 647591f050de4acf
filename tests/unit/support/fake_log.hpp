// A server as a publisher of ours sees it: streams that grow, transactions, the script that appends, IDMP and its
// windows, and clients whose commands are executed though their sockets are gone. In virtual time, RESP3. For tests in
// which nobody writes down what the server answers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/entry.hpp"
#include "support/fake_server.hpp"

namespace millrace::test {

struct LogClient : FakeClient {
    bool in_transaction = false;
    bool is_aborted = false;
    std::vector<Words> queued;
};

class FakeLog final : public FakeServer<LogClient> {
  public:
    /// While there is one, it is the answer to whatever writes.
    std::string refusal;
    std::string version = "8.6.3";
    void forget_scripts() { has_script_ = false; }

    /// The entries of a stream, in their order: what its one field holds.
    [[nodiscard]] const std::vector<std::pair<EntryId, std::string>>& entries(const std::string& stream) {
        return streams_[stream].entries;
    }

  private:
    struct Window {
        int64_t seconds = 100;
        int64_t count = 100;
        std::map<std::string, std::vector<std::pair<std::string, std::string>>> known;  // of each producer, with ids
    };
    struct Stream {
        std::vector<std::pair<EntryId, std::string>> entries;
        Window window;
    };
    [[nodiscard]] std::string execute(LogClient& client, int64_t id, const Words& words) override;
    [[nodiscard]] std::string write(const Words& words);
    [[nodiscard]] std::string add(const Words& words);
    [[nodiscard]] std::string run_script(const Words& words);
    [[nodiscard]] std::string append(const std::string& stream, const std::string& value);

    std::map<std::string, Stream> streams_;
    std::map<std::string, std::map<std::string, std::string>> hashes_;
    bool has_script_ = false;
    uint64_t next_ms_ = 1;
};

}  // namespace millrace::test
