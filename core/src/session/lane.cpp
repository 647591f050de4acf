#include "session/lane.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "command/server_error.hpp"

namespace millrace {

namespace {

// What servers answer to questions of ours is bounded by what was asked for, and has nothing to do with the size of
// messages: INFO has some kilobytes, a page of XPENDING some hundreds of them.
constexpr uint64_t answer_bytes_max = 16U << 20;

resp::Limits limits_of(const ClientConfig& config) {
    resp::Limits limits;
    limits.bulk_bytes = config.max_message_bytes;
    limits.tree_bytes = answer_bytes_max;
    limits.depth = config.max_depth;
    limits.elements = config.max_elements;
    return limits;
}

std::string endpoint_text(const Endpoint& endpoint) {
    if (!endpoint.unix_path.empty()) return endpoint.unix_path;
    return endpoint.host + ":" + std::to_string(endpoint.port);
}

/// In RESP2 what the server sends of itself looks like a reply; these first words tell (redis.io, Pub/Sub, "Format of
/// pushed messages").
bool is_message(const resp::Reply& reply) {
    if (reply.type() != resp::Type::array || reply.size() < 3) return false;
    const std::string_view word = reply[0].text();
    return word == "message" || word == "pmessage" || word == "subscribe" || word == "psubscribe" ||
           word == "unsubscribe" || word == "punsubscribe";
}

}  // namespace

Lane::Lane(Context& context, LaneObserver& observer, LaneRole role)
    : context_(context), observer_(observer), role_(role), decoder_(limits_of(context.config), context.segments) {}

void Lane::open(Instant now) {
    if (state_ == State::idle) connect(now);
}

void Lane::open_again(Instant now) {
    if (state_ != State::idle) return;
    state_ = State::waiting;
    wake_at_ = context_.last_attempt.has_value() ? std::max(now, *context_.last_attempt + connect_spacing) : now;
}

void Lane::connect(Instant now) {
    conn_ = ConnId{context_.next_conn++};
    state_ = State::connecting;
    ++attempts_;
    context_.last_attempt = now;
    wake_at_ = now + context_.config.connection_timeout;
    context_.actions.push(Connect{conn_, role_, context_.config.endpoint, context_.config.tls, wake_at_});
}

void Lane::close() {
    if (conn_ != no_conn) context_.actions.push(Close{conn_});
    forget_connection();
    owed_.clear();
    state_ = State::idle;
}

void Lane::give_up(Instant now) {
    if (conn_ != no_conn) context_.actions.push(Close{conn_});
    forget_connection();
    state_ = State::idle;
    tell_lost(now);
}

void Lane::tell_lost(Instant now) {
    while (!owed_.empty()) {
        const Request request = owed_.pop();
        if (request.owner != nullptr) request.owner->handle_lost(request, now);
    }
}

void Lane::forget_connection() {
    conn_ = no_conn;
    handshake_.reset();
    decoder_.reset();
    out_.clear();
    blocking_ = 0;
    readable_ = true;
}

Instant Lane::retry_at(Instant now) {
    Instant at = now + context_.delay_of(failures_ - 1);
    if (context_.last_attempt.has_value()) at = std::max(at, *context_.last_attempt + connect_spacing);
    return at;
}

void Lane::drop(DisconnectReason reason, Error error, Instant now) {
    if (conn_ == no_conn) return;
    context_.actions.push(Close{conn_});
    handle_disconnected(reason, std::move(error), now);
}

void Lane::handle_disconnected(DisconnectReason reason, Error error, Instant now) {
    if (conn_ == no_conn) return;
    bool may_take = false;
    for (size_t i = 0; i < owed_.size(); ++i) may_take = may_take || owed_[i].takes;
    if (may_take && greeting_.client_id.has_value()) orphan_ = Orphan{*greeting_.client_id, greeting_.server.run_id};
    forget_connection();
    state_ = error.retryable ? State::waiting : State::stopped;
    ++failures_;
    wake_at_ = retry_at(now);
    context_.emit(Disconnected{role_, reason, error});
    tell_lost(now);
    observer_.handle_lane_lost(*this, error, now);
}

void Lane::disown(const ReplyHandler* owner) {
    for (size_t i = 0; i < owed_.size(); ++i) {
        if (owed_[i].owner != owner) continue;
        owed_[i].owner = nullptr;
        if (owed_[i].sink != nullptr) owed_[i].sink = &discard_;  // it was the owner's
    }
}

bool Lane::takes_for_nobody() const {
    for (size_t i = 0; i < owed_.size(); ++i) {
        if (owed_[i].owner == nullptr && owed_[i].takes) return true;
    }
    return false;
}

void Lane::enqueue(const Request& request, Instant now) {
    Request owed = request;
    owed.sent = now;
    if (owed.allowed == Duration{}) owed.allowed = context_.config.health_deadline;
    if (owed.blocks) ++blocking_;
    announced_ = false;
    owed_.push(owed);
}

void Lane::set_readable(bool readable, Instant now) {
    if (readable == readable_ || conn_ == no_conn) return;
    readable_ = readable;
    heard_ = now;
    context_.actions.push(SetReadable{conn_, readable});
}

void Lane::handle_connected(Instant now) {
    if (state_ != State::connecting) return;
    state_ = State::greeting;
    heard_ = now;
    decoder_.reset();  // once more: when the last connection ended there may have been no memory for that
    handshake_.emplace(context_.config, orphan_);
    greet(handshake_->begin(out_), now);
}

/// When to give up over silence: a request's own allowance, from the later of its sending and the last byte heard
/// (REC-6). When to PING: after a third of health_deadline in which nothing was owed and nothing heard.
std::optional<Instant> Lane::next_timeout() const {
    switch (state_) {
        case State::idle:
        case State::stopped:
            return std::nullopt;
        case State::waiting:
        case State::connecting:
            return wake_at_;
        case State::greeting:
        case State::ready:
            break;
    }
    if (!readable_) return std::nullopt;
    if (owed_.empty()) return heard_ + ping_after();
    return std::max(heard_, owed_.front().sent) + owed_.front().allowed;
}

void Lane::handle_timeout(Instant now) {
    const std::optional<Instant> due = next_timeout();
    if (!due.has_value() || *due > now) return;
    const std::string where = endpoint_text(context_.config.endpoint);
    if (state_ == State::waiting) {
        // Another lane may have tried meanwhile: the spacing is the client's (RET-1).
        if (context_.last_attempt.has_value() && *context_.last_attempt + connect_spacing > now) {
            wake_at_ = *context_.last_attempt + connect_spacing;
            return;
        }
        connect(now);
    } else if (state_ == State::connecting) {
        std::string words = "no connection to " + where + " in connection_timeout";
        if (context_.config.tls.has_value()) words += "; a plain port never answers TLS";
        drop(DisconnectReason::timeout, Error(Code::timeout, std::move(words)), now);
    } else if (owed_.empty()) {
        Request request;
        request.owner = this;
        request.what = ping;
        request.allowed = ping_after();
        if (!send(request, now, [](resp::Encoder& encoder) { encoder.command(1).text("PING"); })) {
            drop(DisconnectReason::dropped, Error(Code::out_of_memory, "no memory for PING", true), now);
        }
    } else {
        drop(DisconnectReason::timeout, Error(Code::timeout, where + " answers nothing"), now);
    }
}

void Lane::handle_input(size_t written, Instant now) {
    if (!connected()) return;
    heard_ = now;
    spoke_ = now;
    decoder_.commit(written);
    const ConnId conn = conn_;
    while (conn_ == conn) {  // a reply may have ended this connection
        const bool is_owed = !owed_.empty();
        resp::Shape shape = is_owed ? owed_.front().shape : resp::Shape::tree;
        // In RESP2 a message may come in the place of any answer.
        if (shape == resp::Shape::tree && role_ == LaneRole::push) shape = resp::Shape::message;
        const uint64_t most = is_owed && owed_.front().most > 0 ? owed_.front().most : UINT64_MAX;
        switch (decoder_.step(shape, is_owed ? owed_.front().sink : nullptr, most)) {
            case resp::Decoder::Step::need_more:
                return;
            case resp::Decoder::Step::push:
                observer_.handle_push(*this, decoder_.tree().root(), now);
                break;
            case resp::Decoder::Step::reply:
                take_reply(now);
                break;
            case resp::Decoder::Step::failed:
                return break_off(decoder_.error(), now);
        }
    }
}

/// What is wrong with the reply as an answer to the request. Whoever asked is not shown it, for the replies behind it
/// may belong to other questions as well.
std::optional<std::string> Lane::mismatch(const Request& request, const resp::Reply& reply) const {
    if (!is_answer(request.answer, reply)) return describe_mismatch(request.answer, reply);
    if (request.most == 0 || reply.size() <= request.most) return std::nullopt;
    return "got " + std::to_string(reply.size()) + " items, and asked for " + std::to_string(request.most);
}

/// SEC-2: what the peer says is not to be believed. Another connection begins with clean bytes, but not sooner because
/// the last one began well.
void Lane::break_off(Error error, Instant now) {
    error.retryable = true;
    error.message = endpoint_text(context_.config.endpoint) + ": " + error.message;
    if (now - ready_at_ >= context_.config.max_retry_delay) violations_ = 0;
    failures_ = std::max(failures_, violations_++);
    drop(DisconnectReason::dropped, std::move(error), now);
}

void Lane::take_reply(Instant now) {
    const resp::Reply reply = decoder_.tree().root();
    const bool pushed = is_message(reply) && role_ == LaneRole::push;
    if (pushed || (owed_.empty() && role_ == LaneRole::push && reply.is_error())) {
        observer_.handle_push(*this, reply, now);
        return;
    }
    if (owed_.empty()) {
        // Some servers say why they are about to close: max clients, protected mode, a failover.
        Error error =
            reply.is_error() ? to_error(reply.text()) : Error(Code::protocol, "a reply that nothing asked for");
        error.retryable = true;
        drop(DisconnectReason::dropped, std::move(error), now);
        return;
    }
    if (std::optional<std::string> wrong = mismatch(owed_.front(), reply); wrong.has_value()) {
        return break_off(Error(Code::protocol, *std::move(wrong)), now);
    }
    const Request request = owed_.pop();
    if (request.blocks) --blocking_;
    const ConnId conn = conn_;
    if (request.owner != nullptr) request.owner->handle_reply(request, reply, now);
    // After a failover this server is no master any more, and a new connection finds the one that is (RET-3).
    if (conn_ == conn && reply.is_error() && classify(reply.text()).what == ErrorClass::read_only) {
        drop(DisconnectReason::dropped, to_error(reply.text()), now);
    }
}

void Lane::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    if (request.what == ping) return;  // any answer shows that the server lives
    greet(handshake_->handle_reply(reply, out_), now);
}

void Lane::greet(Handshake::Next next, Instant now) {
    switch (next) {
        case Handshake::Next::await_reply: {
            Request request;
            request.owner = this;
            request.what = handshake;
            request.answer = handshake_->answer();
            request.allowed = context_.config.connection_timeout;
            enqueue(request, now);
            return;
        }
        case Handshake::Next::failed:
            drop(DisconnectReason::dropped, handshake_->error(), now);
            return;
        case Handshake::Next::done:
            greeting_ = handshake_->greeting();
            handshake_.reset();
            orphan_.reset();
            if (std::optional<Error> error = observer_.judge(*this); error.has_value()) {
                drop(DisconnectReason::dropped, *std::move(error), now);
                return;
            }
            state_ = State::ready;
            ready_at_ = now;
            if (failures_ > 0) context_.emit(Reconnected{role_, attempts_});
            attempts_ = 0;
            failures_ = 0;
            observer_.handle_lane_ready(*this, now);
            return;
    }
}

}  // namespace millrace
