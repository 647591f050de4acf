// Entry of `millrace`: parses by the usage text, calls the command, and turns what went wrong into one line and a code:
// 0 done, 1 refused or not answered, 2 wrong use.
#include <cstdio>
#include <string>
#include <vector>

#include "commands.hpp"
#include "usage.hpp"

namespace millrace::tool {

namespace {

struct Command {
    const char* name;
    int (*run)(Session&, const Arguments&);
};

constexpr Command commands[] = {{"consume", consume}, {"tail", tail},       {"publish", publish},
                                {"dead", dead},       {"redrive", redrive}, {"group", change_group}};

int dispatch(const std::vector<std::string>& words) {
    const Arguments arguments = docopt::docopt_parse(usage, shield(words), true, true);
    for (const Command& command : commands) {
        if (!arguments.at(command.name).asBool()) continue;
        Session session(arguments);
        return command.run(session, arguments);
    }
    return 2;
}

}  // namespace

}  // namespace millrace::tool

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    try {
        return millrace::tool::dispatch(words);
    } catch (const docopt::DocoptExitHelp&) {
        std::fputs(millrace::tool::usage, stdout);
        return 0;
    } catch (const docopt::DocoptExitVersion&) {
        std::puts("millrace " MILLRACE_VERSION);
        return 0;
    } catch (const docopt::DocoptArgumentError&) {
        const std::string first = words.empty() ? "no command" : "the arguments do not fit '" + words.front() + "'";
        std::fprintf(stderr, "millrace: %s; see millrace --help\n", first.c_str());
    } catch (const millrace::tool::Misuse& misuse) {
        std::fprintf(stderr, "millrace: %s\n", misuse.message.c_str());
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "millrace: %s\n", failure.what());
    }
    return 2;
}
