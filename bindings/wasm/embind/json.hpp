// Writes JSON into a block, in order and without a tree. It knows JSON's notation and nothing of what is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "block.hpp"
#include "millrace/entry.hpp"
#include "millrace/error.hpp"
#include "millrace/time.hpp"

namespace millrace::wasm {

class JsonWriter {
  public:
    explicit JsonWriter(Block& block) : block_(block) {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    void key(std::string_view name);

    /// What stands in a message for people: bytes that are no UTF-8 become `?`.
    void text(std::string_view text);
    /// What may be any bytes: {"b64":"…"} where they are no UTF-8.
    void bytes(std::string_view bytes);
    void number(uint64_t value);
    void boolean(bool value);
    /// `ms-seq`, as a text.
    void id(EntryId id);
    /// Of {"code","message","retryable"}.
    void error(const Error& error);

    // ---- members of an object
    void text(std::string_view name, std::string_view value) { key(name), text(value); }
    void bytes(std::string_view name, std::string_view value) { key(name), bytes(value); }
    void number(std::string_view name, uint64_t value) { key(name), number(value); }
    void number(std::string_view name, const std::optional<uint64_t>& value) {
        if (value) number(name, *value);
    }
    void boolean(std::string_view name, bool value) { key(name), boolean(value); }
    void id(std::string_view name, EntryId value) { key(name), id(value); }
    /// Nothing for 0-0, which stands for an id that is not known.
    void known_id(std::string_view name, EntryId value) {
        if (value != EntryId{}) id(name, value);
    }
    /// In whole milliseconds.
    void duration(std::string_view name, Duration value) {
        number(name, static_cast<uint64_t>(value.us < 0 ? 0 : value.us) / 1000);
    }
    void error(std::string_view name, const std::optional<Error>& value) {
        if (value) key(name), error(*value);
    }

  private:
    void open(char bracket);
    void close(char bracket);
    void separate();
    void quoted(std::string_view text, bool is_clean);

    Block& block_;
    bool is_first_ = true;
};

}  // namespace millrace::wasm
