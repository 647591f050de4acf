#include "run/runner.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

#include "agent/agent_process.hpp"
#include "base/interrupt.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "run/play.hpp"

namespace millrace::harness {

namespace {

class Run {
  public:
    Run(const RunOptions& options, const Progress& progress) : options_(options), progress_(progress) {
        report_.seed = options.seed;
        report_.rounds = options.rounds;
        report_.config_path = options.config_path;
        if (options.time_limit != RunOptions{}.time_limit) report_.time_limit = options.time_limit;
    }

    // On every way out: keys are removed from servers that outlive the run.
    ~Run() {
        for (const auto& target : targets_) {
            try {
                if (!target->executable()) target->remove_keys();
            } catch (const std::exception&) {
                // Told by finish() where the run came so far.
            }
        }
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Report play() {
        look_at_agents_and_servers();
        plan();
        progress_.begins(report_.results.size());
        play_all(Timing::None, static_cast<size_t>(options_.jobs));
        play_all(Timing::Judged, 1);
        if (interrupted()) throw Interrupted();
        finish();
        return std::move(report_);
    }

  private:
    void look_at_agents_and_servers() {
        std::vector<std::string> troubles;
        for (const auto& given : options_.agents) {
            try {
                const std::string command = agent_command(given);
                report_.agents.push_back({given, command, probe_agent(given, command, options_.start_limit())});
            } catch (const std::runtime_error& error) {
                troubles.emplace_back(error.what());
            }
        }
        std::random_device device;
        Random random((uint64_t{device()} << 32U) ^ device());
        const std::string run_id = random.hex(12);
        for (const auto& spec : options_.servers) {
            try {
                targets_.push_back(std::make_unique<Target>(spec, run_id));
                const Target& target = *targets_.back();
                report_.servers.push_back({target.name(), target.facts(), target.absent().value_or("")});
            } catch (const std::runtime_error& error) {
                troubles.emplace_back(error.what());
            }
        }
        if (!troubles.empty()) throw std::runtime_error(join(troubles, "\n"));
    }

    void plan() {
        for (size_t agent = 0; agent < report_.agents.size(); ++agent) {
            for (size_t server = 0; server < report_.servers.size(); ++server) {
                for (const Case* played : options_.cases) {
                    CaseResult result;
                    result.played = played;
                    result.agent = agent;
                    result.server = server;
                    result.why = why_not(*played, report_.agents[agent].hello, report_.servers[server].facts);
                    if (!report_.servers[server].absent.empty()) result.why = "the server is absent";
                    if (result.why.empty() && played->spread == Spread::OneServer) {
                        const size_t one = the_one_server(*played, report_.agents[agent].hello);
                        if (one != server) result.why = "is long, and plays on " + report_.servers[one].name + " alone";
                    }
                    report_.results.push_back(std::move(result));
                }
            }
        }
    }

    // Of a case that plays on one server: which. There is one that fits, or nobody would ask.
    [[nodiscard]] size_t the_one_server(const Case& played, const Hello& agent) const {
        size_t first = report_.servers.size();
        for (size_t i = 0; i < report_.servers.size(); ++i) {
            const ServerUnderTest& server = report_.servers[i];
            if (!server.absent.empty() || !why_not(played, agent, server.facts).empty()) continue;
            if (server.facts.product == "redis" && server.facts.major == 7) return i;
            first = std::min(first, i);
        }
        return first;
    }

    void play_all(Timing timing, size_t jobs) {
        std::atomic<size_t> next{0};
        const auto work = [&] {
            for (size_t i = next++; i < report_.results.size() && !interrupted(); i = next++) {
                if (report_.results[i].played->timing != timing) continue;
                try {
                    play_one(i, jobs == 1);
                } catch (const Interrupted&) {
                    return;
                }
            }
        };
        // The threads that spawn agents outlive them: see Process.
        std::vector<std::thread> threads;
        for (size_t i = 0; i < jobs; ++i) threads.emplace_back(work);
        for (auto& thread : threads) thread.join();
    }

    void play_one(size_t index, bool alone) {
        CaseResult& result = report_.results[index];
        const Case& played = *result.played;
        if (result.why.empty()) {
            const Target& target = *targets_[result.server];
            World::Setup setup;
            setup.agent_command = report_.agents[result.agent].command;
            setup.agent = report_.agents[result.agent].hello;
            setup.url = target.url();
            setup.facts = target.facts();
            setup.prefix = target.prefix() + std::to_string(index) + ":";
            setup.server_executable = target.executable();
            setup.seed = mix(options_.seed, played.id);
            setup.rounds = options_.rounds;
            setup.config = options_.config;
            setup.alone = alone && target.executable().has_value();
            setup.start_limit = options_.start_limit();
            // Long cases are a thousand agents in a row, each with a limit of its own: how long they take altogether is
            // the machine's affair.
            const int64_t times = played.spread == Spread::OneServer ? 4 : 1;
            setup.time_limit = times * options_.time_limit + (played.by_rounds ? 3s * options_.rounds : 0s);
            play_case(played, setup, result);
        }
        const std::lock_guard lock(mutex_);
        progress_.played(result, report_);
    }

    // A server that has gone meanwhile takes nobody's report away.
    void finish() {
        for (const auto& target : targets_) {
            if (target->executable() || target->absent()) continue;
            try {
                const auto left = target->remove_keys();
                if (left.empty()) continue;
                report_.troubles.push_back("server " + target->name() + ": " + std::to_string(left.size()) +
                                           " keys can't be removed, among them " + left.front());
            } catch (const ServerError& error) {
                report_.troubles.push_back("server " + target->name() +
                                           ": what was written there can't be removed: " + error.what());
            }
        }
    }

    const RunOptions& options_;
    const Progress& progress_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Target>> targets_;
    Report report_;
};

}  // namespace

Report run(const RunOptions& options, const Progress& progress) {
    return Run(options, progress).play();
}

}  // namespace millrace::harness
