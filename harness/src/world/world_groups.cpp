// What a World does to streams and groups as a whole, and the dead streams beside them.

#include <algorithm>

#include "world/world.hpp"

namespace millrace::harness {

namespace {

std::vector<EntryKey> published_to(const History& history, const std::string& stream) {
    std::vector<EntryKey> keys;
    for (const auto& entry : history.published) {
        if (entry.key.stream == stream) keys.push_back(entry.key);
    }
    return keys;
}

}  // namespace

void World::destroy_group(const std::string& stream, const std::string& group) {
    const Instant asked = now();  // an agent may have acted on it before the answer is here
    command({"XGROUP", "DESTROY", stream, group});
    history_.faults.push_back(
        {Fault::Kind::GroupLost, asked, std::nullopt, "XGROUP DESTROY", published_to(history_, stream)});
}

void World::delete_key(const std::string& stream) {
    const Instant asked = now();
    command({"DEL", stream});
    history_.faults.push_back({Fault::Kind::KeyGone, asked, std::nullopt, "DEL", published_to(history_, stream)});
}

std::string dead_stream_of(const std::string& stream) {
    const size_t open = stream.find('{');
    const size_t close = open == std::string::npos ? std::string::npos : stream.find('}', open);
    const bool has_tag = close != std::string::npos && close > open + 1;
    const bool has_brace = stream.find_first_of("{}") != std::string::npos;
    return has_tag || has_brace ? stream + ":dead" : "{" + stream + "}:dead";
}

std::vector<DeadLetter> World::dead_letters(const std::string& stream) {
    std::vector<DeadLetter> letters;
    const Reply all = command({"XRANGE", dead_stream_of(stream), "-", "+"});
    for (const Reply& item : all.items) {
        DeadLetter letter;
        letter.id = item.at(0).text;
        const Reply& fields = item.at(1);
        for (size_t i = 0; i + 1 < fields.items.size(); i += 2) {
            letter.fields.emplace_back(fields.items[i].text, fields.items[i + 1].text);
        }
        letters.push_back(std::move(letter));
    }
    return letters;
}

void World::record_redriven(const std::string& stream, const DeadLetter& letter, const std::string& new_id) {
    const EntryKey key{stream, new_id};
    history_.published.push_back({key, letter.own(), now(), now()});
    history_.redriven.insert({stream, letter.field("dlq_origin_id")});
    // Whether a group acks it unseen or hands it over is its own affair (DLQ-2); cases look.
    history_.excused.insert(key);
}

std::string DeadLetter::field(std::string_view name) const {
    const auto found =
        std::find_if(fields.rbegin(), fields.rend(), [&](const auto& each) { return each.first == name; });
    return found == fields.rend() ? std::string() : found->second;
}

Fields DeadLetter::own() const {
    Fields own;
    for (const auto& field : fields) {
        if (!field.first.starts_with("dlq_")) own.push_back(field);
    }
    return own;
}

}  // namespace millrace::harness
