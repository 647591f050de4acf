// Publishing: waited for, or answered by an event.
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "handles.hpp"

using namespace millrace;

namespace {

const PublishResult* first_failed(std::span<const PublishResult> results) {
    const auto failed =
        std::find_if(results.begin(), results.end(), [](const auto& it) { return it.error.has_value(); });
    return failed == results.end() ? nullptr : &*failed;
}

}  // namespace

extern "C" {

mr_status mr_client_publish(mr_client* client, const mr_publish* publish, int64_t timeout_us,
                            mr_publish_result* results, mr_error* error) {
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        c::PublishViews views;
        if (const std::optional<Error> wrong = views.take(publish)) return c::tell(error, *wrong);
        const Duration wait = c::wait_of(timeout_us);
        const Result<std::vector<PublishResult>> answer = client->client->publish(views.publish(), wait);
        if (!answer) {
            const bool was_queued = answer.error().code == Code::timeout;
            const mr_publish_result same = {{0, 0},
                                            static_cast<mr_status>(answer.error().code),
                                            was_queued ? uint32_t{MR_PUBLISH_MAYBE_WRITTEN} : 0U};
            if (results != nullptr) std::fill_n(results, views.publish().entries.size(), same);
            return c::tell(error, answer.error());
        }
        if (results != nullptr) std::transform(answer->begin(), answer->end(), results, c::result_of);
        const PublishResult* const failed = first_failed(*answer);
        return failed == nullptr ? c::tell_ok(error) : c::tell(error, *failed->error);
    });
}

mr_status mr_client_publish_async(mr_client* client, const mr_publish* publish, uint64_t* ticket, mr_error* error) {
    if (ticket == nullptr) return c::tell_missing(error, "ticket");
    *ticket = 0;
    if (c::is_gone(client)) return c::tell_gone(error, "client");
    return c::guard(error, [&] {
        if (!client->events.wanted()) return c::tell(error, c::no_events());
        c::PublishViews views;
        if (const std::optional<Error> wrong = views.take(publish)) return c::tell(error, *wrong);
        const uint64_t number = c::ticket_of_publish(client->next_ticket.fetch_add(1, std::memory_order_relaxed));
        const Status queued =
            client->client->publish_async(views.publish(), [client, number](std::span<const PublishResult> told) {
                client->hold_if(client->events.add(c::published(number, told)));
            });
        if (!queued) return c::tell(error, queued);
        *ticket = number;
        return c::tell_ok(error);
    });
}
}
