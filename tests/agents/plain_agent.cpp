// A plain consumer of Redis Streams that speaks agent protocol 1: XGROUP CREATE, its own pending entries, then
// XREADGROUP with BLOCK, batches by size and by time, XACK when asked. It is the harness's control: correct as it
// stands, and with
// --broken=<how> wrong in one way that the harness has to find. One stream, one group, no reconnect.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connection.hpp"

namespace {

using namespace plain;
using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

const std::vector<std::string> breakages = {
    "drops-batch",  // throws one batch away
    "acks-early",   // acks when it reads
    "delivers-twice", "ignores-flush", "flushes-early", "empty-batch", "oversize", "disorder",
    "skips-pending",  // starts with what is new
    "never-acks",     // says ok and sends nothing
    "loses-repeats",  // keeps fields in a map
};

struct Entry {
    std::string id;
    Json fields = Json::array();
    long long deliveries = 1;
};

class Agent {
  public:
    explicit Agent(std::string broken) : broken_(std::move(broken)) {}

    void run() {
        for (;;) {
            const bool listening = answering_ || reading_possible();
            if (reader_ && !answering_ && reading_possible()) ask_for_more();
            pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {reader_ && listening ? reader_->fd() : -1, POLLIN, 0}};
            ::poll(fds, 2, wait_ms());
            if ((fds[0].revents & (POLLIN | POLLHUP)) != 0) read_requests();
            if ((fds[1].revents & (POLLIN | POLLHUP)) != 0 && answering_) take(reader_->receive());
            if (due() && broken_ != "ignores-flush") hand_over("flush");
        }
    }

  private:
    void say(const Json& event) { std::cout << event.dump() << std::endl; }

    void read_requests() {
        char buffer[65536];
        const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (got <= 0) std::exit(0);
        input_.append(buffer, static_cast<size_t>(got));
        for (size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
            handle(Json::parse(input_.substr(0, end)));
            input_.erase(0, end + 1);
        }
    }

    void handle(const Json& request) {
        const std::string op = request["op"];
        if (op == "hello") {
            say({{"event", "hello"},
                 {"re", request["re"]},
                 {"protocol", 1},
                 {"name", "plain"},
                 {"version", "1"},
                 {"capabilities", {"streams", "concurrent"}}});
        } else if (op == "start") {
            start(request);
        } else if (op == "ack") {
            ack(request);
        }
    }

    void start(const Json& request) {
        reader_ = connect(request["url"]);
        control_ = connect(request["url"]);
        if (!reader_ || !control_) return;
        stream_ = request["stream"];
        group_ = request["group"];
        consumer_ = request["consumer"];
        const Json& config = request["config"];
        batch_size_ = config.value("batch_size", size_t{10});
        prefetch_ = config.value("prefetch", 4 * batch_size_);
        if (config.contains("flush_interval")) flush_ = duration(config["flush_interval"]);
        if (broken_ == "flushes-early") flush_ /= 2;
        if (broken_ == "oversize") ++batch_size_;
        control_->call({"XGROUP", "CREATE", stream_, group_, "0", "MKSTREAM"});  // BUSYGROUP is fine
        if (broken_ == "skips-pending") after_ = ">";
        ask_for_more();
        say({{"event", "ready"}, {"re", request["re"]}, {"mode", "streams"}, {"consumer", consumer_}, {"protocol", 2}});
    }

    // Null, and an error event, where the password is refused.
    std::unique_ptr<Connection> connect(const std::string& url) {
        const Address address(url);
        auto connection = std::make_unique<Connection>(address.host, address.port);
        if (address.password.empty()) return connection;
        std::vector<std::string> auth = {"AUTH", address.user, address.password};
        if (address.user.empty()) auth.erase(auth.begin() + 1);
        if (connection->call(auth)->type != REDIS_REPLY_ERROR) return connection;
        say({{"event", "error"}, {"code", "auth"}, {"message", "the password is refused"}, {"retryable", false}});
        return nullptr;
    }

    static milliseconds duration(const Json& value) {
        if (value.is_number()) return milliseconds(value.get<int64_t>());
        const std::string text = value;
        const int64_t number = std::atoll(text.c_str());
        return text.ends_with("ms") ? milliseconds(number) : std::chrono::seconds(number);
    }

    [[nodiscard]] size_t room() const { return held_.size() < prefetch_ ? prefetch_ - held_.size() : 0; }
    [[nodiscard]] bool reading_possible() const { return reader_ && room() > 0; }

    void ask_for_more() {
        const size_t count = std::min(batch_size_, room());
        std::vector<std::string> words = {"XREADGROUP", "GROUP", group_, consumer_, "COUNT", std::to_string(count)};
        if (after_ == ">") words.insert(words.end(), {"BLOCK", "1000"});
        words.insert(words.end(), {"STREAMS", stream_, after_});
        reader_->send(words);
        answering_ = true;
    }

    void take(const Reply& reply) {
        answering_ = false;
        if (reply->type == REDIS_REPLY_ERROR) die(reply->str);
        const bool recovering = after_ != ">";
        const redisReply* list = reply->type == REDIS_REPLY_ARRAY ? reply->element[0]->element[1] : nullptr;
        std::vector<std::string> deleted = {"XACK", stream_, group_};
        for (size_t i = 0; list != nullptr && i < list->elements; ++i) {
            const redisReply& item = *list->element[i];
            Entry entry;
            entry.id = item.element[0]->str;
            if (recovering) after_ = entry.id;
            if (item.element[1]->type != REDIS_REPLY_ARRAY) {  // deleted while it was pending
                deleted.push_back(entry.id);
                continue;
            }
            take_fields(*item.element[1], entry);
            if (recovering) entry.deliveries = delivered(entry.id);
            if (broken_ == "acks-early") control_->call({"XACK", stream_, group_, entry.id});
            if (waiting_.empty()) first_came_ = std::chrono::steady_clock::now();
            held_.insert(entry.id);
            waiting_.push_back(std::move(entry));
            if (waiting_.size() == batch_size_) hand_over(recovering ? "recovery" : "size");
        }
        if (deleted.size() > 3) control_->call(deleted);
        if (!recovering) return;
        if (!waiting_.empty()) hand_over("recovery");
        if (list == nullptr || list->elements == 0) after_ = ">";
    }

    void take_fields(const redisReply& list, Entry& entry) const {
        std::map<std::string, std::string> unique;
        for (size_t i = 0; i + 1 < list.elements; i += 2) {
            const Json name = to_json(*list.element[i]);
            if (broken_ == "loses-repeats" && !unique.emplace(name.dump(), "").second) continue;
            entry.fields.push_back(Json::array({name, to_json(*list.element[i + 1])}));
        }
    }

    long long delivered(const std::string& id) {
        const Reply reply = control_->call({"XPENDING", stream_, group_, id, id, "1"});
        const bool found = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1;
        return found ? reply->element[0]->element[3]->integer : 1;
    }

    [[nodiscard]] bool due() const {
        if (broken_ == "empty-batch" && reader_ && waiting_.empty()) return true;
        return !waiting_.empty() && std::chrono::steady_clock::now() >= first_came_ + flush_;
    }
    [[nodiscard]] int wait_ms() const {
        if (broken_ == "empty-batch" && reader_) return 50;
        if (waiting_.empty() || broken_ == "ignores-flush") return -1;
        const auto left = first_came_ + flush_ - std::chrono::steady_clock::now();
        return static_cast<int>(std::max<int64_t>(0, std::chrono::ceil<milliseconds>(left).count()));
    }

    void hand_over(const char* reason) {
        ++batches_;
        if (broken_ == "disorder") std::reverse(waiting_.begin(), waiting_.end());
        const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
        Json entries = Json::array();
        for (const auto& entry : waiting_) {
            entries.push_back({{"stream", stream_},
                               {"id", entry.id},
                               {"fields", entry.fields},
                               {"deliveries", entry.deliveries},
                               {"t_ms", std::chrono::duration_cast<milliseconds>(unix_time).count()}});
        }
        waiting_.clear();
        if (broken_ == "drops-batch" && batches_ == 2) return;
        const Json batch{{"event", "batch"}, {"reason", reason}, {"entries", entries}};
        say(batch);
        if (broken_ == "delivers-twice" && batches_ == 2) say(batch);
    }

    void ack(const Json& request) {
        std::vector<std::string> words = {"XACK", stream_, group_};
        Json results = Json::array();
        for (const auto& key : request["entries"]) {
            const std::string id = key[1];
            const bool ours = key[0] == stream_ && held_.erase(id) == 1;
            if (ours) words.push_back(id);
            results.push_back(Json::array({key[0], id, ours ? "ok" : "not_held"}));
        }
        if (words.size() > 3 && broken_ != "never-acks") control_->call(words);
        say({{"event", "acked"}, {"re", request["re"]}, {"entries", results}});
    }

    std::string broken_;
    std::string input_;
    std::unique_ptr<Connection> reader_, control_;
    std::string stream_, group_, consumer_;
    size_t batch_size_ = 10, prefetch_ = 40;
    milliseconds flush_{5000};
    std::string after_ = "0";  // what is read next: own pending entries after an id, then ">"
    bool answering_ = false;   // a read is out
    std::vector<Entry> waiting_;
    std::set<std::string> held_;
    Time first_came_;
    int batches_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    std::string broken;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with("--broken=")) broken = word.substr(9);
    }
    if (!broken.empty() && std::find(breakages.begin(), breakages.end(), broken) == breakages.end()) {
        die("--broken=" + broken + " is none of those it knows");
    }
    Agent(broken).run();
}
