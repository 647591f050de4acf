#include "bench/peer.hpp"

namespace millrace::harness {

const std::vector<PeerMaker>& peer_makers() {
    static const std::vector<PeerMaker> all = {
#if MILLRACE_BENCH_OURS
        {"ours", make_ours_peer},
#endif
        {"hiredis", make_hiredis_peer},
        {"ceiling", make_ceiling_peer},
    };
    return all;
}

}  // namespace millrace::harness
