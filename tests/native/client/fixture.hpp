// What the client's tests share: events kept as they come, and waiting for a condition with a deadline instead of
// sleeping.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "local_server.hpp"
#include "millrace/client.hpp"

namespace millrace::testing {

inline constexpr Duration patience = seconds(20);

/// Keeps what an observer may keep of events: copies. Any thread.
class EventLog {
  public:
    void operator()(const Event& event) {
        const std::lock_guard lock(mutex_);
        if (const auto* failure = std::get_if<Failure>(&event)) errors_.push_back(failure->error);
        if (const auto* lost = std::get_if<Disconnected>(&event)) errors_.push_back(lost->error);
        if (const auto* log = std::get_if<Log>(&event)) logs_.push_back(*log);
        if (const auto* acked = std::get_if<Acked>(&event)) acked_ += acked->indices.size();
        if (std::holds_alternative<Ready>(event)) ++ready_;
    }
    [[nodiscard]] std::vector<Error> errors() const { return copy(errors_); }
    [[nodiscard]] std::vector<Log> logs() const { return copy(logs_); }
    [[nodiscard]] size_t acked() const { return copy(acked_); }
    [[nodiscard]] size_t ready() const { return copy(ready_); }

  private:
    template <class T>
    T copy(const T& value) const {
        const std::lock_guard lock(mutex_);
        return value;
    }
    mutable std::mutex mutex_;
    std::vector<Error> errors_;
    std::vector<Log> logs_;
    size_t acked_ = 0;
    size_t ready_ = 0;
};

/// Turns the client's loop until `done` holds; false when patience ended first.
template <class Done>
bool turn_until(Client& client, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(patience.us);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        if (!client.turn(milliseconds(100))) return false;
    }
    return true;
}

inline Client connected(const std::string& url, ClientOptions options = {}) {
    Result<Client> client = Client::connect(url, std::move(options));
    if (!client) throw std::runtime_error(client.error().message);
    return std::move(client).value();
}

/// Publishes `count` entries with a field `n`, counted from `first`.
inline void publish_numbers(Client& client, const std::string& stream, int count, int first = 0) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(first + i));
    std::vector<Field> fields;
    for (const std::string& number : numbers) fields.push_back({"n", number});
    std::vector<PublishEntry> entries;
    for (const Field& field : fields) entries.push_back({{&field, 1}});
    const Result<std::vector<PublishResult>> results = client.publish({stream, entries, {}}, patience);
    ASSERT_TRUE(results.ok()) << results.error().message;
    ASSERT_EQ(results->size(), static_cast<size_t>(count));
    for (const PublishResult& each : *results) ASSERT_FALSE(each.error.has_value()) << each.error->message;
}

inline int number_of(const Entry& entry) {
    return std::stoi(std::string(entry["n"].value_or("-1")));
}

/// Entries that a group has delivered and not seen acked.
inline std::string pending_count(const LocalServer& server, const std::string& stream, const std::string& group) {
    const std::string summary = server.ask({"XPENDING", stream, group});
    return summary.substr(1, summary.find_first_of(" ]") - 1);
}

}  // namespace millrace::testing
