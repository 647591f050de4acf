#include "support/fake_redis.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "command/scripts.hpp"
#include "command/server_info.hpp"
#include "support/replies.hpp"
#include "support/story.hpp"

namespace millrace::test {
namespace {

EntryId id_of(const std::string& text) {
    return EntryId::parse(text).value_or(EntryId{});
}

/// Where an option stands; 0 where it does not, for it is never the command itself.
size_t find(const std::vector<std::string>& words, std::string_view option) {
    const auto at = std::find(words.begin(), words.end(), option);
    return at == words.end() ? 0 : static_cast<size_t>(at - words.begin());
}

}  // namespace

std::string FakeRedis::execute(RedisClient& client, int64_t id, const Words& words) {
    const std::string& command = words[0];
    if (command == "HELLO") return hello(3, id, version_);
    if (command == "INFO") return info(version_);
    if (command == "PING") return status("PONG");
    if (command == "CLIENT" && words[1] == "UNBLOCK") {
        const auto found = clients_.find(number(words[2]));
        if (found == clients_.end() || !found->second.blocked) return integer(0);
        found->second.until = now_;  // it ends when time is told next
        return integer(1);
    }
    if (command == "CLIENT") {
        const auto killed = number(words[3]);
        return integer(killed != id && clients_.erase(killed) > 0 ? 1 : 0);
    }
    if (!refusal.empty()) return error(refusal);
    if (command == "XGROUP") {
        if (std::exchange(has_group_, true)) return error("BUSYGROUP Consumer Group name already exists");
        has_key_ = true;
        last_delivered_ = words[4] == "$" ? last_added_ : id_of(words[4]);
        return ok();
    }
    if (command == "XINFO") return inspect(words);
    if (command == "XACK") return integer(acknowledge(words, 3));
    if (command == "XACKDEL" && is_from(8, 2)) {  // key group ACKED IDS n id…
        Items results;
        for (size_t i = 6; i < words.size(); ++i)
            results.push_back(integer(acknowledge({words[i]}, 0, true) > 0 ? 1 : -1));
        return array(results);
    }
    if (command == "MGET") {
        Items values;
        for (size_t i = 1; i < words.size(); ++i) values.push_back(has_key(words[i]) ? bulk("1") : null());
        return array(values);
    }
    if (command == "SET") {  // key token NX PX ms
        if (has_key(words[1])) return null();
        texts_[words[1]] = {words[2], now_ + milliseconds(number(words[5]))};
        return ok();
    }
    if (command == "EVALSHA" || command == "EVAL") return run_script(words);
    if (command == "XRANGE") {
        const auto at = entries_.find(id_of(words[2]));
        return array(at == entries_.end() ? Items{} : Items{entry(words[2], at->second)});
    }
    if (command == "XADD") {
        dead_.insert(id_of(words[find(words, "dlq_origin_id") + 1]));
        return bulk("9-" + std::to_string(dead_.size()));
    }
    if (!has_group_) return missing();
    if (command == "XREADGROUP") return read(client, words);
    if (command == "XPENDING") return show_pending(words);
    if (command == "XCLAIM") return claim(words);
    if (command == "XAUTOCLAIM" && is_from(6, 2)) return autoclaim(words);
    return error("ERR unknown command '" + command + "'");
}

std::string FakeRedis::read(RedisClient& client, const Words& words) {
    const std::string& consumer = words[3];
    const auto count = static_cast<size_t>(number(words[find(words, "COUNT") + 1]));
    if (words.back() != ">") return read_own(consumer, count, id_of(words.back()));
    const std::string reply = read_new(consumer, count);
    const size_t block = find(words, "BLOCK");
    if (!reply.empty()) return reply;
    if (block == 0) return null();
    client.blocked = true;
    client.until = now_ + milliseconds(number(words[block + 1]));
    client.consumer = consumer;
    client.count = count;
    for (const auto& [id, each] : clients_) {
        if (&each == &client) waiting_.push_back(id);
    }
    return {};
}

std::string FakeRedis::read_new(const std::string& consumer, size_t count) {
    Items list;
    for (auto at = entries_.upper_bound(last_delivered_); at != entries_.end() && list.size() < count; ++at) {
        list.push_back(entry(at->first.text(), at->second));
        pending_[at->first] = {consumer, now_, 1};
        last_delivered_ = at->first;
    }
    return list.empty() ? std::string() : stream_of("s", list);
}

std::string FakeRedis::read_own(const std::string& consumer, size_t count, EntryId after) {
    Items list;
    for (auto at = pending_.upper_bound(after); at != pending_.end() && list.size() < count; ++at) {
        if (at->second.consumer != consumer) continue;
        const auto found = entries_.find(at->first);
        if (found == entries_.end()) {
            list.push_back(deleted(at->first.text()));
            continue;
        }
        at->second.since = now_;
        ++at->second.count;
        list.push_back(entry(at->first.text(), found->second));
    }
    return stream_of("s", list);
}

std::string FakeRedis::show_pending(const Words& words) const {
    if (words.size() == 3) {
        if (pending_.empty()) return pending_summary(0);
        return pending_summary(static_cast<int64_t>(pending_.size()), pending_.begin()->first.text(),
                               pending_.rbegin()->first.text());
    }
    if (words[3] == "IDLE") {
        if (!is_from(6, 2)) return error("ERR syntax error");
        Words rest = words;
        rest.erase(rest.begin() + 3, rest.begin() + 5);
        return show_rows(rest, milliseconds(number(words[4])));
    }
    return show_rows(words, {});
}

std::string FakeRedis::show_rows(const Words& words, Duration idle_min) const {
    const EntryId from = id_of(words[3]);
    const EntryId to = words[4] == "+" ? EntryId{UINT64_MAX, UINT64_MAX} : id_of(words[4]);
    const auto count = static_cast<size_t>(number(words[5]));
    Items rows;
    for (auto at = pending_.lower_bound(from); at != pending_.end() && at->first <= to && rows.size() < count; ++at) {
        if (words.size() > 6 && at->second.consumer != words[6]) continue;
        if (now_ - at->second.since < idle_min) continue;
        const int64_t idle_ms = at->second.consumer.empty() ? -1 : (now_ - at->second.since).us / 1000;
        rows.push_back(test::pending(at->first.text(), at->second.consumer, idle_ms, at->second.count));
    }
    return array(rows);
}

std::string FakeRedis::claim(const Words& words) {
    const bool ids_alone = words.back() == "JUSTID";
    const auto idle_min = milliseconds(number(words[4]));
    const size_t retry_count = find(words, "RETRYCOUNT");
    const size_t idle = find(words, "IDLE");
    Items list;
    for (size_t i = 5; i < words.size() && EntryId::parse(words[i]).has_value(); ++i) {
        const auto at = pending_.find(id_of(words[i]));
        if (at == pending_.end() || now_ - at->second.since < idle_min) continue;
        const auto found = entries_.find(at->first);
        if (found == entries_.end() && is_from(7, 0)) {
            pending_.erase(at);
            continue;
        }
        at->second.consumer = words[3];
        at->second.since = now_;
        if (idle > 0) at->second.since.us -= number(words[idle + 1]) * 1000;
        if (retry_count > 0) {
            at->second.count = static_cast<uint32_t>(number(words[retry_count + 1]));
        } else if (!ids_alone) {
            ++at->second.count;
        }
        const bool is_there = found != entries_.end();
        list.push_back(ids_alone ? bulk(words[i]) : is_there ? entry(words[i], found->second) : null_array());
    }
    return array(list);
}

/// `XAUTOCLAIM key group consumer ms start COUNT n JUSTID`. 6.2 takes what was deleted like everything else.
std::string FakeRedis::autoclaim(const Words& words) {
    const auto idle_min = milliseconds(number(words[4]));
    const auto count = static_cast<size_t>(number(words[7]));
    Items ids;
    Items deleted_ids;
    auto at = pending_.lower_bound(id_of(words[5]));
    for (size_t looked = 0; at != pending_.end() && ids.size() < count && looked < 10 * count; ++looked) {
        if (entries_.count(at->first) == 0 && is_from(7, 0)) {
            deleted_ids.push_back(bulk(at->first.text()));
            at = pending_.erase(at);
            continue;
        }
        if (now_ - at->second.since >= idle_min) {
            at->second.consumer = words[3];
            at->second.since = now_;
            ids.push_back(bulk(at->first.text()));
        }
        ++at;
    }
    const std::string next = at == pending_.end() ? "0-0" : at->first.text();
    return is_from(7, 0) ? array({bulk(next), array(ids), array(deleted_ids)}) : array({bulk(next), array(ids)});
}

/// `EVALSHA sha keys key… group consumer …`; of ours those that a consumer calls for its entries.
std::string FakeRedis::run_script(const Words& words) {
    if (without_scripts) return error("NOPERM this user has no permissions to run the '" + words[0] + "' command");
    const std::string sha = words[0] == "EVAL" ? [&] {
        const auto rows = scripts();
        const auto at = std::find_if(rows.begin(), rows.end(), [&](const Script& row) { return row.source == words[1]; });
        return at == rows.end() ? std::string() : std::string(at->sha1);
    }() : words[1];
    if (words[0] == "EVAL") scripts_.insert(sha);
    if (scripts_.count(sha) == 0) return error("NOSCRIPT No matching script. Please use EVAL.");
    const size_t first = 3 + static_cast<size_t>(number(words[2]));
    if (sha == script(ScriptId::mark_seen).sha1) return mark_seen(words);
    if (sha == script(ScriptId::ack_delete).sha1) {
        const int64_t acked = acknowledge(words, first + 1, true);
        return array({integer(acked), integer(acked), integer(1)});
    }
    if (sha == script(ScriptId::renew_lease).sha1 || sha == script(ScriptId::free_lease).sha1) {
        if (!has_key(words[3]) || texts_[words[3]].value != words[first]) return integer(0);
        if (words.size() == first + 1) return integer(static_cast<int64_t>(texts_.erase(words[3])));
        texts_[words[3]].until = now_ + milliseconds(number(words[first + 1]));
        return integer(1);
    }
    if (sha == script(ScriptId::release).sha1) return release(words);
    if (!has_group_) return missing();
    if (sha == script(ScriptId::delete_consumer).sha1) return delete_consumer(words[first + 1]);
    if (sha == script(ScriptId::dead_letter).sha1) return bury(words[first + 1], id_of(words[first + 2]));
    return error("ERR a script that nobody expects");
}

std::string FakeRedis::release(const Words& words) {
    int64_t released = 0;
    for (size_t i = 6; i < words.size(); ++i) {
        const auto at = pending_.find(id_of(words[i]));
        if (at == pending_.end() || at->second.consumer != words[5]) continue;
        at->second.consumer.clear();
        at->second.since = {};
        ++released;
    }
    return integer(released);
}

/// `EVALSHA sha keys stream name… group ms keep id…`.
std::string FakeRedis::mark_seen(const Words& words) {
    const size_t first = 3 + static_cast<size_t>(number(words[2]));
    for (size_t i = 4; i < first; ++i) texts_[words[i]] = {"1", now_ + milliseconds(number(words[first + 1]))};
    return array({integer(acknowledge(words, first + 3, words[first + 2] == "delete")), integer(0), integer(1)});
}

std::string FakeRedis::delete_consumer(const std::string& consumer) const {
    for (const auto& [id, pending] : pending_) {
        if (pending.consumer == consumer) return bulk("pending");
    }
    return bulk("deleted");
}

std::string FakeRedis::bury(const std::string& consumer, EntryId id) {
    const auto at = pending_.find(id);
    if (at == pending_.end() || at->second.consumer != consumer) return array({bulk("not_ours")});
    if (entries_.count(id) == 0) return array({bulk("deleted")});
    dead_.insert(id);
    pending_.erase(at);
    return array({bulk("done"), bulk("9-" + std::to_string(dead_.size()))});
}

/// Of a group that is missing nothing is acked.
int64_t FakeRedis::acknowledge(const Words& words, size_t first, bool deletes) {
    int64_t acked = 0;
    for (size_t i = first; i < words.size(); ++i) {
        if (pending_.erase(id_of(words[i])) == 0) continue;
        if (deletes) entries_.erase(id_of(words[i]));
        ++acked;
    }
    return acked;
}

bool FakeRedis::has_key(const std::string& key) const {
    const auto found = texts_.find(key);
    return found != texts_.end() && found->second.until > now_;
}

void FakeRedis::drop_leases() {
    for (auto at = texts_.begin(); at != texts_.end();) {
        at = at->first.find(":lease:") == std::string::npos ? std::next(at) : texts_.erase(at);
    }
}

std::string FakeRedis::inspect(const Words& words) const {
    if (!has_key_) return error("ERR no such key");
    if (words[1] == "GROUPS") return has_group_ ? groups(last_delivered_.text()) : array({});
    return map({bulk("length"), integer(static_cast<int64_t>(entries_.size())), bulk("last-generated-id"),
                bulk(last_added_.text())});
}

std::string FakeRedis::missing() const {
    return error("NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option");
}

bool FakeRedis::is_from(int major, int minor) const {
    const auto version = parse_version(version_);
    return version.has_value() && *version >= Version{static_cast<uint32_t>(major), static_cast<uint32_t>(minor), 0};
}

void FakeRedis::flush() {
    entries_.clear();
    pending_.clear();
    texts_.clear();
    has_group_ = has_key_ = false;
    last_delivered_ = last_added_ = {};
    if (!is_from(7, 0)) return;
    for (const int64_t id : std::exchange(waiting_, {})) {
        const auto found = clients_.find(id);
        if (found == clients_.end() || !found->second.blocked) continue;
        found->second.blocked = false;
        found->second.output += is_from(8, 0) ? missing() : error("UNBLOCKED the stream key no longer exists");
        run(found->second, id);
    }
}

bool FakeRedis::take(EntryId id, Duration idle_min) {
    const auto at = pending_.find(id);
    if (at == pending_.end() || now_ - at->second.since < idle_min) return false;
    at->second = {"rival", now_, at->second.count + 1};
    return true;
}

void FakeRedis::ack(EntryId id) {
    const auto at = pending_.find(id);
    if (at != pending_.end() && at->second.consumer == "rival") pending_.erase(at);
}

EntryId FakeRedis::add(std::string value) {
    const EntryId id{next_ms_++, 0};
    entries_[id] = std::move(value);
    has_key_ = true;
    last_added_ = id;
    serve_blocked();
    return id;
}

void FakeRedis::serve_blocked() {
    for (size_t i = 0; i < waiting_.size();) {
        const int64_t id = waiting_[i];
        const auto found = clients_.find(id);
        const bool gone = found == clients_.end() || !found->second.blocked;
        const auto next = [&](RedisClient& client) {
            return has_group_ ? read_new(client.consumer, client.count) : missing();  // as 5.0 says it
        };
        const std::string reply = gone ? std::string() : next(found->second);
        if (!gone && reply.empty()) {
            ++i;
            continue;
        }
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        if (gone) continue;
        found->second.blocked = false;
        found->second.output += reply;
        run(found->second, id);
    }
}

void FakeRedis::handle_time(Instant now) {
    now_ = now;
    for (auto& [id, client] : clients_) {
        if (!client.blocked || client.until > now) continue;
        client.blocked = false;
        waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), id), waiting_.end());
        client.output += null();
        run(client, id);
    }
}

}  // namespace millrace::test
