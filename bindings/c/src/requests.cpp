// Requests that events answer: dead letters and groups.
#include <string>

#include "arguments.hpp"
#include "handles.hpp"

using namespace millrace;

namespace {

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
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    if (c::is_hole(stream)) return c::tell_missing(error, "stream");
    return request(client, ticket, error, [&](Client& it) {
        return it.dead({std::string(c::view(stream)), EntryId{after.ms, after.seq}, count});
    });
}

mr_status mr_client_redrive(mr_client* client, mr_str stream, const mr_id* dead_ids, size_t count, uint64_t* ticket,
                            mr_error* error) {
    if (ticket != nullptr) *ticket = 0;
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    if (c::is_hole(stream)) return c::tell_missing(error, "stream");
    if (dead_ids == nullptr && count > 0) return c::tell_missing(error, "dead_ids");
    return request(client, ticket, error,
                   [&](Client& it) { return it.redrive(c::view(stream), c::take_ids(dead_ids, count)); });
}

mr_status mr_client_change_group(mr_client* client, const mr_group_change* change, uint64_t* ticket, mr_error* error) {
    if (ticket != nullptr) *ticket = 0;
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return request(client, ticket, error, [&](Client& it) -> Result<Ticket> {
        const Result<GroupChange> asked = c::take_change(change);
        if (!asked) return asked.error();
        return it.change_group(*asked);
    });
}
}
