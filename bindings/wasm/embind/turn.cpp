#include "turn.hpp"

#include <variant>

#include "events.hpp"
#include "json.hpp"

namespace millrace::wasm {
namespace {

constexpr size_t records_at = 8;
/// Past so many bytes the rest is told in the next turn.
constexpr size_t turn_bytes_max = 1024 * 1024;
/// What an instance keeps of a larger turn.
constexpr size_t turn_bytes_kept = 256 * 1024;
/// Kind, bytes and the rest of a timeout: room for it is kept, so that each turn can end.
constexpr size_t timeout_bytes = 24;

/// A record from its kind to its size, which is known at its end.
class Record {
  public:
    Record(Block& block, RecordKind kind) : block_(block), start_(block.size()) {
        block_.u32(static_cast<uint32_t>(kind));
        block_.u32(0);
    }
    /// False, and nothing is left of it, when memory was refused.
    [[nodiscard]] bool end() {
        block_.pad();
        if (!block_.room(timeout_bytes)) {
            block_.truncate(start_);
            return false;
        }
        block_.patch(start_ + 4, static_cast<uint32_t>(block_.size() - start_));
        return true;
    }

  private:
    Block& block_;
    size_t start_;
};

uint32_t low(uint64_t value) {
    return static_cast<uint32_t>(value);
}
uint32_t high(uint64_t value) {
    return static_cast<uint32_t>(value >> 32);
}

/// All 64 bits of a batch's id as they are: JavaScript compares it and hands it back.
double as_number(BatchId batch) {
    double number;
    std::memcpy(&number, &batch, sizeof number);
    return number;
}

std::vector<std::string>& told_names(Instance& instance, SourceId source) {
    for (ToldNames& told : instance.told) {
        if (told.source == source) return told.names;
    }
    instance.told.push_back({source, {}});
    return instance.told.back().names;
}

void forget_names(Instance& instance, const std::optional<SourceId>& source) {
    for (size_t i = 0; i < instance.told.size(); ++i) {
        if (instance.told[i].source != source) continue;
        instance.told[i] = std::move(instance.told.back());
        instance.told.pop_back();
        return;
    }
}

/// The names of streams that the host does not know by their numbers yet.
bool write_streams(Instance& instance, const BatchReady& batch) {
    std::vector<std::string>& names = told_names(instance, batch.source);
    const EntryRecord* before = nullptr;
    for (const EntryRecord& record : batch.entries.records()) {
        if (before != nullptr && before->stream == record.stream) continue;
        before = &record;
        const std::string_view name =
            batch.entries[static_cast<size_t>(&record - batch.entries.records().data())].stream();
        if (record.stream < names.size() && names[record.stream] == name) continue;
        Record out(instance.turn, RecordKind::stream);
        instance.turn.u32(static_cast<uint32_t>(batch.source));
        instance.turn.u32(record.stream);
        instance.turn.u32(static_cast<uint32_t>(name.size()));
        instance.turn.u32(0);
        instance.turn.text(name);
        if (!out.end()) return false;
        if (record.stream >= names.size()) names.resize(record.stream + 1);
        names[record.stream] = name;
    }
    return true;
}

const Segment::Slice* slices_of(const EntryRecord& record) {
    return record.segment->slices + record.first_slice;
}

/// Runs of memory that hold the batch's bytes: an entry that lies behind the one before it makes its run longer.
/// Answers how many there are.
uint32_t write_runs(Block& block, std::span<const EntryRecord> records) {
    uint32_t runs = 0;
    const char* start = nullptr;
    uint32_t size = 0;
    const auto write = [&] {
        if (size == 0) return;
        block.u32(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(start)));
        block.u32(size);
        ++runs;
    };
    for (const EntryRecord& record : records) {
        if (record.bytes == 0) continue;
        const char* const at = record.segment->bytes + slices_of(record)->offset;
        if (start == nullptr || at != start + size) {
            write();
            start = at;
            size = 0;
        }
        size += static_cast<uint32_t>(record.bytes);
    }
    write();
    return runs;
}

bool write_batch(Instance& instance, const BatchReady& batch) {
    if (!write_streams(instance, batch)) return false;
    Block& block = instance.turn;
    const std::span<const EntryRecord> records = batch.entries.records();
    Record out(block, RecordKind::batch);
    block.u32(static_cast<uint32_t>(batch.source));
    block.u32(static_cast<uint32_t>(batch.reason));
    block.f64(as_number(batch.batch));
    block.u32(static_cast<uint32_t>(records.size()));
    const size_t sums_at = block.size();
    block.bytes("\0\0\0\0\0\0\0\0\0\0\0", 12);
    uint32_t slices = 0;
    for (const EntryRecord& record : records) {
        const uint32_t row[8] = {low(record.id.ms),   high(record.id.ms), low(record.id.seq),
                                 high(record.id.seq), record.stream,      slices,
                                 record.field_count,  record.deliveries};
        block.bytes(row, sizeof row);
        slices += 2 * record.field_count;
    }
    uint32_t bytes = 0;
    for (const EntryRecord& record : records) {
        if (record.field_count == 0) continue;
        const Segment::Slice* const slice = slices_of(record);
        const uint32_t count = 2 * record.field_count;
        auto* const words = reinterpret_cast<uint32_t*>(block.extend(count * sizeof *slice));
        if (words == nullptr) break;
        const uint32_t shift = bytes - slice->offset;  // may be below 0: words wrap
        for (uint32_t i = 0; i < count; ++i) {
            words[2 * i] = slice[i].offset + shift;
            words[2 * i + 1] = slice[i].size;
        }
        bytes += static_cast<uint32_t>(record.bytes);
    }
    const uint32_t runs = write_runs(block, records);
    if (!out.end()) return false;
    block.patch(sums_at, slices);
    block.patch(sums_at + 4, runs);
    block.patch(sums_at + 8, bytes);
    instance.handed.push_back(batch.batch);
    return true;
}

bool write_acked(Block& block, const Acked& event) {
    Record out(block, RecordKind::acked);
    block.u32(static_cast<uint32_t>(event.source));
    block.u32(static_cast<uint32_t>(event.indices.size()));
    block.f64(as_number(event.batch));
    block.bytes(event.indices.data(), event.indices.size_bytes());
    return out.end();
}

uint32_t flags_of(const PublishResult& result) {
    return (result.error ? 1U : 0U) | (result.maybe_duplicate ? 2U : 0U) | (result.maybe_written ? 4U : 0U) |
           (result.reordered ? 8U : 0U);
}

bool write_published(Block& block, const Published& event) {
    Record out(block, RecordKind::published);
    block.f64(static_cast<double>(static_cast<uint64_t>(event.ticket)));
    block.u32(static_cast<uint32_t>(event.results.size()));
    const size_t text_bytes_at = block.size();
    block.u32(0);
    const size_t rows_at = block.size();
    for (const PublishResult& result : event.results) {
        block.u32(flags_of(result));
        block.u32(0);
    }
    const size_t texts_at = block.size();
    size_t row_at = rows_at;
    for (const PublishResult& result : event.results) {
        const size_t start = block.size();
        if (result.error) {
            JsonWriter(block).error(*result.error);
        } else {
            block.text(result.id);
        }
        if (block.refused()) break;
        block.patch(row_at + 4, static_cast<uint32_t>(block.size() - start));
        row_at += 8;
    }
    const auto text_bytes = static_cast<uint32_t>(block.size() - texts_at);
    if (!out.end()) return false;
    block.patch(text_bytes_at, text_bytes);
    return true;
}

bool write_told(Block& block, const Event& event) {
    Record out(block, RecordKind::event);
    const size_t size_at = block.size();
    block.u32(0);
    block.u32(0);
    const size_t start = block.size();
    JsonWriter json(block);
    write_event(json, event);
    const auto size = static_cast<uint32_t>(block.size() - start);
    if (!out.end()) return false;
    block.patch(size_at, size);
    return true;
}

bool write_any(Instance& instance, const Event& event) {
    if (const auto* const batch = std::get_if<BatchReady>(&event)) return write_batch(instance, *batch);
    if (const auto* const acked = std::get_if<Acked>(&event)) return write_acked(instance.turn, *acked);
    if (const auto* const published = std::get_if<Published>(&event)) return write_published(instance.turn, *published);
    if (!write_told(instance.turn, event)) return false;
    if (const auto* const closed = std::get_if<Closed>(&event)) forget_names(instance, closed->source);
    return true;
}

/// False when memory ended, or the turn is full, before the events did.
bool write_events(Instance& instance) {
    while (instance.turn.size() < turn_bytes_max) {
        // One that found no memory is kept with what it points to: that is valid until the next is polled.
        if (!instance.waiting_event) {
            std::optional<Event> event = instance.machine.poll_event();
            if (!event) return true;
            instance.waiting_event.emplace(*std::move(event));  // an assignment would be 3 KB of code
        }
        if (!write_any(instance, *instance.waiting_event)) return false;
        instance.waiting_event.reset();
    }
    return false;
}

bool write_action(Block& block, const Action& action) {
    if (const auto* const connect = std::get_if<Connect>(&action)) {
        Record out(block, RecordKind::connect);
        block.u32(static_cast<uint32_t>(connect->conn));
        block.u32(static_cast<uint32_t>(connect->role));
        block.f64(static_cast<double>(connect->deadline.us));
        const size_t size_at = block.size();
        block.u32(0);
        block.u32(0);
        const size_t start = block.size();
        JsonWriter json(block);
        write_endpoint(json, *connect);
        const auto size = static_cast<uint32_t>(block.size() - start);
        if (!out.end()) return false;
        block.patch(size_at, size);
        return true;
    }
    const auto* const readable = std::get_if<SetReadable>(&action);
    Record out(block, readable != nullptr ? RecordKind::readable : RecordKind::close);
    block.u32(static_cast<uint32_t>(readable != nullptr ? readable->conn : std::get<Close>(action).conn));
    block.u32(readable != nullptr && readable->readable ? 1 : 0);
    return out.end();
}

bool write_actions(Instance& instance) {
    for (;;) {
        if (!instance.waiting_action) {
            std::optional<Action> action = instance.machine.poll_action();
            if (!action) return true;
            instance.waiting_action.emplace(*std::move(action));
        }
        if (!write_action(instance.turn, *instance.waiting_action)) return false;
        instance.waiting_action.reset();
    }
}

bool write_writables(Instance& instance) {
    Block& block = instance.turn;
    constexpr size_t writable_bytes = 16;
    while (block.room(writable_bytes + timeout_bytes)) {
        const std::optional<ConnId> conn = instance.machine.poll_writable();
        if (!conn) return true;
        block.u32(static_cast<uint32_t>(RecordKind::writable));
        block.u32(writable_bytes);
        block.u32(static_cast<uint32_t>(*conn));
        block.u32(0);
    }
    block.truncate(block.size());
    return false;
}

/// Its room was kept by every record before it.
void write_timeout(Instance& instance, bool has_more) {
    const std::optional<Instant> at = instance.machine.poll_timeout();
    instance.turn.u32(static_cast<uint32_t>(RecordKind::timeout));
    instance.turn.u32(timeout_bytes);
    instance.turn.f64(at ? static_cast<double>(at->us) : -1);
    instance.turn.u32(has_more ? 1 : 0);
    instance.turn.u32(0);
}

}  // namespace

const char* run_turn(Instance& instance, Instant now) {
    for (const BatchId batch : instance.handed) instance.machine.release(batch, now);
    instance.handed.clear();
    if (const std::optional<Instant> due = instance.machine.poll_timeout(); due && *due <= now) {
        instance.machine.handle_timeout(now);
    }
    instance.turn.clear(turn_bytes_kept);
    if (instance.turn.extend(records_at) != nullptr) {
        bool is_all = write_events(instance);
        is_all = write_actions(instance) && is_all;
        is_all = write_writables(instance) && is_all;
        if (is_all || instance.turn.size() > records_at) {
            write_timeout(instance, !is_all);
            instance.turn.patch(0, static_cast<uint32_t>(instance.turn.size()));
            return instance.turn.data();
        }
    }
    fail(Error(Code::out_of_memory, "no memory for what the client has to tell; it is kept for the next turn"));
    return nullptr;
}

}  // namespace millrace::wasm
