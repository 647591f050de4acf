// A plain consumer of Redis Streams that speaks agent protocol 1: XGROUP CREATE, its own pending entries, then
// XREADGROUP with BLOCK, batches by size and by time, XACK when asked; it claims what others left, keeps what it holds,
// sets poison aside, knows ids again, and makes a lost group anew. It is the harness's control: correct as it stands,
// and with --broken=<how> wrong in one way that the harness has to find. One stream, one group, no reconnect.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connection.hpp"
#include "plain_entry.hpp"
#include "plain_group.hpp"

namespace {

using namespace plain;

class Agent {
  public:
    explicit Agent(std::string broken) : broken_(std::move(broken)) {}

    void run() {
        for (;;) {
            const bool reads = reader_ && (answering_ || reading_possible());
            if (reads && !answering_) ask_for_more();
            pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {reads ? reader_->fd() : -1, POLLIN, 0}};
            ::poll(fds, 2, wait_ms());
            if ((fds[0].revents & (POLLIN | POLLHUP)) != 0) read_requests();
            if ((fds[1].revents & (POLLIN | POLLHUP)) != 0 && answering_) take(reader_->receive());
            if (due() && broken_ != "ignores-flush") hand_over(waiting_, "flush");
            if (reader_) tick();
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
                 {"capabilities", {"streams", "concurrent", "claim", "nack", "dlq", "redrive", "dedupe"}}});
        } else if (op == "start") {
            start(request);
        } else if (op == "ack" || op == "nack" || op == "reject") {
            settle(request, op);
        } else if (op == "dead") {
            say({{"event", "dead"}, {"re", request["re"]}, {"entries", group_->dead_ids()}});
        } else if (op == "redrive") {
            for (const auto& id : request["ids"]) group_->redrive(id);
            say({{"event", "redriven"}, {"re", request["re"]}});
        }
    }

    void start(const Json& request) {
        reader_ = open(request["url"]);
        control_ = open(request["url"]);
        if (!reader_ || !control_) {
            reader_.reset();
            return say(
                {{"event", "error"}, {"code", "auth"}, {"message", "the password is refused"}, {"retryable", false}});
        }
        stream_ = request["stream"];
        group_name_ = request["group"];
        consumer_ = request.value("consumer", "plain-" + std::to_string(::getpid()));
        group_ = std::make_unique<Group>(*control_, stream_, group_name_, consumer_);
        const Json& config = request["config"];
        batch_size_ = config.value("batch_size", size_t{10});
        prefetch_ = config.value("prefetch", 4 * batch_size_);
        if (config.contains("flush_interval")) flush_ = duration(config["flush_interval"]);
        if (broken_ == "flushes-early") flush_ /= 2;
        if (broken_ == "oversize") ++batch_size_;
        configure_more(config);
        group_->create();
        if (broken_ == "skips-pending") after_ = ">";
        ask_for_more();
        say({{"event", "ready"}, {"re", request["re"]}, {"mode", "streams"}, {"consumer", consumer_}, {"protocol", 2}});
    }

    void configure_more(const Json& config) {
        if (config.contains("claim_interval")) claim_interval_ = duration(config["claim_interval"]);
        if (config.contains("claim_min_idle")) claim_min_idle_ = duration(config["claim_min_idle"]);
        if (config.contains("dedupe_window")) window_ = duration(config["dedupe_window"]);
        deliveries_max_ = config.value("max_deliveries", 16LL);
        dedupes_ = config.value("dedupe", "off") != "off" && broken_ != "forgets-ids";
        id_field_ = config.value("id_field", "id");
        sweep_at_ = beat_at_ = now();
    }

    // What a read without an answer may bring counts too: claims go on meanwhile.
    [[nodiscard]] size_t room() const { return prefetch_ - std::min(prefetch_, held_.size() + asked_); }
    [[nodiscard]] bool reading_possible() const { return reader_ && room() > 0 && now() >= read_at_; }

    void ask_for_more() {
        const size_t count = std::min(batch_size_, room());
        std::vector<std::string> words = {"XREADGROUP", "GROUP", group_name_,
                                          consumer_,    "COUNT", std::to_string(count)};
        if (after_ == ">") words.insert(words.end(), {"BLOCK", "1000"});
        words.insert(words.end(), {"STREAMS", stream_, after_});
        reader_->send(words);
        answering_ = true;
        asked_ = count;
    }

    void take(const Reply& reply) {
        answering_ = false;
        asked_ = 0;
        if (is_error(reply, "NOGROUP")) return make_group_again();
        if (is_error(reply, "UNBLOCKED")) return;  // the key is gone: the next read says so
        if (reply->type == REDIS_REPLY_ERROR) die(reply->str);
        losses_ = 0;
        const bool recovering = after_ != ">";
        const redisReply* list = reply->type == REDIS_REPLY_ARRAY ? reply->element[0]->element[1] : nullptr;
        for (size_t i = 0; list != nullptr && i < list->elements; ++i) {
            const redisReply& item = *list->element[i];
            Entry entry;
            entry.id = item.element[0]->str;
            group_->saw(entry.id);
            if (recovering) after_ = entry.id;
            if (item.element[1]->type != REDIS_REPLY_ARRAY) {  // deleted while it was pending
                group_->ack(entry.id);
                continue;
            }
            if (recovering) {
                const auto rows = group_->pending(entry.id, entry.id, 1);
                if (!rows.empty()) entry.deliveries = rows.front().deliveries;
            }
            if (!admit(entry, to_fields(*item.element[1]))) continue;
            if (broken_ == "acks-early") group_->ack(entry.id);
            if (waiting_.empty()) first_came_ = now();
            waiting_.push_back(std::move(entry));
            if (waiting_.size() == batch_size_) hand_over(waiting_, recovering ? "recovery" : "size");
        }
        if (!recovering) return;
        if (!waiting_.empty()) hand_over(waiting_, "recovery");
        if (list == nullptr || list->elements == 0) after_ = ">";
    }

    // Whether it is to be handed over; else it is seen to here.
    bool admit(Entry& entry, Fields fields) {
        if (held_.contains(entry.id)) return false;  // comes again from a group that was made anew
        const std::string owner = value_of(fields, "dlq_group");
        if (!owner.empty()) {
            if (owner != group_name_ && broken_ != "redrives-to-all") {
                group_->ack(entry.id);
                return false;
            }
            std::erase_if(fields, [](const auto& field) { return field.first.starts_with("dlq_"); });
        }
        if (entry.deliveries > deliveries_max_) {
            bury(entry.id, entry.deliveries, "delivered too often");
            return false;
        }
        if (dedupes_ && owner.empty()) entry.canonical = canonical_id(fields, id_field_);
        if (const auto seen = seen_.find(entry.canonical); seen != seen_.end() && now() < seen->second + window_) {
            group_->ack(entry.id);
            say({{"event", "duplicate"}, {"stream", stream_}, {"id", entry.id}});
            return false;
        }
        const bool is_copy = !entry.canonical.empty() && std::any_of(held_.begin(), held_.end(), [&](const auto& held) {
            return held.second.canonical == entry.canonical;
        });
        entry.fields = to_json(fields, broken_ == "loses-repeats");
        if (is_copy) {
            copies_.push_back(entry);
            return false;
        }
        held_[entry.id] = {now(), entry.deliveries, entry.canonical};
        lost_.erase(entry.id);
        return true;
    }

    // --- what has to be done from time to time

    void tick() {
        if (now() >= sweep_at_ && after_ == ">" && room() > 0) sweep();
        if (now() >= beat_at_) beat();
        const auto nacked = std::exchange(nacked_, {});
        for (const auto& [id, at] : nacked) {
            if (now() >= at) {
                held_.erase(id);
                claim(id, milliseconds(0));
            } else {
                nacked_[id] = at;
            }
        }
        const auto unburied = std::exchange(unburied_, {});
        for (const auto& [id, row] : unburied) {
            if (now() >= row.second) {
                bury(id, held_[id].deliveries, row.first);
            } else {
                unburied_[id] = row;
            }
        }
        if (!again_.empty()) hand_over(again_, "recovery");
    }

    void sweep() {
        sweep_at_ = now() + claim_interval_;
        group_->mark(broken_ == "recreates-at-last");
        std::string from;
        bool first = true;
        for (; broken_ != "never-claims" && (first || !from.empty()); first = false) {
            for (const auto& row : group_->page(from)) {
                if (row.idle_ms < claim_min_idle_.count() || held_.contains(row.id)) continue;
                if (room() == 0) {
                    sweep_at_ = now();  // goes on when there is room
                    return;
                }
                claim(row.id, claim_min_idle_);
                if (again_.size() == batch_size_) hand_over(again_, "recovery");
            }
            if (broken_ == "one-page") return;
        }
    }

    void claim(const std::string& id, milliseconds min_idle) {
        const auto fields = group_->claim(id, min_idle);
        if (!fields) return;
        const auto rows = group_->pending(id, id, 1);
        Entry entry;
        entry.id = id;
        entry.deliveries = rows.empty() ? 2 : rows.front().deliveries;
        if (admit(entry, *fields)) again_.push_back(std::move(entry));
    }

    void beat() {
        beat_at_ = now() + claim_min_idle_ / 3;
        if (broken_ == "no-heartbeats") return;
        std::vector<std::string> gone;
        for (auto& [id, held] : held_) {
            const Time sent = now();
            if (!group_->keep(id, broken_ == "steals-back" ? sent : held.refreshed)) gone.push_back(id);
            held.refreshed = sent;
        }
        lose(gone);
    }

    void lose(const std::vector<std::string>& ids) {
        Json entries = Json::array();
        for (const auto& id : ids) {
            entries.push_back(Json::array({stream_, id}));
            std::erase_if(waiting_, [&](const Entry& entry) { return entry.id == id; });
            held_.erase(id);
            nacked_.erase(id);
            lost_.insert(id);
        }
        if (!ids.empty()) say({{"event", "lost"}, {"entries", entries}});
    }

    void make_group_again() {
        std::string from;
        if (group_->make_again(from)) {
            std::vector<std::string> all;
            for (const auto& [id, held] : held_) all.push_back(id);
            lose(all);
            copies_.clear();
        }
        read_at_ = now() + std::min(milliseconds(1000), milliseconds(50) * (1 << std::min(losses_++, 5)));
        say({{"event", "group_recreated"}, {"stream", stream_}, {"from", from}});
    }

    void bury(const std::string& id, long long deliveries, const std::string& error) {
        if (group_->bury(id, deliveries, error, broken_ == "acks-anyway")) {
            held_.erase(id);
            say({{"event", "dead_lettered"}, {"stream", stream_}, {"id", id}});
            return;
        }
        if (broken_ == "acks-anyway") return;
        held_[id].refreshed = now();
        held_[id].deliveries = deliveries;
        unburied_[id] = {error, now() + milliseconds(200)};
        say({{"event", "dead_failed"}, {"stream", stream_}, {"id", id}});
    }

    [[nodiscard]] bool due() const {
        if (broken_ == "empty-batch" && reader_ && waiting_.empty()) return true;
        return !waiting_.empty() && std::chrono::steady_clock::now() >= first_came_ + flush_;
    }
    [[nodiscard]] int wait_ms() const {
        if (broken_ == "empty-batch" && reader_) return 50;
        if (!reader_) return -1;
        Time next = std::min(room() > 0 && after_ == ">" ? sweep_at_ : beat_at_, beat_at_);
        if (!waiting_.empty() && broken_ != "ignores-flush") next = std::min(next, first_came_ + flush_);
        for (const auto& [id, at] : nacked_) next = std::min(next, at);
        for (const auto& [id, row] : unburied_) next = std::min(next, row.second);
        if (!answering_ && now() < read_at_) next = std::min(next, read_at_);
        return static_cast<int>(std::max<int64_t>(0, std::chrono::ceil<milliseconds>(next - now()).count()));
    }

    void hand_over(std::vector<Entry>& list, const char* reason) {
        ++batches_;
        if (broken_ == "disorder") std::reverse(list.begin(), list.end());
        const Json entries = to_json(list, stream_);
        list.clear();
        if (broken_ == "drops-batch" && batches_ == 2) return;
        const Json batch{{"event", "batch"}, {"reason", reason}, {"entries", entries}};
        say(batch);
        if (broken_ == "delivers-twice" && batches_ == 2) say(batch);
    }

    void settle(const Json& request, const std::string& op) {
        Json results = Json::array();
        for (const auto& key : request["entries"]) {
            const std::string id = key[1];
            const bool ours = key[0] == stream_ && held_.contains(id) && !nacked_.contains(id);
            const char* const refusal = lost_.contains(id) ? "lost" : "not_held";
            if (ours) settle_one(id, op, request);
            results.push_back(Json::array({key[0], id, ours ? "ok" : refusal}));
        }
        say({{"event", "acked"}, {"re", request["re"]}, {"entries", results}});
        const auto copies = std::exchange(copies_, {});
        for (const auto& copy : copies) {
            const auto fields = group_->fields(copy.id);
            Entry entry;
            entry.id = copy.id;
            if (!fields || !admit(entry, *fields)) continue;
            if (waiting_.empty()) first_came_ = now();
            waiting_.push_back(std::move(entry));
            if (waiting_.size() == batch_size_) hand_over(waiting_, "size");
        }
    }

    void settle_one(const std::string& id, const std::string& op, const Json& request) {
        if (op == "nack") {
            nacked_[id] = now() + milliseconds(request.value("delay_ms", 0));
        } else if (op == "reject") {
            const long long deliveries = held_[id].deliveries;
            held_[id].canonical.clear();
            bury(id, deliveries, request.value("error", "rejected"));
        } else {
            if (broken_ != "never-acks") group_->ack(id);
            if (!held_[id].canonical.empty()) seen_[held_[id].canonical] = now();
            held_.erase(id);
        }
    }

    std::string broken_;
    std::string input_;
    std::unique_ptr<Connection> reader_, control_;
    std::unique_ptr<Group> group_;
    std::string stream_, group_name_, consumer_;
    size_t batch_size_ = 10, prefetch_ = 40, asked_ = 0;
    milliseconds flush_{5000};
    std::string after_ = "0";  // what is read next: own pending entries after an id, then ">"
    bool answering_ = false;   // a read is out
    std::vector<Entry> waiting_;
    std::vector<Entry> again_;   // claimed
    std::vector<Entry> copies_;  // of an id that is held
    std::map<std::string, Held> held_;
    std::set<std::string> lost_;
    std::map<std::string, Time> nacked_;
    std::map<std::string, std::pair<std::string, Time>> unburied_;
    std::map<std::string, Time> seen_;
    milliseconds claim_interval_{30'000}, claim_min_idle_{60'000}, window_{600'000};
    long long deliveries_max_ = 16;
    bool dedupes_ = false;
    std::string id_field_ = "id";
    Time first_came_, sweep_at_, beat_at_, read_at_;
    int losses_ = 0;
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
