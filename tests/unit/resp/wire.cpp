#include "resp/wire.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace millrace::resp::test {
namespace {

std::string id_text(EntryId id) {
    return std::to_string(id.ms) + "-" + std::to_string(id.seq);
}

std::string describe_all(const Reply& reply, std::string text) {
    text += '[';
    bool first = true;
    for (const Reply child : reply) {
        if (!first) text += ", ";
        first = false;
        text += describe(child);
    }
    return text + ']';
}

}  // namespace

std::string describe(const Reply& reply) {
    const std::string text(reply.text());
    switch (reply.type()) {
        case Type::status:
            return "+" + text;
        case Type::error:
            return "-" + text;
        case Type::integer:
            return std::to_string(reply.integer());
        case Type::real:
            return "," + text;
        case Type::boolean:
            return reply.boolean() ? "#true" : "#false";
        case Type::text:
            return '"' + text + '"';
        case Type::verbatim:
            return '=' + text;
        case Type::big_number:
            return "(" + text;
        case Type::left_out:
            return "left out " + std::to_string(reply.integer());
        case Type::nil:
            return "nil";
        case Type::array:
            return describe_all(reply, "");
        case Type::map:
            return describe_all(reply, "%");
        case Type::set:
            return describe_all(reply, "~");
        case Type::push:
            return describe_all(reply, ">");
    }
    return "?";
}

void Recorder::handle_stream(std::string_view name) {
    transcript.push_back("stream " + std::string(name));
}

void Recorder::handle_entry(const EntryRecord& record) {
    std::string line = "entry " + id_text(record.id);
    for (const Field field : Entry(record, "")) line.append(" ").append(field.name).append("=").append(field.value);
    transcript.push_back(std::move(line));
    store_->release(record.segment);
}

void Recorder::handle_deleted(EntryId id) {
    transcript.push_back("deleted " + id_text(id));
}

void Recorder::handle_too_large(EntryId id, uint64_t bytes) {
    transcript.push_back("too large " + id_text(id) + " (" + std::to_string(bytes) + ")");
}

bool feed(Decoder& decoder, std::string_view bytes, const std::vector<Shape>& shapes, size_t& shape,
          Recorder& recorder) {
    while (!bytes.empty()) {
        const auto room = decoder.room(bytes.size());
        if (room.empty()) return false;
        const size_t size = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), size);
        decoder.commit(size);
        bytes.remove_prefix(size);
        for (;;) {
            const auto step = decoder.step(shapes[std::min(shape, shapes.size() - 1)], &recorder);
            if (step == Decoder::Step::need_more) break;
            if (step == Decoder::Step::failed) {
                recorder.transcript.push_back("failed " + std::string(name(decoder.error().code)) + ": " +
                                              decoder.error().message);
                return false;
            }
            const bool push = step == Decoder::Step::push;
            recorder.transcript.push_back((push ? "push " : "reply ") + describe(decoder.tree().root()));
            if (!push) ++shape;
        }
    }
    return true;
}

Transcript decode(std::string_view wire, const std::vector<Shape>& shapes, const std::vector<size_t>& cuts,
                  const Limits& limits) {
    SegmentStore store;
    Recorder recorder(store);
    Decoder decoder(limits, store);
    size_t shape = 0;
    size_t start = 0;
    bool alive = true;
    for (size_t i = 0; alive && i <= cuts.size(); ++i) {
        const size_t end = i < cuts.size() ? cuts[i] : wire.size();
        alive = feed(decoder, wire.substr(start, end - start), shapes, shape, recorder);
        start = end;
    }
    if (decoder.mid_reply()) recorder.transcript.emplace_back("needs more");
    return recorder.transcript;
}

Transcript decode(std::string_view wire, const std::vector<Shape>& shapes, const Limits& limits) {
    const Transcript whole = decode(wire, shapes, std::vector<size_t>(), limits);
    std::vector<size_t> each;
    for (size_t at = 1; at < wire.size(); ++at) {
        each.push_back(at);
        const std::vector<size_t> here(1, at);
        EXPECT_EQ(decode(wire, shapes, here, limits), whole) << "cut at " << at;
    }
    EXPECT_EQ(decode(wire, shapes, each, limits), whole) << "byte by byte";
    return whole;
}

Transcript decode(std::string_view wire, Shape shape, const Limits& limits) {
    return decode(wire, std::vector<Shape>(1, shape), limits);
}

std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

}  // namespace millrace::resp::test
