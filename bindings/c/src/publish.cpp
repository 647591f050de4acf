// Publishing: waited for, or answered by an event.
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "handles.hpp"

using namespace millrace;

namespace {

constexpr size_t first_publish_size = sizeof(mr_publish);

/// The entries of a publish as the core takes them: views of the caller's bytes, for the length of the call.
class Views {
  public:
    /// What is wrong with the publish.
    [[nodiscard]] std::optional<Error> take(const mr_publish* publish) {
        mr_publish given = MR_PUBLISH_INIT;
        if (publish == nullptr || !c::take(publish, given, first_publish_size)) return missing("publish");
        if (c::is_hole(given.stream)) return missing("stream");
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
                if (c::is_hole(field.name) || c::is_hole(field.value)) return missing("a field's name or value");
                fields_.push_back({c::view(field.name), c::view(field.value)});
            }
            entries_.push_back({std::span(fields_).subspan(first)});
        }
        publish_.stream = c::view(given.stream);
        publish_.entries = entries_;
        if (given.config != nullptr) publish_.options = given.config->config.publish;
        return std::nullopt;
    }
    [[nodiscard]] const Publish& publish() const { return publish_; }

  private:
    static Error missing(const char* what) {
        return Error(Code::bad_argument, std::string(what) + " is NULL, or too short");
    }
    std::vector<Field> fields_;
    std::vector<PublishEntry> entries_;
    Publish publish_{};
};

const PublishResult* first_failed(std::span<const PublishResult> results) {
    const auto failed =
        std::find_if(results.begin(), results.end(), [](const auto& it) { return it.error.has_value(); });
    return failed == results.end() ? nullptr : &*failed;
}

}  // namespace

extern "C" {

mr_status mr_client_publish(mr_client* client, const mr_publish* publish, int64_t timeout_us,
                            mr_publish_result* results, mr_error* error) {
    if (client == nullptr) return c::tell_missing(error, "client");
    return c::guard(error, [&] {
        Views views;
        if (const std::optional<Error> wrong = views.take(publish)) return c::tell(error, *wrong);
        const Duration wait = c::wait_of(timeout_us);
        const Result<std::vector<PublishResult>> answer = client->client->publish(views.publish(), wait);
        if (!answer) return c::tell(error, answer.error());
        if (results != nullptr) std::transform(answer->begin(), answer->end(), results, c::result_of);
        const PublishResult* const failed = first_failed(*answer);
        return failed == nullptr ? c::tell_ok(error) : c::tell(error, *failed->error);
    });
}

mr_status mr_client_publish_async(mr_client* client, const mr_publish* publish, uint64_t* ticket, mr_error* error) {
    if (ticket == nullptr) return c::tell_missing(error, "ticket");
    *ticket = 0;
    if (client == nullptr) return c::tell_missing(error, "client");
    return c::guard(error, [&] {
        if (!client->events.wanted()) return c::tell(error, c::no_events());
        Views views;
        if (const std::optional<Error> wrong = views.take(publish)) return c::tell(error, *wrong);
        const uint64_t number = c::ticket_of_publish(client->next_ticket.fetch_add(1, std::memory_order_relaxed));
        const Status queued =
            client->client->publish_async(views.publish(), [client, number](std::span<const PublishResult> told) {
                c::OwnedEvent event;
                event.event.kind = MR_EVENT_PUBLISHED;
                event.event.ticket = number;
                event.results.reserve(told.size());
                for (const PublishResult& each : told) event.results.push_back(c::result_of(each));
                if (const PublishResult* const failed = first_failed(told)) {
                    event.event.status = static_cast<mr_status>(failed->error->code);
                    event.event.retryable = failed->error->retryable ? 1 : 0;
                    event.message = failed->error->message;
                }
                client->hold_if(client->events.add(std::move(event)));
            });
        if (!queued) return c::tell(error, queued);
        *ticket = number;
        return c::tell_ok(error);
    });
}
}
