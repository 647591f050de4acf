//! Events: what happened beside batches, as copies.
use std::time::Duration;

use millrace::{Error, Id, Result};

/// Something that happened. Names of streams, groups and consumers may be any bytes.
#[derive(Clone, Debug)]
pub enum Event {
    /// A source reads. `mode`: streams, pubsub or tail; `cursors`: where a tail begins, streams and ids.
    Ready {
        source: u32,
        mode: String,
        consumer: Vec<u8>,
        version: String,
        protocol: u32,
        cursors: Vec<Field>,
    },
    /// The server has acked the entries at these positions of a batch.
    Acked {
        source: u32,
        batch: u64,
        indices: Vec<u32>,
    },
    /// Another consumer's by now, or gone.
    Lost {
        source: u32,
        stream: Vec<u8>,
        ids: Vec<Id>,
    },
    /// Acked unseen: its canonical id was acked before.
    Duplicate {
        source: u32,
        stream: Vec<u8>,
        id: Id,
        canonical_id: Vec<u8>,
    },
    /// The group had been lost; it reads on from there.
    GroupRecreated {
        source: u32,
        stream: Vec<u8>,
        from: String,
    },
    /// What became of a publish, entry by entry; `error`: of the first that failed.
    Published {
        ticket: u64,
        results: Vec<Outcome>,
        error: Option<Error>,
    },
    Mode {
        mode: String,
        version: String,
    },
    /// A connection was lost and is tried again. `lane`: whose: read, control, publish, push or probe.
    Disconnected {
        lane: String,
        reason: &'static str,
        error: Error,
    },
    Reconnected {
        lane: String,
        attempts: u64,
    },
    /// Entries between two that a tail read were trimmed before; `missed`: so many, where that is known.
    Gap {
        source: u32,
        stream: Vec<u8>,
        read: Id,
        next: Id,
        missed: Option<u64>,
    },
    /// The stream was made anew: its last id is below what a tail had read.
    Reset {
        source: u32,
        stream: Vec<u8>,
        read: Id,
        last: Id,
    },
    /// Pub/Sub was interrupted for so long.
    Interrupted {
        source: u32,
        stream: Vec<u8>,
        lasted: Duration,
    },
    /// Past max_message_bytes: it stays pending, and is handed over nowhere. A message of Pub/Sub has no id.
    TooLarge {
        source: u32,
        stream: Vec<u8>,
        id: Option<Id>,
        bytes: u64,
    },
    /// Given up, and written to the dead stream.
    Dead {
        source: u32,
        stream: Vec<u8>,
        id: Id,
        dead: Vec<u8>,
        dead_id: Id,
        deliveries: u64,
        reason: Vec<u8>,
    },
    /// The dead stream could not be written; it is tried again.
    DeadFailed {
        source: u32,
        stream: Vec<u8>,
        id: Id,
        dead: Vec<u8>,
        error: Error,
    },
    /// `closed`: the source, or without one the client, reads no more.
    Failed {
        source: Option<u32>,
        error: Error,
        closed: bool,
    },
    Log {
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    },
    /// The last event of a source, or without one of the client. So many entries stay pending.
    Closed {
        source: Option<u32>,
        held: u64,
    },
    /// So many logs had no room since the last event of this kind.
    LogsDropped(u64),
    /// Answers `Session::dead`.
    DeadListed {
        ticket: u64,
        stream: Vec<u8>,
        dead: Vec<u8>,
        letters: Result<Vec<DeadLetter>>,
    },
    /// Answers `Session::redrive`: the ids of dead letters, and what became of each.
    Redriven {
        ticket: u64,
        stream: Vec<u8>,
        results: Vec<(Id, Outcome)>,
        error: Option<Error>,
    },
    /// A kind that is younger than this agent.
    Other(u32),
}

/// A name and a value.
pub type Field = (Vec<u8>, Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What became of an entry that was published or redriven. In Pub/Sub its id is 0-0.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub id: std::result::Result<Id, Failure>,
    /// It was sent again after an answer was lost.
    pub maybe_duplicate: bool,
    /// It ended without an answer: it may be there.
    pub maybe_written: bool,
    /// Entries that were published later went in before it.
    pub reordered: bool,
}

/// Why an entry was not written: the name of a status, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub code: &'static str,
    pub meaning: &'static str,
}

/// A dead letter in a list.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub dead_id: Id,
    /// Where it came from; none where somebody else put it there.
    pub origin: Option<Origin>,
    pub fields: Vec<Field>,
    /// Past 64 KiB fields are left out.
    pub is_cut: bool,
}

/// Of a dead letter, when it was alive.
#[derive(Clone, Debug)]
pub struct Origin {
    pub stream: Vec<u8>,
    pub id: Id,
    pub group: Vec<u8>,
    pub consumer: Vec<u8>,
    pub deliveries: u32,
    pub reason: Vec<u8>,
}
