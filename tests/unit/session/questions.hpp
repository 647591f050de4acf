// Every question that a machine asks a server, each with the scene that leads to it and with what may answer it. New
// commands belong here: what answers them in another shape must end the connection (SEC-2).
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "support/scripted_host.hpp"

namespace millrace::test {

/// One thing that a server may say, by a name. None of them is an error.
struct Item {
    const char* what;
    std::string wire;
};
[[nodiscard]] const std::vector<Item>& items();

using Names = std::vector<std::string>;
// Of items, as answers: to what says OK, and to what counts.
inline const Names words{"status", "text", "verbatim"};
inline const Names numbers{"integer"};

struct Question {
    std::string what;
    std::string lane;
    std::string asked;               ///< how the command begins whose answer is due
    std::vector<std::string> right;  ///< the items that may answer it, by their names
    std::function<void(ScriptedHost&)> ask;
};

[[nodiscard]] std::vector<Question> questions_of_reading();
[[nodiscard]] std::vector<Question> questions_of_settling();
[[nodiscard]] std::vector<Question> questions_of_publishing();
[[nodiscard]] std::vector<Question> questions_of_tails_and_requests();
[[nodiscard]] std::vector<Question> questions_of_greeting();

inline void PrintTo(const Question& question, std::ostream* out) {
    *out << question.what;
}

/// A source that hands over what has come.
[[nodiscard]] SourceConfig quick();

}  // namespace millrace::test
