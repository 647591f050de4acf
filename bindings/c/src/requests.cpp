// Requests that events answer: dead letters and groups.
#include <string>
#include <vector>

#include "handles.hpp"

using namespace millrace;

namespace {

constexpr size_t first_change_size = sizeof(mr_group_change);

/// Makes a request, and tells its ticket.
template <class Ask>
mr_status request(mr_client* client, uint64_t* ticket, mr_error* error, Ask ask) {
    return c::guard(error, [&] {
        if (!client->events.wanted()) return c::tell(error, c::no_events());
        const Result<Ticket> made = ask(*client->client);
        if (!made) return c::tell(error, made.error());
        if (ticket != nullptr) *ticket = c::ticket_of_request(*made);
        return c::tell_ok(error);
    });
}

}  // namespace

extern "C" {

mr_status mr_client_dead(mr_client* client, mr_str stream, mr_id after, uint32_t count, uint64_t* ticket,
                         mr_error* error) {
    if (ticket != nullptr) *ticket = 0;
    if (client == nullptr) return c::tell_missing(error, "client");
    if (c::is_hole(stream)) return c::tell_missing(error, "stream");
    return request(client, ticket, error, [&](Client& it) {
        return it.dead({std::string(c::view(stream)), EntryId{after.ms, after.seq}, count});
    });
}

mr_status mr_client_redrive(mr_client* client, mr_str stream, const mr_id* dead_ids, size_t count, uint64_t* ticket,
                            mr_error* error) {
    if (ticket != nullptr) *ticket = 0;
    if (client == nullptr) return c::tell_missing(error, "client");
    if (c::is_hole(stream)) return c::tell_missing(error, "stream");
    if (dead_ids == nullptr && count > 0) return c::tell_missing(error, "dead_ids");
    return request(client, ticket, error, [&](Client& it) {
        std::vector<EntryId> ids;
        for (size_t i = 0; i < count; ++i) ids.push_back({dead_ids[i].ms, dead_ids[i].seq});
        return it.redrive(c::view(stream), ids);
    });
}

mr_status mr_client_change_group(mr_client* client, const mr_group_change* change, uint64_t* ticket, mr_error* error) {
    if (ticket != nullptr) *ticket = 0;
    if (client == nullptr) return c::tell_missing(error, "client");
    mr_group_change given = MR_GROUP_CHANGE_INIT;
    if (change == nullptr || !c::take(change, given, first_change_size)) return c::tell_missing(error, "change");
    if (c::is_hole(given.stream)) return c::tell_missing(error, "stream");
    if (c::is_hole(given.group)) return c::tell_missing(error, "group");
    return request(client, ticket, error, [&](Client& it) -> Result<Ticket> {
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
                return Error(Code::bad_argument, "a group is created, moved or destroyed; there is no change " +
                                                     std::to_string(given.what));
        }
        asked.stream = c::view(given.stream);
        asked.group = c::view(given.group);
        if (given.at != nullptr) asked.at = given.at;
        if (given.since_us >= 0) asked.since = WallTime{given.since_us};
        return it.change_group(asked);
    });
}
}
