// What the plain agent asks of its group besides reading: claims, heartbeats, counts, dead letters, and the group made
// again. One blocking command after the other, one entry at a time: as simple as it can be and correct.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plain_entry.hpp"

namespace plain {

inline bool is_error(const Reply& reply, const std::string& text) {
    return reply->type == REDIS_REPLY_ERROR && std::string(reply->str).find(text) != std::string::npos;
}

inline std::pair<unsigned long long, unsigned long long> numbers(const std::string& id) {
    return {std::strtoull(id.c_str(), nullptr, 10), std::strtoull(id.c_str() + id.find('-') + 1, nullptr, 10)};
}

inline std::string just_before(const std::string& id) {
    auto [ms, seq] = numbers(id);
    if (seq > 0) return std::to_string(ms) + "-" + std::to_string(seq - 1);
    return ms > 0 ? std::to_string(ms - 1) + "-18446744073709551615" : "0-0";
}

struct PendingRow {
    std::string id, consumer;
    long long idle_ms = 0, deliveries = 0;
};

class Group {
  public:
    Group(Connection& connection, std::string stream, std::string group, std::string consumer)
        : db_(connection), stream_(std::move(stream)), group_(std::move(group)), me_(std::move(consumer)) {}

    void create() { db_.call({"XGROUP", "CREATE", stream_, group_, "0", "MKSTREAM"}); }  // BUSYGROUP is fine
    void ack(const std::string& id) { db_.call({"XACK", stream_, group_, id}); }

    std::vector<PendingRow> pending(const std::string& from, const std::string& to, size_t count) {
        std::vector<PendingRow> rows;
        const Reply reply = db_.call({"XPENDING", stream_, group_, from, to, std::to_string(count)});
        for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; ++i) {
            const redisReply& row = *reply->element[i];
            rows.push_back(
                {row.element[0]->str, row.element[1]->str, row.element[2]->integer, row.element[3]->integer});
        }
        return rows;
    }
    // To the end of the list: `from` names its page, and is empty after the last one.
    std::vector<PendingRow> page(std::string& from) {
        auto rows = pending(from.empty() ? "-" : from, "+", 500);
        const std::string last = rows.empty() ? "" : rows.back().id;
        if (!rows.empty() && rows.front().id == from) rows.erase(rows.begin());
        from = rows.size() < 499 ? "" : last;
        return rows;
    }

    // Takes it over, which counts as a delivery; none where another was faster. What is deleted is acked away.
    std::optional<Fields> claim(const std::string& id, milliseconds min_idle) {
        const Reply reply = db_.call({"XCLAIM", stream_, group_, me_, std::to_string(min_idle.count()), id});
        if (reply->type != REDIS_REPLY_ARRAY) return std::nullopt;
        if (reply->elements == 1 && reply->element[0]->type == REDIS_REPLY_ARRAY) {
            return to_fields(*reply->element[0]->element[1]);
        }
        if (!fields(id)) ack(id);
        return std::nullopt;
    }
    // Whether it is still ours: idle time begins anew unless somebody has taken it since `refreshed`.
    bool keep(const std::string& id, Time refreshed) {
        const auto age = std::chrono::duration_cast<milliseconds>(now() - refreshed);
        const std::string ms = std::to_string(age.count() - age.count() / 20);
        const Reply reply = db_.call({"XCLAIM", stream_, group_, me_, ms, id, "JUSTID"});
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) return true;
        if (reply->type == REDIS_REPLY_ERROR) return true;  // the group is gone: reading tells
        const auto rows = pending(id, id, 1);
        return !rows.empty() && rows.front().consumer == me_;
    }
    std::optional<Fields> fields(const std::string& id) {
        const Reply reply = db_.call({"XRANGE", stream_, id, id});
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return std::nullopt;
        return to_fields(*reply->element[0]->element[1]);
    }

    [[nodiscard]] std::string dead_stream() const { return "{" + stream_ + "}:dead"; }
    // False where it could not be written: then it stays pending. `acks_anyway` is how it is done wrong.
    bool bury(const std::string& id, long long deliveries, const std::string& error, bool acks_anyway) {
        const auto own = fields(id);
        std::vector<std::string> add = {"XADD", dead_stream(), "*"};
        for (const auto& [name, value] : own.value_or(Fields{})) add.insert(add.end(), {name, value});
        add.insert(add.end(), {"dlq_origin_id", id, "dlq_stream", stream_, "dlq_group", group_, "dlq_consumer", me_,
                               "dlq_deliveries", std::to_string(deliveries), "dlq_error", error});
        const bool written = !own || db_.call(add)->type != REDIS_REPLY_ERROR;
        if (written || acks_anyway) ack(id);
        return written;
    }
    Json dead_ids() {
        Json entries = Json::array();
        const Reply all = db_.call({"XRANGE", dead_stream(), "-", "+"});
        for (size_t i = 0; all->type == REDIS_REPLY_ARRAY && i < all->elements; ++i) {
            entries.push_back({{"id", all->element[i]->element[0]->str}});
        }
        return entries;
    }
    // Back to where it came from, with what tells whose it is.
    void redrive(const std::string& dead_id) {
        const Reply reply = db_.call({"XRANGE", dead_stream(), dead_id, dead_id});
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return;
        std::vector<std::string> add = {"XADD", stream_, "*"};
        for (const auto& [name, value] : to_fields(*reply->element[0]->element[1])) {
            const bool keeps = !name.starts_with("dlq_") || name == "dlq_origin_id" || name == "dlq_group";
            if (keeps) add.insert(add.end(), {name, value});
        }
        if (db_.call(add)->type != REDIS_REPLY_ERROR) db_.call({"XDEL", dead_stream(), dead_id});
    }

    // Where the group would have to begin to deliver all that it owes: asked for while it is there.
    void mark(bool at_last_delivered) {
        std::string last;
        const Reply groups = db_.call({"XINFO", "GROUPS", stream_});
        for (size_t i = 0; groups->type == REDIS_REPLY_ARRAY && i < groups->elements; ++i) {
            const redisReply& row = *groups->element[i];
            if (value_of(row, "name") == group_) last = value_of(row, "last-delivered-id");
        }
        if (last.empty()) return;
        const Reply summary = db_.call({"XPENDING", stream_, group_});
        if (summary->type != REDIS_REPLY_ARRAY) return;  // destroyed in between: the mark before counts
        const char* const lowest = summary->element[1]->str;
        mark_ = lowest == nullptr || at_last_delivered ? last : just_before(lowest);
        seen_ = std::max(seen_, numbers(last));
    }
    // True where the key was another one: then nothing of what is held exists any more.
    bool make_again(std::string& from) {
        const Reply info = db_.call({"XINFO", "STREAM", stream_});
        const bool same = info->type == REDIS_REPLY_ARRAY && numbers(value_of(*info, "last-generated-id")) >= seen_;
        from = same ? mark_ : "0-0";
        if (!same) seen_ = {};
        db_.call({"XGROUP", "CREATE", stream_, group_, from, "MKSTREAM"});
        return !same;
    }
    void saw(const std::string& id) { seen_ = std::max(seen_, numbers(id)); }

  private:
    static std::string value_of(const redisReply& list, const std::string& name) {
        for (size_t i = 0; i + 1 < list.elements; i += 2) {
            if (list.element[i]->str == name && list.element[i + 1]->str != nullptr) return list.element[i + 1]->str;
        }
        return "";
    }

    Connection& db_;
    std::string stream_, group_, me_;
    std::string mark_ = "0-0";
    std::pair<unsigned long long, unsigned long long> seen_;
};

}  // namespace plain
