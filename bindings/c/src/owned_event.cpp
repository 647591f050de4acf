#include "owned_event.hpp"

#include <variant>

namespace millrace::c {
namespace {

OwnedEvent make(uint32_t kind) {
    OwnedEvent made;
    made.event.kind = kind;
    return made;
}

OwnedEvent of_source(uint32_t kind, SourceId source, std::string_view stream = {}) {
    OwnedEvent made = make(kind);
    made.event.source = static_cast<uint32_t>(source);
    made.stream = stream;
    return made;
}

OwnedEvent answer(uint32_t kind, Ticket ticket, std::string_view stream) {
    OwnedEvent made = make(kind);
    made.event.ticket = ticket_of_request(ticket);
    made.stream = stream;
    return made;
}

void put(OwnedEvent& to, const Error& error) {
    to.event.status = static_cast<mr_status>(error.code);
    to.event.retryable = error.retryable ? 1 : 0;
    to.message = error.message;
}

/// One for each kind of event that there is: a new one does not compile without.
struct Copy {
    OwnedEvent operator()(const Ready& it) const {
        OwnedEvent made = of_source(MR_EVENT_READY, it.source);
        made.consumer = it.consumer;
        made.text = name(it.delivery);
        made.version = it.server_version;
        made.event.protocol = it.protocol;
        for (const Cursor& each : it.cursors) made.fields.emplace_back(each.stream, each.id.text());
        return made;
    }
    OwnedEvent operator()(const BatchReady&) const { return {}; }  // taken by mr_client_next, viewed by mr_event
    OwnedEvent operator()(const Acked& it) const {
        OwnedEvent made = of_source(MR_EVENT_ACKED, it.source);
        made.event.batch = static_cast<uint64_t>(it.batch);
        made.indices.assign(it.indices.begin(), it.indices.end());
        return made;
    }
    OwnedEvent operator()(const Lost& it) const {
        OwnedEvent made = of_source(MR_EVENT_LOST, it.source, it.stream);
        for (const EntryId id : it.ids) made.ids.push_back(id_of(id));
        return made;
    }
    OwnedEvent operator()(const Duplicate& it) const {
        OwnedEvent made = of_source(MR_EVENT_DUPLICATE, it.source, it.stream);
        made.event.id = id_of(it.id);
        made.text = it.canonical_id;
        return made;
    }
    OwnedEvent operator()(const GroupRecreated& it) const {
        OwnedEvent made = of_source(MR_EVENT_GROUP_RECREATED, it.source, it.stream);
        made.text = it.from;
        return made;
    }
    OwnedEvent operator()(const Published&) const { return {}; }  // published(), by who has the ticket
    OwnedEvent operator()(const ModeChanged& it) const {
        OwnedEvent made = make(MR_EVENT_MODE);
        made.text = name(it.delivery);
        made.version = it.server_version;
        return made;
    }
    OwnedEvent operator()(const Disconnected& it) const {
        OwnedEvent made = make(MR_EVENT_DISCONNECTED);
        made.text = name(it.role);
        made.event.reason = static_cast<uint32_t>(it.reason);
        put(made, it.error);
        return made;
    }
    OwnedEvent operator()(const Reconnected& it) const {
        OwnedEvent made = make(MR_EVENT_RECONNECTED);
        made.text = name(it.role);
        made.event.count = it.attempts;
        return made;
    }
    OwnedEvent operator()(const Gap& it) const {
        OwnedEvent made = of_source(MR_EVENT_GAP, it.source, it.stream);
        made.event.id = id_of(it.cursor);
        made.event.other_id = id_of(it.first);
        made.event.count = it.missed.value_or(0);
        return made;
    }
    OwnedEvent operator()(const Reset& it) const {
        OwnedEvent made = of_source(MR_EVENT_RESET, it.source, it.stream);
        made.event.id = id_of(it.cursor);
        made.event.other_id = id_of(it.last);
        return made;
    }
    OwnedEvent operator()(const Interrupted& it) const {
        OwnedEvent made = of_source(MR_EVENT_INTERRUPTED, it.source, it.stream);
        made.event.count = static_cast<uint64_t>(it.lasted.us);
        return made;
    }
    OwnedEvent operator()(const TooLarge& it) const {
        OwnedEvent made = of_source(MR_EVENT_TOO_LARGE, it.source, it.stream);
        made.event.id = id_of(it.id);
        made.event.count = it.bytes;
        return made;
    }
    OwnedEvent operator()(const DeadLettered& it) const {
        OwnedEvent made = of_source(MR_EVENT_DEAD, it.source, it.stream);
        made.event.id = id_of(it.id);
        made.event.other_id = id_of(it.dead_id);
        made.event.count = it.deliveries;
        made.text = it.dead_stream;
        made.message = it.error;
        return made;
    }
    OwnedEvent operator()(const DeadFailed& it) const {
        OwnedEvent made = of_source(MR_EVENT_DEAD_FAILED, it.source, it.stream);
        made.event.id = id_of(it.id);
        made.text = it.dead_stream;
        put(made, it.error);
        return made;
    }
    OwnedEvent operator()(const DeadListed& it) const {
        OwnedEvent made = answer(MR_EVENT_DEAD_LISTED, it.ticket, it.stream);
        made.text = it.dead_stream;
        made.letters = it.letters;
        if (it.error) put(made, *it.error);
        return made;
    }
    OwnedEvent operator()(const Redriven& it) const {
        OwnedEvent made = answer(MR_EVENT_REDRIVEN, it.ticket, it.stream);
        for (const RedriveResult& each : it.results) {
            made.ids.push_back(id_of(each.dead_id));
            const mr_status status = each.error ? static_cast<mr_status>(each.error->code) : MR_OK;
            made.results.push_back(
                {id_of(each.id), status, each.maybe_duplicate ? uint32_t{MR_PUBLISH_MAYBE_DUPLICATE} : 0U});
            if (each.error && made.event.status == MR_OK) put(made, *each.error);
        }
        return made;
    }
    OwnedEvent operator()(const GroupChanged& it) const {
        OwnedEvent made = answer(MR_EVENT_GROUP_CHANGED, it.ticket, it.stream);
        made.text = it.group;
        made.event.count = it.changed ? 1 : 0;
        if (it.error) put(made, *it.error);
        return made;
    }
    OwnedEvent operator()(const Failure& it) const {
        OwnedEvent made = make(MR_EVENT_FAILED);
        made.event.source = it.source ? static_cast<uint32_t>(*it.source) : 0;
        made.event.closed = it.closed ? 1 : 0;
        put(made, it.error);
        return made;
    }
    OwnedEvent operator()(const Log& it) const {
        OwnedEvent made = make(MR_EVENT_LOG);
        made.event.level = static_cast<uint32_t>(it.level);
        made.message = it.message;
        made.fields = it.fields;
        return made;
    }
    OwnedEvent operator()(const Closed& it) const {
        OwnedEvent made = make(MR_EVENT_CLOSED);
        made.event.source = it.source ? static_cast<uint32_t>(*it.source) : 0;
        made.event.count = it.held;
        return made;
    }
};

static_assert(MR_DISCONNECT_CLOSED == static_cast<int>(DisconnectReason::closed) &&
              MR_DISCONNECT_DNS == static_cast<int>(DisconnectReason::dns) &&
              MR_DISCONNECT_TLS_FAILED == static_cast<int>(DisconnectReason::tls_failed));
static_assert(MR_LOG_DEBUG == static_cast<int>(LogLevel::debug) && MR_LOG_ERROR == static_cast<int>(LogLevel::error));

}  // namespace

void OwnedEvent::point() {
    event.stream = borrow(stream);
    event.consumer = borrow(consumer);
    event.text = borrow(text);
    event.message = borrow(message);
    event.version = borrow(version);
    event.ids = ids.data();
    event.id_count = ids.size();
    event.indices = indices.data();
    event.index_count = indices.size();
    size_t count = fields.size();
    for (const DeadLetter& letter : letters) count += letter.fields.size();
    field_views.clear();
    field_views.reserve(count);  // letters point into it: it must not move
    for (const auto& [key, value] : fields) field_views.push_back({borrow(key), borrow(value)});
    event.fields = field_views.data();
    event.field_count = field_views.size();
    letter_views.clear();
    for (const DeadLetter& it : letters) {
        const mr_field* const first = field_views.data() + field_views.size();
        for (const auto& [key, value] : it.fields) field_views.push_back({borrow(key), borrow(value)});
        letter_views.push_back({id_of(it.dead_id), id_of(it.id), borrow(it.stream), borrow(it.group),
                                borrow(it.consumer), borrow(it.error), first, it.fields.size(), it.deliveries,
                                it.is_cut ? 1U : 0U});
    }
    event.letters = letter_views.data();
    event.letter_count = letter_views.size();
    event.letter_stride = sizeof(mr_dead_letter);
    event.results = results.data();
    event.result_count = results.size();
}

OwnedEvent copy_of(const Event& event) {
    return std::visit(Copy{}, event);
}

OwnedEvent published(uint64_t ticket, std::span<const PublishResult> results) {
    OwnedEvent made = make(MR_EVENT_PUBLISHED);
    made.event.ticket = ticket;
    made.results.reserve(results.size());
    for (const PublishResult& each : results) {
        made.results.push_back(result_of(each));
        if (each.error && made.event.status == MR_OK) put(made, *each.error);
    }
    return made;
}

mr_publish_result result_of(const PublishResult& result) {
    const std::optional<EntryId> id = EntryId::parse(result.id);
    mr_publish_result made = {id ? id_of(*id) : mr_id{0, 0}, MR_OK, 0};
    if (result.error) made.status = static_cast<mr_status>(result.error->code);
    if (result.maybe_duplicate) made.flags |= MR_PUBLISH_MAYBE_DUPLICATE;
    if (result.maybe_written) made.flags |= MR_PUBLISH_MAYBE_WRITTEN;
    if (result.reordered) made.flags |= MR_PUBLISH_REORDERED;
    return made;
}

}  // namespace millrace::c
