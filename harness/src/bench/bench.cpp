#include "bench/bench.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>

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

void fill(Connection& connection, const std::string& stream, const BenchOptions& options) {
    const std::string value(static_cast<size_t>(options.entry_bytes), 'x');
    for (int64_t done = 0; done < options.entries;) {
        if (interrupted()) throw Interrupted();
        std::vector<Command> commands;
        for (int i = 0; i < 1000 && done < options.entries; ++i, ++done) {
            commands.push_back({"XADD", stream, "*", "data", value});
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
    connection.command({"XGROUP", "DESTROY", backlog.stream, backlog.group});
    const Reply made = connection.command({"XGROUP", "CREATE", backlog.stream, backlog.group, "0"});
    if (made.is_error()) throw std::runtime_error("no group for the bench: " + excerpt(made.text));
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
    backlog.group = "bench";
    backlog.entries = options.entries;
    backlog.batch_size = options.batch_size;
    fill(connection, backlog.stream, options);

    std::vector<Measured> measured(peers.size());
    for (int run = 0; run < options.runs; ++run) {
        for (size_t i = 0; i < peers.size(); ++i) {
            if (interrupted()) throw Interrupted();
            measure(*peers[i], connection, backlog, measured[i]);
        }
    }
    std::vector<BenchResult> results;
    for (size_t i = 0; i < peers.size(); ++i) {
        BenchResult result;
        result.name = peers[i]->name();
        result.batch = options.batch_size;
        result.rate = percentile(measured[i].rates, 0.5);
        result.cpu_us = percentile(measured[i].cpu, 0.5);
        result.p50_us = percentile(measured[i].batch_us, 0.5);
        result.p99_us = percentile(measured[i].batch_us, 0.99);
        result.runs = measured[i].rates;
        results.push_back(std::move(result));
    }
    return results;
}

}  // namespace millrace::harness
