// One call of a script of ours over a lane: by its hash, and once more by its source where the server does not have it.
// A server forgets scripts when it restarts, and a replica may never have seen them, so NOSCRIPT may come at any time.
#pragma once

#include <cassert>
#include <cstddef>

#include "command/scripts.hpp"
#include "command/server_error.hpp"
#include "resp/tree.hpp"
#include "session/lane.hpp"

namespace millrace {

class ScriptCall {
  public:
    explicit ScriptCall(ScriptId id) : id_(id) {}

    /// `encode(resp::Encoder&)` writes `keys` keys, then `arguments` arguments. False as of Lane::send.
    template <class Encode>
    [[nodiscard]] bool send(Lane& lane, const Request& request, Instant now, size_t keys, size_t arguments,
                            Encode&& encode) {
        assert(keys + arguments <= script_arguments_max);
        return lane.send(request, now, [&](resp::Encoder& encoder) {
            command::script_head(encoder, id_, form_, keys, arguments);
            encode(encoder);
        });
    }

    /// To be asked of every answer: true when the server does not have the script, and the same call is to be sent
    /// again.
    [[nodiscard]] bool must_repeat(const resp::Reply& reply) {
        const bool is_unknown = reply.is_error() && classify(reply.text()).what == ErrorClass::no_script;
        const bool repeat = is_unknown && form_ == command::ScriptForm::hash;
        form_ = repeat ? command::ScriptForm::source : command::ScriptForm::hash;
        return repeat;
    }

    /// Whether scripts can't be had here at all, by this user or on this server: the work is to be done without.
    [[nodiscard]] static bool is_refused(const resp::Reply& reply) {
        if (!reply.is_error()) return false;
        const ErrorClass what = classify(reply.text()).what;
        return what == ErrorClass::no_permission || what == ErrorClass::unknown_command ||
               what == ErrorClass::no_script;
    }

  private:
    ScriptId id_;
    command::ScriptForm form_ = command::ScriptForm::hash;
};

}  // namespace millrace
