// Whatever command of the agent's fails, and in whichever way: each command that it is seen to send loses its reply
// once, and is answered for a while with each error that servers know.

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "cases/table.hpp"
#include "cases/trial.hpp"

namespace millrace::harness {

namespace {

// What RET-2 says of an error, in the specification's words and not in those of any table of an agent's.
enum class Means { Retry, Final };

struct ErrorText {
    std::string_view text;
    Means means;
    std::string_view code;
};

constexpr std::array errors{
    ErrorText{"LOADING Redis is loading the dataset in memory", Means::Retry, "server_busy"},
    ErrorText{"READONLY You can't write against a read only replica.", Means::Retry, "server_busy"},
    ErrorText{"CLUSTERDOWN The cluster is down", Means::Retry, "server_busy"},
    ErrorText{"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Means::Retry,
              "server_busy"},
    ErrorText{"TRYAGAIN Multiple keys request during rehashing of slot", Means::Retry, "server_busy"},
    ErrorText{"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", Means::Retry,
              "server_busy"},
    ErrorText{"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
              Means::Retry, "server_busy"},
    ErrorText{"NOREPLICAS Not enough good replicas to write.", Means::Retry, "server_busy"},
    ErrorText{"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
              Means::Retry, "server_busy"},
    ErrorText{"ERR max number of clients reached", Means::Retry, "server_busy"},
    ErrorText{"NOAUTH Authentication required.", Means::Final, "auth"},
    ErrorText{"WRONGPASS invalid username-password pair or user is disabled.", Means::Final, "auth"},
    ErrorText{"ERR invalid password", Means::Final, "auth"},
    ErrorText{"NOPERM this user has no permissions to run this command", Means::Final, "no_permission"},
    ErrorText{"ERR unknown command, with args beginning with: ", Means::Final, "unsupported"},
    ErrorText{"WRONGTYPE Operation against a key holding the wrong kind of value", Means::Final, "wrong_type"},
    ErrorText{"ERR syntax error", Means::Final, "unsupported"},
    ErrorText{"EXECABORT Transaction discarded because of previous errors.", Means::Final, "script"},
    ErrorText{"CROSSSLOT Keys in request don't hash to the same slot", Means::Final, "bad_argument"},
    ErrorText{"ERR Protocol error: invalid bulk length", Means::Final, "protocol"},
    ErrorText{"MOVED 3999 127.0.0.1:6381", Means::Final, "unsupported"},
    ErrorText{"ASK 3999 127.0.0.1:6381", Means::Final, "unsupported"},
    ErrorText{"NOGROUP No such key or consumer group", Means::Final, "no_group"},
    ErrorText{"OOM command not allowed when used memory > 'maxmemory'.", Means::Final, "oom"},
    ErrorText{"NOSCRIPT No matching script.", Means::Final, "script"},
    ErrorText{"ERR something that no table knows", Means::Final, "bad_argument"},
};

// How to make an agent send more of its commands.
struct Prelude {
    std::string_view name;
    void (*faults)(Proxy&);
};

void answer(Proxy& proxy, const std::string& command, std::string_view error) {
    proxy.add({command, 0, CommandFault::What::Answer, "-" + std::string(error) + "\r\n", Told::Both});
}

constexpr std::array preludes{
    Prelude{"", [](Proxy&) {}},
    Prelude{" after a lost read",
            [](Proxy& proxy) {
                proxy.add({"XREADGROUP >", 1, CommandFault::What::LoseReply, "", Told::Both});
            }},
    Prelude{" without HELLO", [](Proxy& proxy) { answer(proxy, "HELLO", "ERR unknown command 'HELLO'"); }},
    Prelude{" without HELLO and INFO",
            [](Proxy& proxy) {
                answer(proxy, "HELLO", "ERR unknown command 'HELLO'");
                answer(proxy, "INFO", "NOPERM this user has no permissions to run the 'info' command");
            }},
};

// Each command that an agent sends in one life or another, with the prelude that first made it do so.
using Commands = std::map<std::string, const Prelude*>;

Task<Commands> commands_of_a_life(World& world) {
    std::vector<Trial> lives;
    lives.reserve(preludes.size());
    for (const auto& prelude : preludes) {
        lives.emplace_back(world, Trial::Plan{.name = "a life" + std::string(prelude.name),
                                              .spec = "REC-1",
                                              .fault = prelude.faults,
                                              .takes_over = true});
    }
    co_await play(world, lives);
    Commands commands;
    for (size_t i = 0; i < preludes.size(); ++i) {
        for (const auto& [words, times] : lives[i].commands()) commands.try_emplace(words, &preludes[i]);
    }
    std::vector<std::string> names;
    for (const auto& [words, prelude] : commands) names.push_back(words);
    world.note("it sends " + join(names, ", "));
    world.figure("commands", static_cast<double>(commands.size()));
    co_return commands;
}

size_t struck(const std::vector<Trial>& trials) {
    return static_cast<size_t>(
        std::count_if(trials.begin(), trials.end(), [](const Trial& trial) { return trial.strikes() > 0; }));
}

Task<> each_reply_lost(World& world) {
    const Commands commands = co_await commands_of_a_life(world);
    std::vector<Trial> trials;
    for (const auto& [words, prelude] : commands) {
        for (const Told told : {Told::Both, Told::Client, Told::Nobody}) {
            const auto fault = [words = words, prelude = prelude, told](Proxy& proxy) {
                proxy.add({words, 1, CommandFault::What::LoseReply, "", told});
                prelude->faults(proxy);
            };
            const std::string_view who = told == Told::Both     ? ""
                                         : told == Told::Client ? ", and the server does not know"
                                                                : ", and nobody is told";
            trials.emplace_back(world, Trial::Plan{.name = "the reply to " + words + " lost" +
                                                           std::string(prelude->name) + std::string(who),
                                                   .spec = "REC-6",
                                                   .fault = fault,
                                                   .takes_over = true});
        }
    }
    co_await play(world, trials);
    world.figure("lives", static_cast<double>(trials.size()));
    world.figure("struck", static_cast<double>(struck(trials)));
}

// Of these an agent can't do without: where no retry helps, RET-1 closes the source with an error.
bool is_needed(std::string_view words) {
    return words.starts_with("XREADGROUP") || words == "XGROUP CREATE" || words == "XACK";
}

void judge(World& world, const Trial& trial, const std::string& words, const ErrorText& error) {
    const auto strikes = trial.strikes();
    // The fault lasts for 400 ms and attempts are 50 ms apart, on two lanes and for each ack that waits.
    world.expect(strikes <= 60, "RET-1",
                 trial.name() + ": it was sent " + std::to_string(strikes) + " times within 400 ms");
    if (!is_needed(words) || strikes == 0) return;
    if (trial.stopped()) {
        world.expect(trial.said(error.code), "RET-2",
                     trial.name() + ": it stopped, and no error event says " + std::string(error.code));
    }
}

Task<> each_error(World& world) {
    const Commands commands = co_await commands_of_a_life(world);
    std::vector<Trial> trials;
    std::vector<std::pair<std::string, const ErrorText*>> what;
    for (const auto& [words, prelude] : commands) {
        for (const auto& error : errors) {
            const auto fault = [words = words, prelude = prelude, &error](Proxy& proxy) {
                answer(proxy, words, error.text);
                prelude->faults(proxy);
            };
            const std::string first_word(error.text.substr(0, error.text.find(' ')));
            const std::string shown = first_word == "ERR" ? std::string(error.text) : first_word;
            trials.emplace_back(world,
                                Trial::Plan{.name = words + std::string(prelude->name) + " answered with " + shown,
                                            .spec = "RET-2",
                                            .fault = fault,
                                            .heal_after = 400ms,
                                            .may_stop = error.means == Means::Final,
                                            .takes_over = true});
            what.emplace_back(words, &error);
        }
    }
    co_await play(world, trials);
    size_t stopped = 0;
    for (size_t i = 0; i < trials.size(); ++i) {
        judge(world, trials[i], what[i].first, *what[i].second);
        stopped += trials[i].stopped() ? 1U : 0U;
    }
    world.figure("lives", static_cast<double>(trials.size()));
    world.figure("struck", static_cast<double>(struck(trials)));
    world.figure("stopped", static_cast<double>(stopped));
}

// Answers that no command has. What is of the right shape would be a lie, which nobody can find out.
struct Shape {
    std::string_view name;
    std::string_view wire;
};
constexpr std::array shapes{
    Shape{"a boolean", "#t\r\n"},
    Shape{"a double", ",1.5\r\n"},
    Shape{"a big number", "(12345678901234567890\r\n"},
    Shape{"a set of booleans", "~1\r\n#t\r\n"},
    Shape{"a list in a list", "*1\r\n*1\r\n:7\r\n"},
};

Task<> each_wrong_shape(World& world) {
    const Commands commands = co_await commands_of_a_life(world);
    std::vector<Trial> trials;
    for (const auto& [words, prelude] : commands) {
        for (const auto& shape : shapes) {
            const auto fault = [words = words, prelude = prelude, &shape](Proxy& proxy) {
                proxy.add({words, 0, CommandFault::What::Answer, std::string(shape.wire), Told::Both});
                prelude->faults(proxy);
            };
            trials.emplace_back(world, Trial::Plan{.name = words + std::string(prelude->name) + " answered with " +
                                                           std::string(shape.name),
                                                   .spec = "SEC-2",
                                                   .fault = fault,
                                                   .heal_after = 400ms,
                                                   .takes_over = true});
        }
    }
    co_await play(world, trials);
    for (const Trial& trial : trials) {
        // As for errors: attempts are 50 ms apart, on two lanes and for each ack that waits.
        world.expect(trial.strikes() <= 60, "RET-1",
                     trial.name() + ": it was sent " + std::to_string(trial.strikes()) + " times within 400 ms");
    }
    world.figure("lives", static_cast<double>(trials.size()));
    world.figure("struck", static_cast<double>(struck(trials)));
}

}  // namespace

std::vector<Case> each_command_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"each-command/1-reply-lost",
         "Each command that the agent sends loses its reply once: nothing is lost with it",
         {"REC-6", "ACK-6", "REC-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         each_reply_lost,
         true,
         Spread::OneServer},
        {"each-command/2-refused",
         "Each command is answered with each error of RET-2 for a while: retried, or a clean stop; nothing is lost",
         {"RET-1", "RET-2", "RET-3"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         each_error,
         true,
         Spread::OneServer},
        {"each-command/3-wrong-shape",
         "Each command is answered for a while with what it never is: nothing is believed, and nothing is lost",
         {"SEC-2", "RET-1", "REC-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         each_wrong_shape,
         true,
         Spread::OneServer},
    };
}

}  // namespace millrace::harness
