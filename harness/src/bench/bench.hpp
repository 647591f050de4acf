// Measures peers in turn on the same backlog, several times each, interleaved, so that a slow minute of the machine
// hits all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/peer.hpp"
#include "server/target.hpp"

namespace millrace::harness {

struct BenchResult {
    std::string name;
    std::string job = "consume";
    int64_t batch = 0;              // of publish: 1, the entries of a call
    double rate = 0;                // entries a second, median of the runs
    double cpu_us = 0;              // of this process, an entry, median
    double p50_us = 0, p99_us = 0;  // of a batch, all runs; 0 where the peer knows no batches
    std::vector<double> runs;       // rates
};

struct BenchOptions {
    int64_t entries = 200'000;
    int64_t entry_bytes = 250;
    int64_t batch_size = 100;
    int64_t publish_bytes = 200;
    int64_t in_flight = 1000;  // publishes without an answer
    int64_t many_streams = 1000;
    int64_t many_entries = 1'000'000;  // of all of them together, and as many of the one that they are compared with
    int64_t many_bytes = 100;
    int many_runs = 3;
    int runs = 5;
};

std::vector<BenchResult> bench_consume(const Target& target, const std::vector<std::unique_ptr<Peer>>& peers,
                                       const BenchOptions& options);
// What a backlog costs that lies in many streams: ours, with one stream and with many, in turn.
std::vector<BenchResult> bench_many(const Target& target, Peer& ours, const BenchOptions& options);
// Of the peers that publish.
std::vector<BenchResult> bench_publish(const Target& target, const std::vector<std::unique_ptr<Peer>>& peers,
                                       const BenchOptions& options);

}  // namespace millrace::harness
