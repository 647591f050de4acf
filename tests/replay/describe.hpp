// What a machine gives out, as lines of a trace. Text and bytes are in quotes, with `\\`, `\"`, `\r`, `\n` and `\xNN`;
// everything else is words and whole numbers. Nothing here depends on the host: the same output is the same line
// everywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/action.hpp"
#include "millrace/event.hpp"

namespace millrace::replay {

void append_quoted(std::string& out, std::string_view bytes);
void append_number(std::string& out, int64_t number);
void append_unsigned(std::string& out, uint64_t number);
/// ` word`
void append_word(std::string& out, std::string_view word);

void append_action(std::string& out, const Action& action);
/// One line, and for a batch one more for each entry.
void append_event(std::string& out, const Event& event);
void append_error(std::string& out, const Error& error);

}  // namespace millrace::replay
