// Entry of millrace-harness: parses by the usage text, calls the command, turns what went wrong into one line and a
// code.

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "base/interrupt.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/usage.hpp"
#include "version.hpp"

namespace millrace::harness {

void print(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
        throw std::runtime_error(std::string("the output could not be written: ") + std::strerror(errno));
    }
}

int64_t number_option(const Arguments& arguments, const std::string& option, int64_t low, int64_t high) {
    const std::string text = arguments.at(option).asString();
    const auto value = parse_integer(text);
    if (!value || *value < low || *value > high) {
        throw std::runtime_error(option + "=" + excerpt(text) + " is no whole number from " + std::to_string(low) +
                                 (high == INT64_MAX ? " on" : " to " + std::to_string(high)));
    }
    return *value;
}

std::vector<std::string> list_option(const Arguments& arguments, const std::string& option) {
    const docopt::value& value = arguments.at(option);
    if (value.isStringList()) return value.asStringList();
    if (value.isString()) return {value.asString()};
    return {};
}

namespace {

// docopt says that arguments do not fit, not which: an option that is none is what it mostly is.
std::string misuse(const std::vector<std::string>& words, const std::string& docopts_reason) {
    static const std::vector<std::string> commands = {"list", "spec", "run", "proxy", "bench"};
    const std::vector<std::string> options = {"--agent",  "--server",  "--scenario", "--config",   "--seed",
                                              "--report", "--rounds",  "--strict",   "--jobs",     "--timeout",
                                              "--quiet",  "--against", "--json",     "--upstream", "--port",
                                              "--fault",  "--help",    "--version"};
    for (const auto& word : words) {
        const std::string name = word.substr(0, word.find('='));
        if (!name.starts_with("--") || std::find(options.begin(), options.end(), name) != options.end()) continue;
        const auto near = nearest(name, options);
        return "unknown option " + excerpt(name) + (near ? "; did you mean " + *near + "?" : "");
    }
    if (words.empty()) return "no command: list, spec, run, proxy or bench";
    if (std::find(commands.begin(), commands.end(), words.front()) == commands.end()) {
        const auto near = nearest(words.front(), commands);
        return "unknown command " + excerpt(words.front()) +
               (near ? "; did you mean " + *near + "?" : "; there are list, spec, run, proxy, bench");
    }
    const auto is_upstream = [](const std::string& word) { return word.starts_with("--upstream"); };
    if (words.front() == "proxy" && std::none_of(words.begin(), words.end(), is_upstream)) {
        return "proxy: no --upstream=<host:port>";
    }
    return docopts_reason.empty() ? "the arguments do not fit " + words.front() : docopts_reason;
}

int dispatch(const std::vector<std::string>& words) {
    Arguments arguments;
    try {
        arguments = docopt::docopt_parse(usage, words, true, true);
    } catch (const docopt::DocoptExitHelp&) {
        print(usage);
        return 0;
    } catch (const docopt::DocoptExitVersion&) {
        print(std::string("millrace-harness ") + version + "\n");
        return 0;
    } catch (const docopt::DocoptArgumentError& error) {
        throw std::runtime_error(misuse(words, error.what()) + " (millrace-harness --help)");
    }
    if (arguments.at("list").asBool()) return list_command(arguments);
    if (arguments.at("spec").asBool()) return spec_command(arguments);
    if (arguments.at("run").asBool()) return run_command(arguments);
    if (arguments.at("proxy").asBool()) return proxy_command(arguments);
    return bench_command(arguments);
}

int dispatch_or_tell(const std::vector<std::string>& words) {
    try {
        return dispatch(words);
    } catch (const Interrupted&) {
        std::fputs("\nmillrace-harness: interrupted; agents and servers are ended, keys removed\n", stderr);
        return 130;
    } catch (const std::exception& error) {
        for (const auto& line : split(error.what(), "\n")) std::fprintf(stderr, "millrace-harness: %s\n", line.c_str());
        return 2;
    }
}

}  // namespace

}  // namespace millrace::harness

int main(int argc, char** argv) {
    using namespace millrace::harness;
    install_interrupt_handling();
    adopt_orphans();
    const int code = dispatch_or_tell({argv + 1, argv + argc});
    end_children();
    return code;
}
