// What an answer to each question must look like, so that whoever asked need not doubt its shape. It knows no command,
// and nothing of what an answer means.
#pragma once

#include <cstdint>
#include <string>

#include "resp/tree.hpp"

namespace millrace {

/// The shape of an answer that is no error. An error may answer everything.
enum class Answer : uint8_t {
    any,              ///< whoever asked looks at it
    word,             ///< `OK`, or what a script says
    word_or_nil,      ///< SET … NX
    number,           ///< an integer
    numbers,          ///< XACKDEL, and the scripts that ack
    id,               ///< XADD
    appended,         ///< the script that appends: an id, or [id, what failed behind it]
    queued_number,    ///< PUBLISH behind MULTI: QUEUED, or where MULTI was refused the number
    queued_id,        ///< the same of what answers `id` or `appended`
    results,          ///< EXEC: a list, each an error or what its command answers
    items,            ///< COMMAND INFO: a list of anything
    outcome,          ///< scripts that tell what they did: [word, …]
    texts,            ///< MGET, … JUSTID, TIME: a list of texts, some of them nil
    named,            ///< XINFO STREAM: names and values in turn, which is a map in RESP3
    rows,             ///< XINFO GROUPS, XINFO CONSUMERS: a list of `named`
    pending,          ///< XPENDING with a range: a list of [id, consumer, idle, deliveries]
    pending_summary,  ///< XPENDING without: [how many, first id, last id, consumers]
    claimed_ids,      ///< XAUTOCLAIM … JUSTID: [id, texts], from 7.0 on [id, texts, texts]
    keys,             ///< SCAN: [cursor, texts]
    entries,          ///< what has gone to a sink entry by entry, or nil
};

[[nodiscard]] bool is_answer(Answer wanted, const resp::Reply& reply);

/// What is wrong with a reply for which is_answer is false: `expected an integer, got a map of 4`. Nothing of what it
/// holds is quoted.
[[nodiscard]] std::string describe_mismatch(Answer wanted, const resp::Reply& reply);

}  // namespace millrace
