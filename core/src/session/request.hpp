// A command that was sent and the reply it is owed. Redis answers in order, so a lane keeps these in a queue.
#pragma once

#include <cstdint>

#include "command/answer.hpp"
#include "millrace/time.hpp"
#include "resp/decoder.hpp"
#include "resp/tree.hpp"

namespace millrace {

struct Request;

/// Whoever sends requests. Exactly one of the two is called for each; neither sends anything: that is advance's work.
class ReplyHandler {
  public:
    virtual void handle_reply(const Request& request, const resp::Reply& reply, Instant now) = 0;
    /// The connection is gone, and with it the reply. Whether the command was executed is not known.
    virtual void handle_lost(const Request& request, Instant now) = 0;

  protected:
    ~ReplyHandler() = default;
};

struct Request {
    /// One whose reply is a tree, as most are.
    [[nodiscard]] static Request of(ReplyHandler& owner, uint32_t what, uint64_t tag, Answer answer = Answer::any,
                                    uint64_t most = 0) {
        Request request;
        request.owner = &owner;
        request.what = what;
        request.tag = tag;
        request.answer = answer;
        request.most = most;
        return request;
    }
    /// One whose reply is entries, for the sink.
    [[nodiscard]] static Request of_entries(ReplyHandler& owner, uint32_t what, uint64_t tag, resp::Shape shape,
                                            resp::EntrySink& sink, uint64_t most) {
        Request request = of(owner, what, tag, Answer::entries, most);
        request.shape = shape;
        request.sink = &sink;
        return request;
    }

    ReplyHandler* owner = nullptr;  ///< null: the reply is dropped
    uint32_t what = 0;              ///< the owner's own enumeration
    uint64_t tag = 0;               ///< the owner's own
    Answer answer = Answer::any;    ///< what the reply must look like; the lane ends the connection over any other
    uint64_t most = 0;  ///< entries or items that were asked for, of which more end it too; 0: no number was
    resp::Shape shape = resp::Shape::tree;
    resp::EntrySink* sink = nullptr;  ///< of the shapes that hold entries
    Duration allowed{};               ///< how long the server may be silent over it; zero: the client's health_deadline
    bool blocks = false;              ///< holds its lane until it is answered
    bool takes = false;               ///< moves entries to a consumer: a lost reply leaves them pending unseen (REC-6)
    Instant sent{};                   ///< filled by the lane
};

}  // namespace millrace
