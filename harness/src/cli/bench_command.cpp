#include <cstdio>
#include <random>
#include <stdexcept>

#include "agent/protocol.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "bench/bench.hpp"
#include "cli/commands.hpp"
#include "server/target.hpp"

namespace millrace::harness {

namespace {

std::vector<std::unique_ptr<Peer>> chosen_peers(std::vector<std::string> words) {
    if (words.empty()) words = {"hiredis"};
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<std::string> known;
    for (const auto& maker : peer_makers()) {
        known.emplace_back(maker.word);
        if (maker.word == "ours") peers.push_back(maker.make());
    }
    for (const auto& word : words) {
        bool found = word == "ours";
        for (const auto& maker : peer_makers()) {
            if (maker.word != word || word == "ours") continue;
            peers.push_back(maker.make());
            found = true;
        }
        if (!found) throw std::runtime_error("--against=" + excerpt(word) + " is none of " + join(known, ", "));
    }
    return peers;
}

std::string as_json(const std::vector<BenchResult>& results) {
    Json list = Json::array();
    for (const auto& result : results) {
        list.push_back({{"name", result.name},
                        {"job", result.job},
                        {"batch", result.batch},
                        {"rate", result.rate},
                        {"cpu_us", result.cpu_us},
                        {"p50_us", result.p50_us},
                        {"p99_us", result.p99_us},
                        {"runs", result.runs}});
    }
    return Json{{"results", std::move(list)}}.dump(1) + "\n";
}

std::string many_as_table(const std::vector<BenchResult>& results, const BenchOptions& options) {
    std::string text;
    double one = 0;
    for (const auto& result : results) {
        if (result.job != "many") continue;
        if (one == 0) {
            one = result.rate;
            text += "\nours, " + std::to_string(options.many_entries) + " entries of " +
                    std::to_string(options.many_bytes) + " bytes in one stream and in " +
                    std::to_string(options.many_streams) + "; medians of " + std::to_string(options.many_runs) +
                    " runs in turn\n\n              entries/s   cpu us/entry   batch p50 us   p99 us   to one\n";
        }
        char line[160];
        std::snprintf(line, sizeof line, "%-12s %10.0f %14.2f %14.0f %8.0f %8.2f\n", result.name.c_str(), result.rate,
                      result.cpu_us, result.p50_us, result.p99_us, result.rate / one);
        text += line;
    }
    return text;
}

std::string as_table(const std::vector<BenchResult>& results, const BenchOptions& options, const Target& target) {
    std::string text =
        "consume and ack " + std::to_string(options.entries) + " entries of " + std::to_string(options.entry_bytes) +
        " bytes, batch " + std::to_string(options.batch_size) + ", on " + target.facts().product + " " +
        target.facts().version + "; medians of " + std::to_string(options.runs) + " runs in turn\n\n" +
        "            entries/s   cpu us/entry   batch p50 us   p99 us   to " + results.front().name + "\n";
    double first_published = 0;
    for (const auto& result : results) {
        if (result.job != "consume") continue;
        char line[160];
        std::snprintf(line, sizeof line, "%-10s %10.0f %14.2f %14.0f %8.0f %8.2f\n", result.name.c_str(), result.rate,
                      result.cpu_us, result.p50_us, result.p99_us, result.rate / results.front().rate);
        text += line;
    }
    text += "\npublish as many of " + std::to_string(options.publish_bytes) + " bytes one by one, " +
            std::to_string(options.in_flight) + " in flight on one connection\n\n" +
            "            entries/s   cpu us/entry   to " + results.front().name + "\n";
    for (const auto& result : results) {
        if (result.job != "publish") continue;
        if (first_published == 0) first_published = result.rate;
        char line[160];
        std::snprintf(line, sizeof line, "%-10s %10.0f %14.2f %8.2f\n", result.name.c_str(), result.rate, result.cpu_us,
                      result.rate / first_published);
        text += line;
    }
    return text + many_as_table(results, options);
}

}  // namespace

int bench_command(const Arguments& arguments) {
    const auto peers = chosen_peers(list_option(arguments, "--against"));
    auto servers = list_option(arguments, "--server");
    if (servers.empty()) servers = default_server_specs();
    std::random_device device;
    Target target(servers.front(), Random((uint64_t{device()} << 32U) ^ device()).hex(12));
    if (target.absent()) throw std::runtime_error("server " + target.name() + ": " + *target.absent());
    const BenchOptions options;
    std::vector<BenchResult> results;
    try {
        results = bench_consume(target, peers, options);
        for (auto& result : bench_publish(target, peers, options)) results.push_back(std::move(result));
        const bool has_ours = peers.front()->name() == "ours";
        if (has_ours) {
            for (auto& result : bench_many(target, *peers.front(), options)) results.push_back(std::move(result));
        }
    } catch (...) {
        if (!target.executable()) target.remove_keys();
        throw;
    }
    if (!target.executable()) target.remove_keys();
    print(arguments.at("--json").asBool() ? as_json(results) : as_table(results, options, target));
    return 0;
}

}  // namespace millrace::harness
