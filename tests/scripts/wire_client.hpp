// A connection that speaks through the core's own encoder and decoder, so that what is tested is what the engine sends;
// and the servers to try the scripts on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/buffer.hpp"
#include "command/scripts.hpp"
#include "resp/decoder.hpp"
#include "server/local_server.hpp"

namespace millrace::test {

using Words = std::vector<std::string>;

class WireClient {
  public:
    WireClient(int port, int protocol);
    WireClient(const WireClient&) = delete;
    WireClient& operator=(const WireClient&) = delete;
    ~WireClient();

    /// The reply as one text: arrays in brackets, errors with `-` before them; nil, and `closed` when the server is
    /// gone.
    std::string ask(const Words& words);
    std::string ask(std::string_view line);  ///< words separated by single spaces
    /// EVALSHA, and EVAL after NOSCRIPT.
    std::string call(ScriptId id, const Words& keys, const Words& arguments);

  private:
    std::string exchange();
    std::string receive();

    int socket_ = -1;
    Output out_;
    SegmentStore segments_;
    resp::Decoder decoder_{resp::Limits{}, segments_};
};

/// Where `./dev servers` put it; null where it is not there.
[[nodiscard]] std::unique_ptr<harness::LocalServer> start_server(const std::string& name, Words options = {});

/// A server by its name, and the version of RESP.
struct Place {
    std::string server;
    int protocol;
};
[[nodiscard]] std::vector<Place> places();
[[nodiscard]] std::string name_of(const ::testing::TestParamInfo<Place>& info);

/// A server and a connection to it for each test.
class OnEachServer : public ::testing::TestWithParam<Place> {
  protected:
    void SetUp() override;

    std::unique_ptr<harness::LocalServer> server_;
    std::unique_ptr<WireClient> client_;
};

}  // namespace millrace::test
