// What can go wrong, as one table: code, kind, whether a retry can help, and what the caller should do.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace millrace {

enum class Code : uint8_t {
    ok,
    bad_config,
    bad_argument,
    closed,
    not_held,
    lost,
    queue_full,
    would_block,
    too_large,
    unsupported,
    cursor_not_found,
    auth,
    no_permission,
    wrong_type,
    no_group,
    oom,
    server_busy,
    connection,
    timeout,
    tls,
    protocol,
    script,
    out_of_memory,
};

/// Three kinds that never mix: the caller misused the API, the peer broke the protocol or refused, the environment
/// failed.
enum class Kind : uint8_t { misuse, peer, environment };

struct CodeInfo {
    Code code;
    std::string_view name;  ///< stable, as in logs, the agent protocol and the C ABI
    Kind kind;
    bool retryable;  ///< whether the same call can succeed later without a change by the caller
    std::string_view meaning;
    std::string_view advice;  ///< what the caller should do
};

/// Every code, in the order of the enumeration.
[[nodiscard]] std::span<const CodeInfo> code_table();
[[nodiscard]] const CodeInfo& info(Code code);
[[nodiscard]] std::string_view name(Code code);
[[nodiscard]] std::string_view name(Kind kind);

struct Error {
    Code code = Code::ok;
    std::string message;  ///< one line; names what is wrong; holds no secret (SEC)
    bool retryable = false;

    Error() = default;
    Error(Code c, std::string text);  ///< retryable as the table says
    Error(Code c, std::string text, bool can_retry) : code(c), message(std::move(text)), retryable(can_retry) {}
};

/// Success, or an Error.
class [[nodiscard]] Status {
  public:
    Status() = default;
    Status(Error error) : error_(std::move(error)) {}
    [[nodiscard]] bool ok() const { return error_.code == Code::ok; }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const Error& error() const { return error_; }

  private:
    Error error_;
};

/// A T, or an Error. Reading the wrong one is a programming error and ends the process.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] T& value() & { return *checked(std::get_if<0>(&state_)); }
    [[nodiscard]] const T& value() const& { return *checked(std::get_if<0>(&state_)); }
    [[nodiscard]] T&& value() && { return std::move(*checked(std::get_if<0>(&state_))); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    [[nodiscard]] const Error& error() const { return *checked(std::get_if<1>(&state_)); }

  private:
    template <class P>
    static P* checked(P* pointer) {
        if (pointer == nullptr) __builtin_trap();
        return pointer;
    }
    std::variant<T, Error> state_;
};

}  // namespace millrace
