#include "admin/group_changes.hpp"

#include <utility>

#include "base/entry_id.hpp"
#include "command/server_error.hpp"
#include "command/stream_commands.hpp"

namespace millrace {

namespace {

constexpr size_t jobs_max = 64;

/// XGROUP wants the id behind which entries are delivered, and one that was added at that very time is wanted, too.
EntryId place_before(WallTime time) {
    const int64_t ms = time.unix_us / 1000;
    if (ms <= 0) return {};
    return read_behind(just_before(EntryId{static_cast<uint64_t>(ms), 0}));
}

std::string place_of(const GroupChange& change) {
    return change.since.has_value() ? place_before(*change.since).text() : change.at;
}

Status check(const GroupChange& change) {
    if (change.stream.empty()) return Error(Code::bad_argument, "group: no stream is named");
    if (change.group.empty()) return Error(Code::bad_argument, "group: no group is named");
    const bool is_place = change.at == "0" || change.at == "$" || EntryId::parse(change.at).has_value();
    if (!is_place && !change.since.has_value())
        return Error(Code::bad_argument, "group: '" + change.at + "' is neither 0 nor $ nor an entry id");
    return {};
}

}  // namespace

GroupChanges::~GroupChanges() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
}

Result<Ticket> GroupChanges::add(const GroupChange& change) {
    if (Status status = check(change); !status.ok()) return status.error();
    if (jobs_.size() >= jobs_max) return Error(Code::queue_full, "64 changes of groups wait already");
    const Ticket ticket{context_.next_ticket++};
    jobs_.push(Job{ticket, change});
    return ticket;
}

void GroupChanges::advance(Instant now) {
    if (wait_until_.has_value() && *wait_until_ <= now) wait_until_.reset();
    if (jobs_.empty() || is_out_ || wait_until_.has_value()) return;
    lanes_.open_for_reading(now);
    Lane* const lane = lanes_.for_acking(nullptr);
    if (lane != nullptr) is_out_ = send(*lane, now);
}

bool GroupChanges::send(Lane& lane, Instant now) {
    const GroupChange& change = jobs_.front().change;
    const Answer answer = change.what == GroupChange::What::destroy ? Answer::number : Answer::word;
    return lane.send(Request::of(*this, 0, job_, answer), now, [&](resp::Encoder& encoder) {
        switch (change.what) {
            case GroupChange::What::create:
                return command::xgroup_create(encoder, change.stream, change.group, place_of(change));
            case GroupChange::What::move:
                return command::xgroup_setid(encoder, change.stream, change.group, place_of(change));
            case GroupChange::What::destroy:
                return command::xgroup_destroy(encoder, change.stream, change.group);
        }
    });
}

void GroupChanges::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    if (request.tag != job_ || !is_out_) return;
    is_out_ = false;
    const GroupChange::What what = jobs_.front().change.what;
    if (!reply.is_error()) return end(what != GroupChange::What::destroy || reply.integer() > 0, std::nullopt);
    const ServerError refusal = classify(reply.text());
    if (what == GroupChange::What::create && refusal.what == ErrorClass::busy_group) return end(false, std::nullopt);
    Error error = to_error(reply.text());
    error.retryable = refusal.retryable;
    fail(std::move(error), now);
}

/// Each of the commands may be executed twice without harm.
void GroupChanges::handle_lost(const Request& request, Instant now) {
    if (request.tag != job_ || !is_out_) return;
    is_out_ = false;
    fail(Error(Code::connection, "the connection was lost before the server's answer", true), now);
}

void GroupChanges::fail(Error error, Instant now) {
    if (error.retryable && failures_ < context_.config.max_retries) {
        wait_until_ = now + context_.retry_delay(failures_++);
        return;
    }
    end(false, std::move(error));
}

void GroupChanges::end(bool changed, std::optional<Error> error) {
    Job job = jobs_.pop();
    ++job_;
    failures_ = 0;
    context_.emit(
        GroupChanged{job.ticket, std::move(job.change.stream), std::move(job.change.group), changed, std::move(error)});
}

void GroupChanges::give_up(const Error& error) {
    wait_until_.reset();
    is_out_ = false;
    while (!jobs_.empty()) end(false, error);
}

}  // namespace millrace
