// What each command does, with a client that was made. Commands return the exit code: 0, or 1 when the server refused
// something or did not answer in time.
#pragma once

#include <docopt/docopt.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/client.hpp"
#include "text.hpp"

namespace millrace::tool {

using Arguments = std::map<std::string, docopt::value>;

/// A wrong word on the command line; one line that names it.
struct Misuse {
    std::string message;
};

/// Behind `--` nothing is an option, whatever it begins with. docopt.cpp would take that word for an argument: the ones
/// behind it are marked instead, by a zero, which no word of a command line has.
[[nodiscard]] std::vector<std::string> shield(std::vector<std::string> words);

/// The text of a word, or none where it is not there. Both of these take the marks off.
[[nodiscard]] std::optional<std::string> option(const Arguments& arguments, const std::string& name);

/// docopt.cpp gives a list where the usage repeats the word, else a text, and neither where the word is not there.
[[nodiscard]] std::vector<std::string> list_of(const Arguments& arguments, const std::string& name);

/// The client of one command, and what it told last.
class Session {
  public:
    /// Throws Misuse.
    explicit Session(const Arguments& arguments);

    [[nodiscard]] Client& client() { return *client_; }
    [[nodiscard]] Duration timeout() const { return timeout_; }
    /// What the URL and --set say of sources.
    [[nodiscard]] const SourceConfig& source() const { return source_; }
    /// Turns the loop until the answer to the ticket came; none when the time was up, which is told.
    template <class Answer>
    [[nodiscard]] std::optional<Answer> await(Ticket ticket);
    /// One line on standard output.
    static void print(const Json& line);
    void complain(const Error& error) const;

  private:
    void observe(const Event& event);

    LogForm form_;
    Duration timeout_;
    SourceConfig source_;
    std::optional<DeadListed> listed_;
    std::optional<Redriven> redriven_;
    std::optional<GroupChanged> group_changed_;
    std::optional<Client> client_;
};

int consume(Session& session, const Arguments& arguments);
int tail(Session& session, const Arguments& arguments);
int publish(Session& session, const Arguments& arguments);
int dead(Session& session, const Arguments& arguments);
int redrive(Session& session, const Arguments& arguments);
int change_group(Session& session, const Arguments& arguments);

/// The client whose loop a signal ends; null: none.
void stop_by_signals(Client* client);

}  // namespace millrace::tool
