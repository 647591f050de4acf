// Handles that are none any more, machines in two threads, and what hosts of machines get wrong. No server is asked.
#include <sys/time.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <thread>

#include "owned.hpp"

namespace millrace::testing {
namespace {

constexpr std::array<uint8_t, 16> seed = {};

struct FreeMachine {
    void operator()(mr_machine* machine) const { mr_machine_free(machine); }
};
using OwnedMachine = std::unique_ptr<mr_machine, FreeMachine>;

OwnedMachine machine_of(const char* url) {
    mr_machine* machine = nullptr;
    mr_error error = MR_ERROR_INIT;
    EXPECT_EQ(mr_machine_new(config_of(url).get(), seed.data(), 0, 0, &machine, &error), MR_OK) << error.message;
    return OwnedMachine(machine);
}

TEST(CHandles, NullOfAMachineIsNamed) {
    mr_error error = MR_ERROR_INIT;
    const OwnedConfig config = config_of("redis://h");
    mr_machine* none = nullptr;
    EXPECT_EQ(mr_machine_new(config.get(), nullptr, 0, 0, &none, &error), MR_BAD_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("seed"), std::string::npos);
    EXPECT_EQ(mr_machine_new(nullptr, seed.data(), 0, 0, &none, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_open(nullptr, nullptr, 0, nullptr, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_poll_action(nullptr, nullptr), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_poll_event(nullptr, nullptr), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_poll_writable(nullptr), 0U);
    EXPECT_EQ(mr_machine_timeout_at(nullptr), INT64_MAX);
    EXPECT_EQ(mr_machine_transmit(nullptr, 1, nullptr, 0), 0U);
    EXPECT_EQ(mr_machine_finished(nullptr), 0);
    size_t size = 7;
    EXPECT_EQ(mr_machine_input_room(nullptr, 1, 0, &size), nullptr);
    EXPECT_EQ(size, 0U);
    mr_machine_free(nullptr);
}

TEST(CHandles, AHostThatTellsAMachineNonsense) {
    const OwnedMachine machine = machine_of("redis://127.0.0.1:1?streams=s&group=g");
    mr_error error = MR_ERROR_INIT;
    EXPECT_EQ(mr_machine_open(machine.get(), nullptr, -1, nullptr, &error), MR_BAD_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("now_us"), std::string::npos) << error.message;
    EXPECT_EQ(mr_machine_handle_timeout(machine.get(), INT64_MAX), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_handle_wall_clock(machine.get(), INT64_MAX, 5), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_handle_wall_clock(machine.get(), INT64_MIN, 5), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_handle_wall_clock(machine.get(), 1'700'000'000'000'000, 5), MR_OK);
    mr_machine* none = nullptr;
    EXPECT_EQ(mr_machine_new(config_of("redis://h").get(), seed.data(), 0, INT64_MAX, &none, &error), MR_BAD_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("unix_us"), std::string::npos) << error.message;
    ASSERT_EQ(mr_machine_open(machine.get(), nullptr, 5, nullptr, &error), MR_OK) << error.message;
    mr_action action = MR_ACTION_INIT;
    ASSERT_EQ(mr_machine_poll_action(machine.get(), &action), MR_OK);
    ASSERT_EQ(action.kind, uint32_t{MR_ACTION_CONNECT});
    EXPECT_EQ(std::string(action.host.data, action.host.size), "127.0.0.1");
    EXPECT_EQ(action.tls, 0U);
    // Bytes of connections that are none, or not yet; more than there was room for; more than there was to send.
    EXPECT_EQ(mr_machine_handle_input(machine.get(), 77, 10, 5), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_handle_connected(machine.get(), 77, 5), MR_OK);
    EXPECT_EQ(mr_machine_handle_disconnected(machine.get(), action.conn, 99, 5), MR_BAD_ARGUMENT);
    ASSERT_EQ(mr_machine_handle_connected(machine.get(), action.conn, 5), MR_OK);
    size_t room = 0;
    ASSERT_NE(mr_machine_input_room(machine.get(), action.conn, 100, &room), nullptr);
    EXPECT_GE(room, 100U);
    EXPECT_EQ(mr_machine_handle_input(machine.get(), action.conn, room + 1, 5), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_poll_writable(machine.get()), action.conn);
    mr_str chunk = {nullptr, 0};
    ASSERT_EQ(mr_machine_transmit(machine.get(), action.conn, &chunk, 1), 1U);
    EXPECT_EQ(mr_machine_advance_transmit(machine.get(), action.conn, SIZE_MAX), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_advance_transmit(machine.get(), action.conn, chunk.size), MR_OK);
    EXPECT_EQ(mr_machine_ack(machine.get(), 12345, nullptr, 0, 5, &error), MR_NOT_HELD);
    EXPECT_EQ(mr_machine_release(machine.get(), 12345, 5, &error), MR_OK);
    EXPECT_EQ(mr_machine_nack(machine.get(), 12345, nullptr, 0, INT64_MAX, 5, &error), MR_NOT_HELD);
    EXPECT_EQ(mr_machine_drain(machine.get(), -1, 0, 5, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_machine_drain(machine.get(), INT64_MAX, 0, 5, &error), MR_OK) << error.message;
    EXPECT_EQ(mr_machine_close_source(machine.get(), 99, 5, &error), MR_CLOSED);
}

TEST(CHandles, AnEventIsNotLostForAStructThatIsTooShort) {
    const OwnedMachine machine = machine_of("redis://127.0.0.1:1?streams=s&group=g");
    ASSERT_EQ(mr_machine_drain(machine.get(), 0, 0, 5, nullptr), MR_OK);
    mr_event event = MR_EVENT_INIT;
    event.size = 16;
    EXPECT_EQ(mr_machine_poll_event(machine.get(), &event), MR_BAD_ARGUMENT);
    event.size = sizeof event;
    EXPECT_EQ(mr_machine_poll_event(machine.get(), &event), MR_OK);
    EXPECT_EQ(event.kind, uint32_t{MR_EVENT_CLOSED});
}

// Such as -1 as a size: nothing of it is read.
TEST(CHandles, LengthsBeyondReasonAreRefused) {
    const OwnedMachine machine = machine_of("redis://127.0.0.1:1?streams=s&group=g");
    const OwnedConfig config = config_of("redis://h");
    mr_error error = MR_ERROR_INIT;
    for (const size_t huge : {SIZE_MAX, SIZE_MAX / 2 + 1, size_t{1} << 40U}) {
        SCOPED_TRACE(huge);
        const mr_str text = {"s", huge};
        const std::array<mr_field, 2> fields = {{{mr_str_of("n"), text}, {mr_str_of("m"), text}}};
        const mr_publish_entry large = {fields.data(), fields.size()};
        const mr_field small_field = {mr_str_of("n"), mr_str_of("1")};
        const mr_publish_entry many_fields = {&small_field, huge};
        const mr_publish_entry small = {&small_field, 1};
        uint64_t ticket = 0;
        const auto publish = [&](mr_str stream, const mr_publish_entry* entries, size_t count) {
            mr_publish asked = MR_PUBLISH_INIT;
            asked.stream = stream;
            asked.entries = entries;
            asked.entry_count = count;
            return mr_machine_publish(machine.get(), &asked, 5, &ticket, &error);
        };
        EXPECT_EQ(publish(mr_str_of("s"), &large, 1), MR_BAD_ARGUMENT);
        EXPECT_EQ(publish(mr_str_of("s"), &many_fields, 1), MR_BAD_ARGUMENT);
        EXPECT_EQ(publish(mr_str_of("s"), &small, huge), MR_BAD_ARGUMENT);
        EXPECT_EQ(publish(text, &small, 1), MR_BAD_ARGUMENT);
        EXPECT_NE(std::string(error.message).find("too large"), std::string::npos) << error.message;
        EXPECT_EQ(mr_config_json(config.get(), "{}", huge, &error), MR_BAD_ARGUMENT);
        EXPECT_EQ(mr_config_set_list(config.get(), "streams", &text, 1, &error), MR_BAD_ARGUMENT);
        const mr_str one = mr_str_of("s");
        EXPECT_EQ(mr_config_set_list(config.get(), "streams", &one, huge, &error), MR_BAD_ARGUMENT);
        EXPECT_EQ(mr_machine_dead(machine.get(), text, {0, 0}, 10, 5, &ticket, &error), MR_BAD_ARGUMENT);
        const mr_id id = {1, 1};
        EXPECT_EQ(mr_machine_redrive(machine.get(), one, &id, huge, 5, &ticket, &error), MR_BAD_ARGUMENT);
        const uint32_t index = 0;
        EXPECT_EQ(mr_machine_ack(machine.get(), 1, &index, huge, 5, &error), MR_BAD_ARGUMENT);
        mr_group_change change = MR_GROUP_CHANGE_INIT;
        change.stream = text;
        change.group = one;
        EXPECT_EQ(mr_machine_change_group(machine.get(), &change, 5, &ticket, &error), MR_BAD_ARGUMENT);
        size_t size = 0;
        EXPECT_EQ(mr_machine_input_room(machine.get(), 1, huge, &size), nullptr);
    }
}

// Whoever comes second is refused, and what the first does stays whole: TSan has nothing to say.
TEST(CHandles, TwoThreadsInOneMachineAreTold) {
    const OwnedMachine machine = machine_of("redis://127.0.0.1:1?streams=s&group=g");
    std::atomic<bool> met = false;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto hammer = [&] {
        while (!met && std::chrono::steady_clock::now() < until) {
            mr_error error = MR_ERROR_INIT;
            mr_text text = {nullptr, 0};
            if (mr_machine_metrics(machine.get(), 5, &text, &error) == MR_OK) {
                mr_text_free(&text);
            } else if (std::strstr(error.message, "another thread") != nullptr) {
                met = true;
            }
        }
    };
    std::thread other(hammer);
    hammer();
    other.join();
    EXPECT_TRUE(met);
}

TEST(CHandles, ASecondThreadThatWaitsForEventsIsTold) {
    const OwnedConfig config = config_of("redis://127.0.0.1:1");
    const OwnedClient client = client_of(config, MR_THREAD_OWN, 10);
    mr_event event = MR_EVENT_INIT;
    mr_event others = MR_EVENT_INIT;
    std::thread other([&] {
        mr_status status = MR_OK;  // or that this one is the second, at first
        while (status != MR_CLOSED) status = mr_client_wait_event(client.get(), -1, &others);
    });
    // Until the other one waits there is nothing to be told.
    while (mr_client_poll_event(client.get(), &event) == MR_OK) std::this_thread::yield();
    EXPECT_EQ(mr_client_wait_event(client.get(), 0, &event), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_close(client.get(), 0, nullptr, nullptr), MR_OK);
    other.join();
}

// millrace.h: a signal handler may call these, whatever the thread was at.
TEST(CHandles, ASignalHandlerMayWakeAndStop) {
    const OwnedConfig config = config_of("redis://127.0.0.1:1");
    const OwnedClient client = client_of(config);
    static mr_client* told = nullptr;
    static volatile std::sig_atomic_t calls = 0;
    told = client.get();
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {
        mr_client_wake(told);
        mr_client_stop(told);
        calls = calls + 1;
    };
    ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
    const itimerval often = {{0, 50}, {0, 50}};
    ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
    while (calls < 2'000) (void)mr_client_timeout_us(client.get());
    const itimerval never = {};
    ASSERT_EQ(setitimer(ITIMER_REAL, &never, nullptr), 0);
    ASSERT_EQ(sigaction(SIGALRM, &before, nullptr), 0);
}

#ifndef NDEBUG
TEST(CHandles, FreedOnesAreToldWhereTheLibraryIsBuiltForDebugging) {
    mr_error error = MR_ERROR_INIT;
    mr_config* config = nullptr;
    ASSERT_EQ(mr_config_new("redis://127.0.0.1:1", &config, &error), MR_OK);
    mr_client* client = nullptr;
    ASSERT_EQ(mr_client_new(config, nullptr, &client, &error), MR_OK);
    mr_machine* machine = nullptr;
    ASSERT_EQ(mr_machine_new(config, seed.data(), 0, 0, &machine, &error), MR_OK);
    mr_config_free(config);
    mr_config_free(config);
    EXPECT_EQ(mr_config_set(config, "group", "g", &error), MR_BAD_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("freed"), std::string::npos) << error.message;
    EXPECT_EQ(mr_client_open(client, config, nullptr, &error), MR_BAD_ARGUMENT);
    mr_client_free(client);
    mr_client_free(client);
    EXPECT_EQ(mr_client_open(client, nullptr, nullptr, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_fd(client), -1);
    mr_client_stop(client);
    mr_machine_free(machine);
    mr_machine_free(machine);
    EXPECT_EQ(mr_machine_handle_timeout(machine, 5), MR_BAD_ARGUMENT);
}
#endif

}  // namespace
}  // namespace millrace::testing
