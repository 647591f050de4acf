#include "cases/duplicates.hpp"

#include <algorithm>

#include "cases/expect.hpp"
#include "cases/pending.hpp"

namespace millrace::harness {

Json deduping(const char* how) {
    return {{"batch_size", 5}, {"flush_interval", "20ms"}, {"dedupe", how}, {"id_field", "id"}};
}

Fields with_id(const std::string& id, const std::string& n) {
    return {{"id", id}, {"n", n}};
}

Task<> expect_unseen(World& world, const Start& start, std::vector<EntryKey> copies) {
    const auto told = [&] {
        return std::all_of(copies.begin(), copies.end(), [&](const EntryKey& key) {
            const auto& list = world.history().duplicates;
            return std::any_of(list.begin(), list.end(), [&](const Notice& notice) { return notice.key == key; });
        });
    };
    const bool all_told = co_await world.comes_true(told, 5s);
    world.expect(all_told, "DUP-1", "of a duplicate there is no event duplicate");
    co_await expect_none_pending(world, start, "DUP-2");
    for (const auto& key : copies) {
        int times = 0;
        for (const Agent& agent : world.agents()) times += times_delivered(agent, key);
        world.expect(times == 0, "DUP-2", "duplicate " + key.id + " was handed over");
    }
}

}  // namespace millrace::harness
