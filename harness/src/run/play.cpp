#include "run/play.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "checker/checker.hpp"
#include "world/real_driver.hpp"

namespace millrace::harness {

std::string_view name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::Ok:
            return "OK";
        case Verdict::NonStrict:
            return "NON-STRICT";
        case Verdict::Failed:
            return "FAILED";
        case Verdict::Unsupported:
            return "UNSUPPORTED";
        case Verdict::Informational:
            return "INFORMATIONAL";
    }
    return "FAILED";
}

size_t Report::number_of(Verdict verdict) const {
    return static_cast<size_t>(
        std::count_if(results.begin(), results.end(), [&](const CaseResult& r) { return r.verdict == verdict; }));
}

namespace {

// Calls of the commands that consuming is made of, by the server's own count.
std::map<std::string, int64_t> command_counts(World& world) {
    std::map<std::string, int64_t> counts;
    const Reply stats = world.command({"INFO", "commandstats"});
    for (const auto& line : split(stats.text, "\r\n")) {
        if (!line.starts_with("cmdstat_")) continue;
        const size_t colon = line.find(':');
        const size_t calls = line.find("calls=");
        const size_t comma = line.find(',');
        if (colon == std::string::npos || calls == std::string::npos || comma == std::string::npos) continue;
        const std::string name = line.substr(8, colon - 8);
        for (const char* of_consuming : {"xreadgroup", "xread", "xack", "xclaim", "xautoclaim", "xpending", "xrange"}) {
            if (name != of_consuming) continue;
            const int64_t total = parse_integer(line.substr(calls + 6, comma - calls - 6)).value_or(0);
            counts[name] = total - world.database().calls(name);
        }
    }
    return counts;
}

void add_figures(World& world, const std::map<std::string, int64_t>& before) {
    const Counts counts = count(world.history());
    world.figure("published", static_cast<double>(counts.published));
    world.figure("delivered", static_cast<double>(counts.delivered));
    world.figure("duplicates", static_cast<double>(counts.duplicates));
    if (!world.setup().alone || counts.delivered == 0) return;
    int64_t calls = 0;
    for (const auto& [name, total] : command_counts(world)) {
        const auto was = before.find(name);
        calls += total - (was == before.end() ? 0 : was->second);
    }
    const double per_entry = static_cast<double>(calls) / static_cast<double>(counts.delivered);
    world.figure("commands_per_entry", static_cast<double>(static_cast<int64_t>(per_entry * 100)) / 100);
}

Verdict verdict_of(const std::vector<Finding>& findings) {
    Verdict verdict = Verdict::Ok;
    for (const auto& finding : findings) {
        if (finding.severity == Severity::Failed) return Verdict::Failed;
        verdict = Verdict::NonStrict;
    }
    return verdict;
}

// One life of the World; what it throws has a meaning, see play_case.
void play_in(World& world, const Case& played, CaseResult& result) {
    std::map<std::string, int64_t> before;
    if (world.setup().alone) before = command_counts(world);
    try {
        world.play(played.story(world));
    } catch (const CaseOver&) {
        // The finding that ended it is recorded.
    } catch (const ProtocolError& error) {
        world.expect(false, "agent protocol 1", error.what());
    } catch (const ServerError& error) {
        world.expect(false, "server", std::string("the harness's own connection failed: ") + error.what());
    }
    world.close();
    result.findings = world.findings();
    for (auto& finding : check(world.history())) result.findings.push_back(std::move(finding));
    result.verdict = verdict_of(result.findings);
    try {
        add_figures(world, before);
    } catch (const ServerError&) {
        // A server that the case took away has no counts.
    }
}

}  // namespace

void play_case(const Case& played, const World::Setup& setup, CaseResult& result) {
    const Instant begin = steady_now();
    const auto driver = make_real_driver();
    try {
        World world(*driver, setup);
        try {
            play_in(world, played, result);
        } catch (const CaseUnsupported& unsupported) {
            result.findings = world.findings();
            result.verdict = verdict_of(result.findings) == Verdict::Failed ? Verdict::Failed : Verdict::Unsupported;
            result.why = unsupported.why;
        }
        result.figures = world.figures();
        result.notes = world.notes();
        result.agent_errors = world.agent_errors();
        result.history = std::move(world.history());
        if (result.history.end < result.history.begin) result.history.end = steady_now();
    } catch (const Interrupted&) {
        throw;
    } catch (const std::exception& error) {
        result.verdict = Verdict::Failed;
        result.findings.push_back({Severity::Failed, "harness", error.what()});
    }
    result.took = steady_now() - begin;
}

std::string why_not(const Case& played, const Hello& agent, const ServerFacts& server) {
    std::vector<std::string> lacking;
    for (const auto& need : played.needs) {
        if (!agent.capabilities.contains(need)) lacking.emplace_back(need);
    }
    if (!lacking.empty()) return "the agent lacks " + join(lacking, ", ");
    if (played.server == ServerNeed::Streams && !server.streams) return "the server has no Streams";
    if (played.server == ServerNeed::NoStreams && server.streams) return "is for servers without Streams";
    return {};
}

Hello probe_agent(const std::string& given, const std::string& command, Duration within) {
    const auto driver = make_real_driver();
    std::string first;
    try {
        const auto port = driver->spawn(command, [&](std::string_view line) {
            if (first.empty() && !is_log(line)) first = line;
        });
        port->send(R"({"op":"hello","re":1})");
        const Instant deadline = driver->now() + within;
        while (first.empty() && !port->exit() && driver->now() < deadline) driver->advance(deadline);
        if (first.empty()) {
            std::string why = port->exit() ? "it ended before its hello (" + describe(*port->exit()) + ")"
                                           : "no hello within " + format_ms(within);
            const auto words = split(port->errors(), "\n");
            if (!words.empty()) why += ": " + excerpt(words.back(), 200);
            throw std::runtime_error(why);
        }
        return parse_hello(parse_event(first), 1);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error("agent '" + given + "' could not be started: " + error.what());
    }
}

}  // namespace millrace::harness
