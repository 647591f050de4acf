#include "bench/bench.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/interrupt.hpp"
#include "base/text.hpp"

namespace millrace::harness {

namespace {

double cpu_us() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto us = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    };
    return us(usage.ru_utime) + us(usage.ru_stime);
}

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    const auto rank = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
    return values[rank];
}

// To each of the streams in turn.
void fill(Connection& connection, const std::vector<std::string>& streams, int64_t entries, int64_t entry_bytes) {
    const std::string value(static_cast<size_t>(entry_bytes), 'x');
    for (int64_t done = 0; done < entries;) {
        if (interrupted()) throw Interrupted();
        std::vector<Command> commands;
        for (int i = 0; i < 1000 && done < entries; ++i, ++done) {
            commands.push_back({"XADD", streams[static_cast<size_t>(done) % streams.size()], "*", "data", value});
        }
        for (const auto& reply : connection.pipeline(commands)) {
            if (reply.is_error()) throw std::runtime_error("the server refuses XADD: " + excerpt(reply.text));
        }
    }
}

struct Measured {
    std::vector<double> rates;
    std::vector<double> cpu;
    std::vector<double> batch_us;
};

void measure(Peer& peer, Connection& connection, const ConsumeJob& backlog, Measured& measured) {
    for (const auto& stream : backlog.streams) {
        connection.command({"XGROUP", "DESTROY", stream, backlog.group});
        const Reply made = connection.command({"XGROUP", "CREATE", stream, backlog.group, "0"});
        if (made.is_error()) throw std::runtime_error("no group for the bench: " + excerpt(made.text));
    }
    ConsumeJob job = backlog;
    std::vector<Instant> marks;
    marks.reserve(static_cast<size_t>(job.entries / job.batch_size) + 16);
    job.batch_done = [&marks] { marks.push_back(steady_now()); };
    const double cpu_before = cpu_us();
    const Instant begin = steady_now();
    const int64_t seen = peer.consume(job);
    const double seconds = to_ms(steady_now() - begin) / 1000;
    const double cpu = cpu_us() - cpu_before;
    if (seen != job.entries) {
        throw std::runtime_error(std::string(peer.name()) + " saw " + std::to_string(seen) + " of " +
                                 std::to_string(job.entries) + " entries");
    }
    measured.rates.push_back(static_cast<double>(seen) / seconds);
    measured.cpu.push_back(cpu / static_cast<double>(seen));
    for (size_t i = 1; i < marks.size(); ++i) measured.batch_us.push_back(to_ms(marks[i] - marks[i - 1]) * 1000);
}

// False where the peer publishes nothing.
bool measure(Peer& peer, Connection& connection, const PublishJob& job, Measured& measured) {
    connection.command({"DEL", job.stream});
    const double cpu_before = cpu_us();
    const Instant begin = steady_now();
    const std::optional<int64_t> confirmed = peer.publish(job);
    const double seconds = to_ms(steady_now() - begin) / 1000;
    const double cpu = cpu_us() - cpu_before;
    if (!confirmed) return false;
    const int64_t there = connection.command({"XLEN", job.stream}).integer;
    if (*confirmed != job.entries || there != job.entries) {
        throw std::runtime_error(std::string(peer.name()) + " wrote " + std::to_string(there) + " of " +
                                 std::to_string(job.entries) + " entries");
    }
    measured.rates.push_back(static_cast<double>(job.entries) / seconds);
    measured.cpu.push_back(cpu / static_cast<double>(job.entries));
    return true;
}

BenchResult consumed(std::string name, int64_t batch_size, const Measured& measured) {
    BenchResult result;
    result.name = std::move(name);
    result.batch = batch_size;
    result.rate = percentile(measured.rates, 0.5);
    result.cpu_us = percentile(measured.cpu, 0.5);
    result.p50_us = percentile(measured.batch_us, 0.5);
    result.p99_us = percentile(measured.batch_us, 0.99);
    result.runs = measured.rates;
    return result;
}

}  // namespace

std::vector<BenchResult> bench_publish(const Target& target, const std::vector<std::unique_ptr<Peer>>& peers,
                                       const BenchOptions& options) {
    Connection connection(target.url(), 30s);
    const PublishJob job{target.url(), target.prefix() + "published", options.entries,
                         static_cast<size_t>(options.publish_bytes), options.in_flight};
    std::vector<Measured> measured(peers.size());
    for (int run = 0; run < options.runs; ++run) {
        for (size_t i = 0; i < peers.size(); ++i) {
            if (interrupted()) throw Interrupted();
            (void)measure(*peers[i], connection, job, measured[i]);
        }
    }
    connection.command({"DEL", job.stream});
    std::vector<BenchResult> results;
    for (size_t i = 0; i < peers.size(); ++i) {
        if (measured[i].rates.empty()) continue;
        BenchResult result;
        result.name = peers[i]->name();
        result.job = "publish";
        result.batch = 1;
        result.rate = percentile(measured[i].rates, 0.5);
        result.cpu_us = percentile(measured[i].cpu, 0.5);
        result.runs = measured[i].rates;
        results.push_back(std::move(result));
    }
    return results;
}

std::vector<BenchResult> bench_consume(const Target& target, const std::vector<std::unique_ptr<Peer>>& peers,
                                       const BenchOptions& options) {
    if (!target.facts().streams) throw std::runtime_error("server " + target.name() + " has no Streams");
    Connection connection(target.url(), 30s);
    ConsumeJob backlog;
    backlog.url = target.url();
    backlog.stream = target.prefix() + "bench";
    backlog.streams = {backlog.stream};
    backlog.group = "bench";
    backlog.entries = options.entries;
    backlog.batch_size = options.batch_size;
    fill(connection, backlog.streams, options.entries, options.entry_bytes);

    std::vector<Measured> measured(peers.size());
    for (int run = 0; run < options.runs; ++run) {
        for (size_t i = 0; i < peers.size(); ++i) {
            if (interrupted()) throw Interrupted();
            measure(*peers[i], connection, backlog, measured[i]);
        }
    }
    std::vector<BenchResult> results;
    for (size_t i = 0; i < peers.size(); ++i) {
        results.push_back(consumed(std::string(peers[i]->name()), options.batch_size, measured[i]));
    }
    return results;
}

std::vector<BenchResult> bench_many(const Target& target, Peer& ours, const BenchOptions& options) {
    Connection connection(target.url(), 30s);
    ConsumeJob one;
    one.url = target.url();
    one.streams = {target.prefix() + "one"};
    one.group = "bench";
    one.entries = options.many_entries;
    one.batch_size = options.batch_size;
    ConsumeJob many = one;
    many.streams.clear();
    for (int64_t i = 0; i < options.many_streams; ++i) {
        many.streams.push_back(target.prefix() + "many-" + std::to_string(i));
    }
    std::vector<Measured> measured(2);
    for (const ConsumeJob* job : {&one, &many}) {
        fill(connection, job->streams, options.many_entries, options.many_bytes);
    }
    for (int run = 0; run < options.many_runs; ++run) {
        if (interrupted()) throw Interrupted();
        measure(ours, connection, one, measured[0]);
        measure(ours, connection, many, measured[1]);
    }
    for (const ConsumeJob* job : {&one, &many}) {
        for (const auto& stream : job->streams) connection.command({"DEL", stream});
    }
    std::vector<BenchResult> results{consumed("one stream", options.batch_size, measured[0]),
                                     consumed("many streams", options.batch_size, measured[1])};
    for (auto& result : results) result.job = "many";
    return results;
}

}  // namespace millrace::harness
