// The scripts themselves. Each that writes begins by asking for its effects to be replicated, not itself: up to 6.2 a
// script is by default run once more at a replica, where XADD would draw another id, and servers refuse to write behind
// XPENDING or XINFO. Later servers replicate effects always, and may drop the function.
#include "command/scripts.hpp"

#include <array>

#include "base/documented.hpp"
#include "base/sha1.hpp"

namespace millrace {

namespace {

// The consumer is checked, because another may have claimed the entry: then it is no business of ours any more. An
// error of XADD (a key of another type, no memory) ends the script before XACK, and the entry stays pending.
// A redriven entry that dies again gets new dlq_ fields in place of those that redriving gave it.
constexpr std::string_view dead_letter_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
local key, group, consumer, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if #redis.call('XPENDING', key, group, id, id, 1, consumer) == 0 then return {'not_ours'} end
local found = redis.call('XRANGE', key, id, id)
if #found == 0 then return {'deleted'} end
local fields = found[1][2]
local n = #fields
if n > 4 and fields[n - 3] == 'dlq_origin_id' and fields[n - 1] == 'dlq_group' then n = n - 4 end
if n > 7800 then return {'too_many_fields'} end
local added = {'dlq_origin_id', id, 'dlq_stream', key, 'dlq_group', group, 'dlq_consumer', consumer,
  'dlq_deliveries', ARGV[4], 'dlq_error', ARGV[5]}
for i = 1, 12 do fields[n + i] = added[i] end
local dead = redis.call('XADD', KEYS[2], '*', unpack(fields, 1, n + 12))
redis.call('XACK', key, group, id)
return {'done', dead})lua";

// Two names may share a dead stream (`orders` and `{orders}`), so the letter says where it belongs.
constexpr std::string_view redrive_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then return {'gone'} end
local fields = found[1][2]
local n = #fields - 12
if n < 0 or fields[n + 1] ~= 'dlq_origin_id' or fields[n + 3] ~= 'dlq_stream' or fields[n + 5] ~= 'dlq_group'
  or fields[n + 7] ~= 'dlq_consumer' or fields[n + 9] ~= 'dlq_deliveries' or fields[n + 11] ~= 'dlq_error' then
  return {'foreign'}
end
if fields[n + 4] ~= KEYS[2] then return {'foreign'} end
if n > 7800 then return {'too_many_fields'} end
fields[n + 3], fields[n + 4] = fields[n + 5], fields[n + 6]
local id = redis.call('XADD', KEYS[2], '*', unpack(fields, 1, n + 4))
redis.call('XDEL', KEYS[1], ARGV[1])
return {'done', id})lua";

// What XACKDEL … ACKED of 8.2 does, as far as one can: an entry goes only where no other group may still want it.
constexpr std::string_view ack_delete_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, 0} end
local groups = #redis.call('XINFO', 'GROUPS', KEYS[1])
local acked = {}
for i = 2, #ARGV do
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[i]) == 1 then acked[#acked + 1] = ARGV[i] end
end
local deleted = 0
if groups == 1 and #acked > 0 then deleted = redis.call('XDEL', KEYS[1], unpack(acked)) end
return {#acked, deleted, groups})lua";

// A consumer's entries are deleted with it, so it must have none at that very moment.
constexpr std::string_view delete_consumer_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'absent' end
local idle = false
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #row, 2 do consumer[row[i]] = row[i + 1] end
  if consumer.name == ARGV[2] then
    if consumer.pending ~= 0 then return 'pending' end
    idle = consumer.idle
  end
end
if not idle then return 'absent' end
if idle < tonumber(ARGV[3]) then return 'active' end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 'deleted')lua";

// Without a time an id is remembered for ever. Where entries are to leave the stream with their ack, that is as in
// ack_delete.
constexpr std::string_view mark_seen_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
for i = 2, #KEYS do
  if ARGV[2] == '0' then redis.call('SET', KEYS[i], '1', 'NX')
  else redis.call('SET', KEYS[i], '1', 'NX', 'PX', ARGV[2]) end
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, 0} end
local acked = {}
for i = 4, #ARGV do
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[i]) == 1 then acked[#acked + 1] = ARGV[i] end
end
if ARGV[3] ~= 'delete' then return {#acked, 0, 0} end
local groups, deleted = #redis.call('XINFO', 'GROUPS', KEYS[1]), 0
if groups == 1 and #acked > 0 then deleted = redis.call('XDEL', KEYS[1], unpack(acked)) end
return {#acked, deleted, groups})lua";

constexpr std::string_view renew_lease_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2]))lua";

constexpr std::string_view free_lease_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1]))lua";

// XNACK … FAIL leaves the count of deliveries as it is, and asks not whose the entry is.
constexpr std::string_view release_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
local released = 0
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) > 0 then
    released = released + redis.call('XNACK', KEYS[1], ARGV[1], 'FAIL', 'IDS', 1, ARGV[i])
  end
end
return released)lua";

// XADD, once and with trimming. What is asked comes before what is written, so that a refusal leaves nothing half done:
// an error in front of XADD is one of the whole, one behind it is told beside the id.
//
// Once: a producer numbers its entries of a stream one by one, and has only so many of them unanswered at once, so with
// each one that far back is forgotten.
//
// Trimming: how many of the oldest may go is counted by ids that the server compares, because Lua's numbers end at 53
// bits, and MINID came with 6.2. At most 100 go with each entry, so that a stream that was never trimmed blocks nobody.
constexpr std::string_view append_lua = R"lua(if redis.replicate_commands then redis.replicate_commands() end
local key, most, age, keep, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
if KEYS[2] then
  local known = redis.call('HGET', KEYS[2], ARGV[5])
  if known then return known end
end
local function count(last, want) return redis.call('XRANGE', key, '-', last, 'COUNT', want) end
local drop = 0
if most > 0 then drop = math.min(redis.call('XLEN', key) + 1 - most, 100) end
if age > 0 then
  local time = redis.call('TIME')
  local ms = time[1] * 1000 + math.floor(time[2] / 1000) - age - 1
  if ms > 0 then drop = #count(string.format('%.0f', ms), 100) end
end
if drop > 0 and keep == '1' and redis.call('EXISTS', key) == 1 then
  for _, row in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local group = {}
    for i = 1, #row, 2 do group[row[i]] = row[i + 1] end
    if drop > 0 then drop = math.min(drop, #count(group['last-delivered-id'], drop)) end
    local pending = redis.call('XPENDING', key, group.name)
    if drop > 0 and pending[1] > 0 then
      local before = count(pending[2], drop)
      local n = #before
      if n > 0 and before[n][1] == pending[2] then n = n - 1 end
      drop = math.min(drop, n)
    end
  end
end
local id = redis.call('XADD', key, '*', unpack(ARGV, 7))
local failed
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then failed = answer.err end
  return answer
end
if KEYS[2] then
  try('HSET', KEYS[2], ARGV[5], id)
  try('HDEL', KEYS[2], ARGV[6])
  try('PEXPIRE', KEYS[2], window)
end
if drop > 0 then try('XTRIM', key, 'MAXLEN', redis.call('XLEN', key) - drop) end
if failed then return {id, failed} end
return id)lua";

constexpr Sha1Text hashes[] = {sha1(dead_letter_lua),     sha1(redrive_lua),   sha1(ack_delete_lua),
                               sha1(delete_consumer_lua), sha1(mark_seen_lua), sha1(renew_lease_lua),
                               sha1(free_lease_lua),      sha1(release_lua),   sha1(append_lua)};

constexpr Script row(ScriptId id, std::string_view name, std::string_view source, std::string_view keys,
                     std::string_view arguments, std::string_view answer) {
    const Sha1Text& hash = hashes[static_cast<size_t>(id)];
    return {id, name, source, {hash.data(), hash.size()}, documented(keys), documented(arguments), documented(answer)};
}

using enum ScriptId;

constexpr std::array rows{
    row(dead_letter, "dead_letter", dead_letter_lua, "stream, dead stream", "group, consumer, id, deliveries, error",
        "{done, id in the dead stream}, {not_ours}, {deleted} or {too_many_fields}"),
    row(redrive, "redrive", redrive_lua, "dead stream, stream", "id in the dead stream",
        "{done, new id}, {gone}, {foreign} or {too_many_fields}"),
    row(ack_delete, "ack_delete", ack_delete_lua, "stream", "group, ids", "{acked, deleted, groups of the stream}"),
    row(delete_consumer, "delete_consumer", delete_consumer_lua, "stream",
        "group, consumer, for how many ms it must have been idle", "deleted, pending, active or absent"),
    row(mark_seen, "mark_seen", mark_seen_lua, "stream, names of what was seen",
        "group, for how many ms to remember (0: for ever), keep or delete, ids to ack",
        "{acked, deleted, groups of the stream where it was asked to delete}"),
    row(renew_lease, "renew_lease", renew_lease_lua, "lease", "token, ms", "1, or 0 where it is not ours any more"),
    row(free_lease, "free_lease", free_lease_lua, "lease", "token", "1, or 0 where it is not ours any more"),
    row(release, "release", release_lua, "stream", "group, consumer, ids", "how many were released; Redis 8.8 on"),
    row(append, "append", append_lua, "stream, what the producer wrote (for once)",
        "max_len or 0, max_age in ms or 0, 1 to keep what is pending, ms to remember, number, number to forget, names "
        "and values",
        "the id, the first one of a repeat; {id, error} where marking or trimming failed behind XADD"),
};

}  // namespace

std::span<const Script> scripts() {
    return rows;
}

const Script& script(ScriptId id) {
    return rows[static_cast<size_t>(id)];
}

}  // namespace millrace
