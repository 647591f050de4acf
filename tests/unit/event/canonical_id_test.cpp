#include "event/canonical_id.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/segment.hpp"

namespace millrace {
namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

/// Of entry 7-1 with these fields.
std::string id_of(const Fields& fields, std::string_view id_field) {
    SegmentStore store;
    SegmentWriter writer(store);
    EntryRecord record{};
    EXPECT_TRUE(writer.begin_entry(static_cast<uint32_t>(fields.size())));
    for (const auto& [name, value] : fields) EXPECT_TRUE(writer.add(name) && writer.add(value));
    writer.end_entry(EntryId{7, 1}, record);
    std::string id = canonical_id(Entry(record, "s"), id_field);
    store.release(record.segment);
    return id;
}

TEST(CanonicalId, IsAField) {
    EXPECT_EQ(id_of({{"a", "1"}, {"id", "x"}}, "id"), "x");
    EXPECT_EQ(id_of({{"id", "x"}, {"id", "y"}}, "id"), "x");
    EXPECT_EQ(id_of({{"event.id", "x"}, {"event", R"({"id":"y"})"}}, "event.id"), "x");
}

TEST(CanonicalId, IsAPlaceInTheJsonOfAField) {
    EXPECT_EQ(id_of({{"event", R"({"id":"x"})"}}, "event.id"), "x");
    EXPECT_EQ(id_of({{"event", R"({"kind":{"id":"no"},"id":17})"}}, "event.id"), "17");
    EXPECT_EQ(id_of({{"event", R"({"meta":{"id":true,"ids":[1]}})"}}, "event.meta.id"), "true");
    EXPECT_EQ(id_of({{"event", R"({"list":[{"id":"no"}],"id":"yes"})"}}, "event.id"), "yes");
    EXPECT_EQ(id_of({{"event", R"({"id":"a","id":"b"})"}}, "event.id"), "a");
    EXPECT_EQ(id_of({{"event", "{\"id\":\"\\u00e9\"}"}}, "event.id"), "\xc3\xa9");
}

TEST(CanonicalId, IsTheEntrysOwnWhereThereIsNone) {
    const std::vector<Fields> without{{},
                                      {{"id", ""}},
                                      {{"event", ""}},
                                      {{"event", "no JSON"}},
                                      {{"event", "[1]"}},
                                      {{"event", "\"id\""}},
                                      {{"event", R"({"id":null})"}},
                                      {{"event", R"({"id":""})"}},
                                      {{"event", R"({"id":{"id":"x"}})"}},
                                      {{"event", R"({"id":["x"]})"}},
                                      {{"event", R"({"other":{"id":"x"}})"}},
                                      {{"event", R"({"id":)"}}};
    for (const Fields& fields : without) {
        EXPECT_EQ(id_of(fields, "event.id"), "7-1") << (fields.empty() ? "" : fields[0].second);
        EXPECT_EQ(id_of(fields, "id"), "7-1");
    }
    EXPECT_EQ(id_of({{"event", R"({"meta":{"other":"x"},"id":"y"})"}}, "event.meta.id"), "7-1");
}

}  // namespace
}  // namespace millrace
