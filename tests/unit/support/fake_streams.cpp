#include "support/fake_streams.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "support/replies.hpp"
#include "support/story.hpp"

namespace millrace::test {
namespace {

EntryId id_of(const std::string& text) {
    return EntryId::parse(text).value_or(EntryId{});
}

}  // namespace

std::string FakeStreams::execute(StreamsClient& client, int64_t id, const Words& words) {
    const std::string& command = words[0];
    if (command == "HELLO") return hello(3, id);
    if (command == "INFO") return info("7.0.15");
    if (command == "PING") return status("PONG");
    if (command == "CLIENT") return integer(0);
    if (!refusal.empty()) return error(refusal);
    if (command == "XINFO") return describe(words[2]);
    if (command == "XREVRANGE") return read_back(words);
    if (command != "XREAD") return error("ERR unknown command '" + command + "'");
    const std::string reply = read(words);
    if (!reply.empty()) return reply;
    if (words[3] != "BLOCK") return null();
    client.blocked = true;
    client.until = now_ + milliseconds(number(words[4]));
    client.read = words;
    return {};
}

std::string FakeStreams::read(const Words& words) const {
    const auto count = static_cast<size_t>(number(words[2]));
    const size_t first = static_cast<size_t>(std::find(words.begin(), words.end(), "STREAMS") - words.begin()) + 1;
    const size_t keys = (words.size() - first) / 2;
    Items found;
    for (size_t i = 0; i < keys; ++i) {
        const Stream* const stream = find(words[first + i]);
        if (stream == nullptr) continue;
        Items list;
        auto at = stream->entries.upper_bound(id_of(words[first + keys + i]));
        for (; at != stream->entries.end() && list.size() < count; ++at) {
            list.push_back(entry(at->first.text(), at->second));
        }
        if (list.empty()) continue;
        found.push_back(bulk(words[first + i]));
        found.push_back(array(list));
    }
    return found.empty() ? std::string() : map(found);
}

std::string FakeStreams::describe(const std::string& key) const {
    const Stream* const stream = find(key);
    if (stream == nullptr) return error("ERR no such key");
    const auto& entries = stream->entries;
    Items items{bulk("length"), integer(static_cast<int64_t>(entries.size())), bulk("last-generated-id"),
                bulk(stream->last.text())};
    if (counts) {
        items.insert(items.end(), {bulk("max-deleted-entry-id"), bulk(stream->deleted.text()), bulk("entries-added"),
                                   integer(static_cast<int64_t>(stream->added))});
    }
    const auto shown = [&](auto at) { return entry(at->first.text(), at->second); };
    items.insert(items.end(), {bulk("first-entry"), entries.empty() ? null() : shown(entries.begin()),
                               bulk("last-entry"), entries.empty() ? null() : shown(std::prev(entries.end()))});
    return map(items);
}

std::string FakeStreams::read_back(const Words& words) const {
    const Stream* const stream = find(words[1]);
    Items list;
    if (stream == nullptr) return array(list);
    const EntryId end = words[2] == "+" ? EntryId{UINT64_MAX, UINT64_MAX} : id_of(words[2]);
    const auto most = static_cast<size_t>(number(words[5]));
    for (auto at = stream->entries.upper_bound(end); at != stream->entries.begin() && list.size() < most;) {
        --at;
        list.push_back(entry(at->first.text(), at->second));
    }
    return array(list);
}

const FakeStreams::Stream* FakeStreams::find(const std::string& key) const {
    const auto found = streams_.find(key);
    return found == streams_.end() ? nullptr : &found->second;
}

void FakeStreams::add(const std::string& key, EntryId id, const std::string& value) {
    Stream& stream = streams_[key];
    stream.entries[id] = value;
    stream.last = id;
    ++stream.added;
    serve_blocked();
}

void FakeStreams::trim(const std::string& key, size_t most) {
    auto& entries = streams_[key].entries;
    while (entries.size() > most) entries.erase(entries.begin());
}

void FakeStreams::remove(const std::string& key, EntryId id) {
    Stream& stream = streams_[key];
    if (stream.entries.erase(id) > 0) stream.deleted = std::max(stream.deleted, id);
}

void FakeStreams::serve_blocked() {
    for (auto& [id, client] : clients_) {
        if (!client.blocked) continue;
        const std::string reply = read(client.read);
        if (reply.empty()) continue;
        client.blocked = false;
        client.output += reply;
        run(client, id);
    }
}

void FakeStreams::handle_time(Instant now) {
    now_ = now;
    for (auto& [id, client] : clients_) {
        if (!client.blocked || client.until > now) continue;
        client.blocked = false;
        client.output += null();
        run(client, id);
    }
}

}  // namespace millrace::test
