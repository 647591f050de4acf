// What a consumer takes of the heap once it is under way: as much after many entries as after few, and calls of the
// allocator by the batch, not by the entry. malloc and its like are ours here, and count.
#include <malloc.h>

#include <array>
#include <atomic>
#include <fstream>

#include "owned.hpp"

namespace {
std::atomic<uint64_t> allocations = 0;
}

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);

void* malloc(size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_realloc(block, size);
}
}

namespace millrace::testing {
namespace {

constexpr uint64_t entry_count = 120'000;
constexpr uint64_t warm_count = 20'000;

struct Taken {
    uint64_t allocations;
    uint64_t bytes;  // live ones
    uint64_t rss_kb;
};

Taken taken() {
    std::ifstream status("/proc/self/status");
    uint64_t rss_kb = 0;
    for (std::string word; status >> word && rss_kb == 0;) {
        if (word == "VmRSS:") status >> rss_kb;
    }
    return {allocations, mallinfo2().uordblks, rss_kb};
}

class Steady : public ::testing::TestWithParam<uint32_t> {
  protected:
    void take(mr_client* client, uint64_t wanted) {
        for (mr_batch* batch = nullptr; count_ < wanted; mr_batch_free(batch)) {
            ASSERT_EQ(mr_client_next(client, 0, 10'000'000, &batch, nullptr), MR_OK);
            ASSERT_NE(batch, nullptr) << "after " << count_;
            mr_batch_view view = MR_BATCH_VIEW_INIT;
            ASSERT_EQ(mr_batch_read(batch, &view), MR_OK);
            count_ += view.count;
            ASSERT_EQ(mr_batch_ack(batch, nullptr, 0, nullptr), MR_OK);
            mr_event event = MR_EVENT_INIT;
            do {
                ASSERT_EQ(mr_client_poll_event(client, &event), MR_OK);
            } while (event.kind != MR_EVENT_NONE);
        }
    }
    uint64_t count_ = 0;
};

TEST_P(Steady, TakesNoMoreAfterManyEntries) {
    REQUIRE_SERVER(server);
    (void)server->ask({"EVAL", "for i=1,ARGV[1] do redis.call('XADD','orders','*','n',i,'payload',ARGV[2]) end", "0",
                       std::to_string(entry_count), std::string(100, 'x')});
    const OwnedConfig config = config_of(server->url("streams=orders&group=g&consumer=c&batch_size=100"));
    const OwnedClient client = client_of(config, MR_THREAD_NONE, GetParam());
    open(client);
    take(client.get(), warm_count);
    const Taken warm = taken();
    take(client.get(), entry_count);
    const Taken after = taken();
    ASSERT_EQ(count_, entry_count);
    const double batches = static_cast<double>(entry_count - warm_count) / 100;
    EXPECT_LT(static_cast<double>(after.allocations - warm.allocations) / batches, GetParam() == 0 ? 4.0 : 6.0);
    EXPECT_LT(after.bytes, warm.bytes + 256 * 1024);
    EXPECT_LT(after.rss_kb, warm.rss_kb + 1024);
    RecordProperty("allocations_per_100_batches",
                   static_cast<int>(100 * static_cast<double>(after.allocations - warm.allocations) / batches));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutEvents, Steady, ::testing::Values(0U, 10'000U));

}  // namespace
}  // namespace millrace::testing
