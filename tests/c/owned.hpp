// Handles of the C ABI that free themselves, for the tests.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "local_server.hpp"
#include "millrace.h"

namespace millrace::testing {

struct Free {
    void operator()(mr_config* config) const { mr_config_free(config); }
    void operator()(mr_client* client) const { mr_client_free(client); }
    void operator()(mr_batch* batch) const { mr_batch_free(batch); }
};
using OwnedConfig = std::unique_ptr<mr_config, Free>;
using OwnedClient = std::unique_ptr<mr_client, Free>;
using OwnedBatch = std::unique_ptr<mr_batch, Free>;

inline OwnedConfig config_of(const std::string& url) {
    mr_error error = MR_ERROR_INIT;
    mr_config* config = nullptr;
    EXPECT_EQ(mr_config_new(url.c_str(), &config, &error), MR_OK) << error.message;
    return OwnedConfig(config);
}

inline OwnedClient client_of(const OwnedConfig& config, uint32_t thread = MR_THREAD_NONE, uint32_t event_max = 0) {
    mr_error error = MR_ERROR_INIT;
    mr_client_options options = MR_CLIENT_OPTIONS_INIT;
    options.thread = thread;
    options.event_max = event_max;
    mr_client* client = nullptr;
    EXPECT_EQ(mr_client_new(config.get(), &options, &client, &error), MR_OK) << error.message;
    return OwnedClient(client);
}

inline uint32_t open(const OwnedClient& client, const OwnedConfig& config = nullptr) {
    mr_error error = MR_ERROR_INIT;
    uint32_t source = 0;
    EXPECT_EQ(mr_client_open(client.get(), config.get(), &source, &error), MR_OK) << error.message;
    return source;
}

/// Within 10 s; null where none came.
inline OwnedBatch next(const OwnedClient& client, uint32_t source = 0) {
    mr_error error = MR_ERROR_INIT;
    mr_batch* batch = nullptr;
    EXPECT_EQ(mr_client_next(client.get(), source, 10'000'000, &batch, &error), MR_OK) << error.message;
    return OwnedBatch(batch);
}

inline std::string text_of(mr_str text) {
    return {text.data, text.size};
}

inline std::vector<std::string> values_of(const OwnedBatch& batch, const char* name) {
    mr_batch_view view = MR_BATCH_VIEW_INIT;
    EXPECT_EQ(mr_batch_read(batch.get(), &view), MR_OK);
    std::vector<std::string> values;
    for (size_t i = 0; i < view.count; ++i) values.push_back(text_of(mr_entry_field(mr_entry_at(&view, i), name)));
    return values;
}

/// The next event of that kind, within 10 s, of a client with a thread of its own.
inline mr_event wait_for(const OwnedClient& client, uint32_t kind) {
    mr_event event = MR_EVENT_INIT;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < until) {
        EXPECT_EQ(mr_client_wait_event(client.get(), 1'000'000, &event), MR_OK);
        if (event.kind == kind) return event;
    }
    ADD_FAILURE() << "no event " << kind;
    return MR_EVENT_INIT;
}

}  // namespace millrace::testing
