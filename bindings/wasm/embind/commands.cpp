// The flat exports: what is called in every turn. Arguments are numbers; what is longer stands in a scratch. In Embind
// a call costs ten times as much.
#include <emscripten.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>

#include "block.hpp"
#include "instance.hpp"
#include "turn.hpp"

namespace millrace::wasm {
namespace {

Block scratch;
Block publish_table;  // fields of the publish, and behind them its entries
uint32_t room_bytes = 0;

/// Of a scratch or table that once was large.
constexpr size_t scratch_bytes_kept = 64 * 1024;
constexpr uint32_t all_entries = 0xffffffff;

uint32_t address(const void* memory) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(memory));
}

BatchId batch_id(double number) {
    BatchId batch;
    std::memcpy(&batch, &number, sizeof batch);
    return batch;
}

/// Indices at the front of the scratch; none when it has fewer.
std::optional<EntrySet> entries_of(uint32_t count) {
    if (count == all_entries) return EntrySet::all();
    if (count > scratch.size() / sizeof(uint32_t)) return std::nullopt;
    return EntrySet::of({reinterpret_cast<const uint32_t*>(scratch.data()), count});
}

uint32_t bad_scratch() {
    return fail(Error(Code::bad_argument, "the scratch does not hold what the call says"));
}

/// Takes the words of a publish off the front of the scratch, and its bytes from behind them.
class PublishReader {
  public:
    explicit PublishReader(std::string_view given) : words_(given) {}

    [[nodiscard]] uint32_t word() {
        uint32_t value = 0;
        if (words_.size() < sizeof value) {
            is_bad_ = true;
        } else {
            std::memcpy(&value, words_.data(), sizeof value);
            words_.remove_prefix(sizeof value);
        }
        return value;
    }
    /// Once all words are taken, what is left is bytes.
    [[nodiscard]] std::string_view bytes(uint32_t size) {
        if (size > words_.size()) {
            is_bad_ = true;
            return {};
        }
        const std::string_view taken = words_.substr(0, size);
        words_.remove_prefix(size);
        return taken;
    }
    void skip(size_t size) { (void)bytes(static_cast<uint32_t>(size)); }
    [[nodiscard]] bool is_bad() const { return is_bad_; }
    [[nodiscard]] size_t left() const { return words_.size(); }

  private:
    std::string_view words_;
    bool is_bad_ = false;
};

/// -1 when it is refused.
double publish(Instance& instance, const PublishConfig& options, std::string_view given, bool has_waited, Instant now) {
    PublishReader words(given);
    const uint32_t stream_bytes = words.word();
    const uint32_t entry_count = words.word();
    // Twice over the words: how many fields there are, so that the table is made at once, and then what they are.
    PublishReader bytes = words;
    size_t field_count = 0;
    for (uint32_t i = 0; i < entry_count && !bytes.is_bad(); ++i) {
        const uint32_t fields = bytes.word();
        field_count += fields;
        if (fields > bytes.left() / 8) return bad_scratch(), -1;
        bytes.skip(size_t{fields} * 8);
    }
    const std::string_view stream = bytes.bytes(stream_bytes);
    if (bytes.is_bad()) return bad_scratch(), -1;
    publish_table.clear(scratch_bytes_kept);
    char* const table = publish_table.extend(field_count * sizeof(Field) + entry_count * sizeof(PublishEntry));
    if (table == nullptr) return fail(Error(Code::out_of_memory, "no memory for what is to be published")), -1;
    auto* field = reinterpret_cast<Field*>(table);
    auto* const entries = reinterpret_cast<PublishEntry*>(field + field_count);
    for (uint32_t i = 0; i < entry_count; ++i) {
        const uint32_t fields = words.word();
        entries[i].fields = {field, fields};
        for (uint32_t j = 0; j < fields; ++j, ++field) {
            const uint32_t name_bytes = words.word();
            const uint32_t value_bytes = words.word();
            field->name = bytes.bytes(name_bytes);
            field->value = bytes.bytes(value_bytes);
        }
    }
    if (bytes.is_bad()) return bad_scratch(), -1;
    const Result<Ticket> ticket = instance.machine.publish({stream, {entries, entry_count}, options, has_waited}, now);
    if (!ticket) return fail(ticket.error()), -1;
    return static_cast<double>(static_cast<uint64_t>(*ticket));
}

}  // namespace
}  // namespace millrace::wasm

using namespace millrace;
using namespace millrace::wasm;

extern "C" {

// ---- a turn

EMSCRIPTEN_KEEPALIVE uint32_t mr_turn(uint32_t handle, double now) {
    Instance* const instance = find(handle);
    return instance == nullptr ? 0 : address(run_turn(*instance, instant(now)));
}

EMSCRIPTEN_KEEPALIVE uint32_t mr_scratch(uint32_t bytes) {
    scratch.clear(bytes > scratch_bytes_kept ? bytes : scratch_bytes_kept);
    // Never nothing at all: 0 says that memory was refused.
    if (!scratch.room(bytes + sizeof(double))) {
        fail(Error(Code::out_of_memory, "no memory for the arguments of a call"));
        return 0;
    }
    return address(scratch.extend(bytes));
}

EMSCRIPTEN_KEEPALIVE void mr_wall(uint32_t handle, double wall, double now) {
    if (Instance* const instance = find(handle)) {
        instance->machine.handle_wall_clock({static_cast<int64_t>(wall)}, instant(now));
    }
}

// ---- connections

EMSCRIPTEN_KEEPALIVE uint32_t mr_room(uint32_t handle, uint32_t conn, uint32_t hint) {
    Instance* const instance = find(handle);
    room_bytes = 0;
    if (instance == nullptr) return 0;
    const std::span<std::byte> room = instance->machine.input_room(ConnId{conn}, hint);
    room_bytes = static_cast<uint32_t>(room.size());
    return room.empty() ? 0 : address(room.data());
}

EMSCRIPTEN_KEEPALIVE uint32_t mr_room_size() {
    return room_bytes;
}

EMSCRIPTEN_KEEPALIVE void mr_fed(uint32_t handle, uint32_t conn, uint32_t bytes, double now) {
    if (Instance* const instance = find(handle)) instance->machine.handle_input(ConnId{conn}, bytes, instant(now));
}

EMSCRIPTEN_KEEPALIVE void mr_connected(uint32_t handle, uint32_t conn, double now) {
    if (Instance* const instance = find(handle)) instance->machine.handle_connected(ConnId{conn}, instant(now));
}

EMSCRIPTEN_KEEPALIVE void mr_disconnected(uint32_t handle, uint32_t conn, uint32_t reason, double now) {
    if (reason > static_cast<uint32_t>(DisconnectReason::tls_failed)) {
        reason = static_cast<uint32_t>(DisconnectReason::reset);
    }
    if (Instance* const instance = find(handle)) {
        instance->machine.handle_disconnected(ConnId{conn}, static_cast<DisconnectReason>(reason), instant(now));
    }
}

EMSCRIPTEN_KEEPALIVE uint32_t mr_transmit(uint32_t handle, uint32_t conn) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return 0;
    const std::span<const ConstBytes> parts = instance->machine.transmit(ConnId{conn});
    instance->transmit.clear(scratch_bytes_kept);
    instance->transmit.u32(static_cast<uint32_t>(parts.size()));
    for (const ConstBytes part : parts) {
        instance->transmit.u32(address(part.data()));
        instance->transmit.u32(static_cast<uint32_t>(part.size()));
    }
    if (!instance->transmit.refused()) return address(instance->transmit.data());
    fail(Error(Code::out_of_memory, "no memory to tell what is to be sent"));
    return 0;
}

EMSCRIPTEN_KEEPALIVE void mr_sent(uint32_t handle, uint32_t conn, uint32_t bytes) {
    if (Instance* const instance = find(handle)) instance->machine.advance_transmit(ConnId{conn}, bytes);
}

// ---- batches

EMSCRIPTEN_KEEPALIVE uint32_t mr_ack(uint32_t handle, double batch, uint32_t count, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    const std::optional<EntrySet> entries = entries_of(count);
    if (!entries) return bad_scratch();
    return status_of(instance->machine.ack(batch_id(batch), *entries, instant(now)));
}

EMSCRIPTEN_KEEPALIVE uint32_t mr_nack(uint32_t handle, double batch, uint32_t count, double delay_us, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    const std::optional<EntrySet> entries = entries_of(count);
    if (!entries) return bad_scratch();
    std::optional<Duration> delay;
    if (delay_us >= 0) delay = Duration{static_cast<int64_t>(delay_us)};
    return status_of(instance->machine.nack(batch_id(batch), *entries, delay, instant(now)));
}

EMSCRIPTEN_KEEPALIVE uint32_t mr_give_back(uint32_t handle, double batch, uint32_t count, double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    const std::optional<EntrySet> entries = entries_of(count);
    if (!entries) return bad_scratch();
    return status_of(instance->machine.give_back(batch_id(batch), *entries, instant(now)));
}

EMSCRIPTEN_KEEPALIVE uint32_t mr_reject(uint32_t handle, double batch, uint32_t count, uint32_t error_bytes,
                                        double now) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return static_cast<uint32_t>(Code::closed);
    const std::optional<EntrySet> entries = entries_of(count);
    const size_t error_at = count == all_entries ? 0 : count * sizeof(uint32_t);
    if (!entries || error_bytes > scratch.size() - error_at) return bad_scratch();
    const std::string_view error = scratch.text().substr(error_at, error_bytes);
    return status_of(instance->machine.reject(batch_id(batch), *entries, error, instant(now)));
}

// ---- publishing

EMSCRIPTEN_KEEPALIVE double mr_publish(uint32_t handle, uint32_t publisher, uint32_t bytes, double now,
                                       uint32_t has_waited) {
    Instance* const instance = find(handle);
    if (instance == nullptr) return -1;
    if (publisher >= instance->publishers.size()) {
        return fail(Error(Code::bad_argument, "publish: no such publisher")), -1;
    }
    if (bytes > scratch.size()) return bad_scratch(), -1;
    return publish(*instance, instance->publishers[publisher], scratch.text().substr(0, bytes), has_waited != 0,
                   instant(now));
}
}
