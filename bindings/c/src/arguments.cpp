#include "arguments.hpp"

#include <span>
#include <utility>

namespace millrace::c {
namespace {

constexpr size_t first_publish_size = sizeof(mr_publish);
constexpr size_t first_change_size = sizeof(mr_group_change);
constexpr size_t first_health_size = sizeof(mr_health);

Error missing(const char* what) {
    return Error(Code::bad_argument, std::string(what) + " is NULL, or too short");
}

int64_t known(std::optional<uint64_t> count) {
    return count ? static_cast<int64_t>(*count) : -1;
}

}  // namespace

std::optional<Error> PublishViews::take(const mr_publish* publish) {
    mr_publish given = MR_PUBLISH_INIT;
    if (publish == nullptr || !c::take(publish, given, first_publish_size)) return missing("publish");
    if (is_hole(given.stream)) return missing("stream");
    if (given.entries == nullptr && given.entry_count > 0) return missing("entries");
    size_t count = 0;
    for (size_t i = 0; i < given.entry_count; ++i) count += given.entries[i].field_count;
    fields_.reserve(count);
    for (size_t i = 0; i < given.entry_count; ++i) {
        const mr_publish_entry& entry = given.entries[i];
        if (entry.fields == nullptr && entry.field_count > 0) return missing("fields");
        const size_t first = fields_.size();
        for (size_t k = 0; k < entry.field_count; ++k) {
            const mr_field& field = entry.fields[k];
            if (is_hole(field.name) || is_hole(field.value)) return missing("a field's name or value");
            fields_.push_back({view(field.name), view(field.value)});
        }
        entries_.push_back({std::span(fields_).subspan(first)});
    }
    publish_.stream = view(given.stream);
    publish_.entries = entries_;
    if (given.config != nullptr) {
        if (is_gone(given.config)) return Error(Code::bad_argument, "publish: its config was freed");
        publish_.options = given.config->config.publish;
    }
    return std::nullopt;
}

Result<GroupChange> take_change(const mr_group_change* change) {
    mr_group_change given = MR_GROUP_CHANGE_INIT;
    if (change == nullptr || !take(change, given, first_change_size)) return missing("change");
    if (given.stream.data == nullptr) return missing("stream");
    if (given.group.data == nullptr) return missing("group");
    GroupChange asked;
    switch (given.what) {
        case MR_GROUP_CREATE:
            asked.what = GroupChange::What::create;
            break;
        case MR_GROUP_MOVE:
            asked.what = GroupChange::What::move;
            break;
        case MR_GROUP_DESTROY:
            asked.what = GroupChange::What::destroy;
            break;
        default:
            return Error(Code::bad_argument,
                         "a group is created, moved or destroyed; there is no change " + std::to_string(given.what));
    }
    asked.stream = view(given.stream);
    asked.group = view(given.group);
    if (given.at != nullptr) asked.at = given.at;
    if (given.since_us >= 0) asked.since = WallTime{given.since_us};
    return asked;
}

std::vector<EntryId> take_ids(const mr_id* ids, size_t count) {
    std::vector<EntryId> taken;
    taken.reserve(count);
    for (size_t i = 0; i < count; ++i) taken.push_back({ids[i].ms, ids[i].seq});
    return taken;
}

std::optional<Duration> take_delay(int64_t delay_us) {
    return delay_us < 0 ? std::nullopt : std::optional(time_of(delay_us));
}

mr_status give_health(mr_error* error, mr_health* to, const Health& health) {
    mr_health found = MR_HEALTH_INIT;
    found.healthy = health.healthy ? 1 : 0;
    found.message[health.error.copy(found.message, MR_MESSAGE_MAX - 1)] = '\0';
    found.held = health.held;
    found.since_heard_us = health.since_heard.us;
    if (health.since_looked) found.since_looked_us = health.since_looked->us;
    found.stream_length = known(health.stream_length);
    found.pending = known(health.pending);
    found.lag = known(health.lag);
    if (health.oldest_pending) found.oldest_pending_us = health.oldest_pending->us;
    return give(to, found, first_health_size) ? tell_ok(error) : tell_missing(error, "health");
}

}  // namespace millrace::c
