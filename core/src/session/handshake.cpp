#include "session/handshake.hpp"

#include <string_view>
#include <utility>

#include "command/server_error.hpp"
#include "resp/encoder.hpp"

namespace millrace {

namespace {

using resp::Encoder;
using resp::Reply;
using Next = Handshake::Next;

// XLEN of this key is the last evidence of DET-3: anything but "unknown command" means Streams. It is only ever read.
constexpr std::string_view probe_key = "millrace:probe";

/// A refusal that tells the command is not to be had here; every other error is no answer at all (DET-3).
bool is_refusal(const Reply& reply) {
    if (!reply.is_error()) return false;
    const ErrorClass what = classify(reply.text()).what;
    return what == ErrorClass::unknown_command || what == ErrorClass::no_permission;
}

/// Why the questions of DET-3 end here. Only of credentials is it known that asking again can't help (RET-1).
Error no_answer(const Reply& reply) {
    Error error = to_error(reply.text());
    error.retryable = error.code != Code::auth;
    return error;
}

/// Every Valkey has them; Redis since 5.
bool has_streams(const ServerInfo& server) {
    return server.valkey_version.has_value() || server.flavor == Flavor::valkey ||
           (server.version.has_value() && server.version->major >= 5);
}

}  // namespace

Next Handshake::begin(Output& out) {
    return send(Step::hello, out);
}

Next Handshake::send(Step step, Output& out) {
    step_ = step;
    Encoder encoder(out);
    const bool with_auth = !config_.password.empty() || !config_.username.empty();
    const std::string_view user = config_.username.empty() ? std::string_view("default") : config_.username;
    switch (step) {
        case Step::hello:
            encoder.command(2 + (with_auth ? 3U : 0U) + 2);
            encoder.text("HELLO").text(config_.protocol == Protocol::resp2 ? "2" : "3");
            if (with_auth) encoder.text("AUTH").text(user).text(config_.password.reveal());
            encoder.text("SETNAME").text(config_.client_name);
            break;
        case Step::auth:
            // The form with a user is unknown before 6.0, where it is refused as a wrong number of arguments.
            encoder.command(config_.username.empty() ? 2 : 3).text("AUTH");
            if (!config_.username.empty()) encoder.text(config_.username);
            encoder.text(config_.password.reveal());
            break;
        case Step::set_name:
            encoder.command(3).text("CLIENT").text("SETNAME").text(config_.client_name);
            break;
        case Step::select:
            encoder.command(2).text("SELECT").integer(config_.database);
            break;
        case Step::client_id:
            encoder.command(2).text("CLIENT").text("ID");
            break;
        case Step::info:
            encoder.command(2).text("INFO").text("server");
            break;
        case Step::command_info:
            encoder.command(3).text("COMMAND").text("INFO").text("xreadgroup");
            break;
        case Step::xlen:
            encoder.command(2).text("XLEN").text(probe_key);
            break;
        case Step::kill:
            encoder.command(4).text("CLIENT").text("KILL").text("ID").integer(orphan_->client_id);
            break;
    }
    if (!encoder.ok()) return fail(Error(Code::out_of_memory, "no memory for the first command of a connection"));
    return Next::await_reply;
}

/// HELLO and INFO are looked at by themselves: of INFO any shape will do (DET-2).
Answer Handshake::answer() const {
    switch (step_) {
        case Step::hello:
        case Step::info:
            break;
        case Step::auth:
        case Step::set_name:
        case Step::select:
            return Answer::word;
        case Step::client_id:
        case Step::xlen:
        case Step::kill:
            return Answer::number;
        case Step::command_info:
            return Answer::items;
    }
    return Answer::any;
}

Next Handshake::fail(Error error) {
    error_ = std::move(error);
    return Next::failed;
}

Next Handshake::handle_reply(const Reply& reply, Output& out) {
    switch (step_) {
        case Step::hello:
            return after_hello(reply, out);
        case Step::auth:
            return after_auth(reply, out);
        case Step::set_name:  // a name is a convenience: its refusal changes nothing
            return authenticated(out);
        case Step::select:
            if (reply.is_error()) return fail(to_error(reply.text()));
            return selected(out);
        case Step::client_id:
            if (reply.type() == resp::Type::integer) greeting_.client_id = reply.integer();
            return send(Step::info, out);
        case Step::info:
            return after_info(reply, out);
        case Step::command_info:
            return after_command_info(reply, out);
        case Step::xlen:
            if (reply.is_error()) {
                const ServerError error = classify(reply.text());
                if (error.retryable || error.code == Code::auth) return fail(to_error(reply.text()));
                greeting_.streams = error.what != ErrorClass::unknown_command;
            } else {
                greeting_.streams = true;
            }
            return detected(out);
        case Step::kill:
            // Gone already, not permitted, or killed: in every case there is nothing more to be done about it.
            return Next::done;
    }
    return fail(Error(Code::protocol, "a reply in no step of the handshake"));
}

Next Handshake::after_hello(const Reply& reply, Output& out) {
    if (!reply.is_error()) {
        if (reply.size() == 0) return fail(Error(Code::protocol, "the answer to HELLO is no map", true));
        learn_hello(reply);
        return authenticated(out);
    }
    const ServerError error = classify(reply.text());
    const bool unknown = error.what == ErrorClass::unknown_command || error.what == ErrorClass::no_proto ||
                         error.what == ErrorClass::no_permission;
    // Anything else in HELLO's place (max clients, LOADING, a wrong password) says nothing of the server's age (DET-1).
    if (!unknown) return fail(to_error(reply.text()));
    if (config_.protocol == Protocol::resp3) {
        return fail(Error(Code::unsupported, "protocol: 3 is asked for, and the server has no HELLO", false));
    }
    if (!config_.password.empty() || !config_.username.empty()) return send(Step::auth, out);
    return send(Step::set_name, out);
}

Next Handshake::after_auth(const Reply& reply, Output& out) {
    if (!reply.is_error()) return send(Step::set_name, out);
    const ServerError error = classify(reply.text());
    // Redis 6 and later take any password of a user that needs none; older ones refuse it. Both mean: come in.
    if (error.what == ErrorClass::auth_unwanted) return send(Step::set_name, out);
    if (error.what == ErrorClass::wrong_arguments) {
        return fail(Error(Code::auth, "username: this server is older than 6.0 and knows no users", false));
    }
    return fail(to_error(reply.text()));
}

Next Handshake::authenticated(Output& out) {
    if (config_.database != 0) return send(Step::select, out);
    return selected(out);
}

Next Handshake::selected(Output& out) {
    return send(greeting_.client_id.has_value() ? Step::info : Step::client_id, out);
}

Next Handshake::after_info(const Reply& reply, Output& out) {
    if (!reply.is_error()) {
        const ServerInfo told = parse_server_info(reply.text());
        if (told.version.has_value() || told.valkey_version.has_value()) {
            greeting_.server = told;
            greeting_.version_known = true;
            greeting_.streams = has_streams(told);
            return detected(out);
        }
        greeting_.server.run_id = told.run_id;
        greeting_.refusal = "INFO server tells no version";
    } else {
        if (!is_refusal(reply)) return fail(no_answer(reply));
        greeting_.refusal = to_error(reply.text()).message;
    }
    if (greeting_.version_known) return detected(out);  // by HELLO
    return send(Step::command_info, out);
}

Next Handshake::after_command_info(const Reply& reply, Output& out) {
    if (!reply.is_error()) {
        // An unknown command is told as [nil].
        greeting_.streams = reply.size() > 0 && !reply[0].is_nil() && reply[0].size() > 0;
        return detected(out);
    }
    if (!is_refusal(reply)) return fail(no_answer(reply));
    return send(Step::xlen, out);
}

Next Handshake::detected(Output& out) {
    // Client ids start anew with the server: without the same run, the id may be that of a lane of ours by now (REC-6).
    if (orphan_.has_value() && !orphan_->run_id.empty() && orphan_->run_id == greeting_.server.run_id) {
        return send(Step::kill, out);
    }
    return Next::done;
}

void Handshake::learn_hello(const Reply& map) {
    std::string_view key;
    bool is_key = true;
    for (const Reply& item : map) {
        if (is_key) {
            key = item.text();
        } else if (key == "proto") {
            greeting_.protocol = item.integer() == 3 ? 3 : 2;
        } else if (key == "id") {
            greeting_.client_id = item.integer();
        } else if (key == "server") {
            greeting_.server.flavor = item.text() == "valkey" ? Flavor::valkey : Flavor::redis;
        } else if (key == "version") {
            const std::optional<Version> version = parse_version(item.text());
            if (version.has_value()) {
                greeting_.server.version = *version;
                greeting_.server.version_text = std::string(item.text());
                greeting_.version_known = true;
            }
        }
        is_key = !is_key;
    }
    greeting_.streams = has_streams(greeting_.server);
}

}  // namespace millrace
