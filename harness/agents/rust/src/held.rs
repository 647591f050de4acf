//! Batches that the harness has not settled yet, found again by stream and id.
use std::collections::{BTreeMap, HashMap};

use millrace::Batch;
use serde_json::{json, Value};

use crate::session::Released;
use crate::values::value_of;

/// A stream, and the text of an id.
pub type Key = (Vec<u8>, String);
/// The number of a batch, and a position in it.
type Place = (u64, u32);

struct Held {
    batch: Released,
    keys: Vec<Key>,
    unsettled: usize,
}

/// A request about entries, until each has its answer.
struct Request {
    re: Value,
    items: Vec<(Key, &'static str)>,
    open: usize,
}

impl Request {
    fn answer(&self) -> Value {
        let entries: Value =
            self.items.iter().map(|((stream, id), code)| json!([value_of(stream), id, code])).collect();
        json!({"event": "acked", "re": self.re, "entries": entries})
    }
}

const OK: &str = "ok";

#[derive(Default)]
pub struct HeldBatches {
    batches: HashMap<u64, Held>,
    places: HashMap<Key, Place>,
    requests: HashMap<u64, Request>,
    waiters: HashMap<Place, (u64, usize)>,
    next_request: u64,
}

impl HeldBatches {
    pub fn add(&mut self, batch: Batch, number: u64, keys: Vec<Key>) {
        for (key, index) in keys.iter().zip(0..) {
            self.places.insert(key.clone(), (number, index));
        }
        let unsettled = keys.len();
        self.batches.insert(number, Held { batch: Released::new(batch), keys, unsettled });
    }

    /// Answers once the server has acked all; at once where none waits for that.
    pub fn ack(&mut self, re: Value, keys: Vec<Key>) -> Option<Value> {
        let (mut request, settled) = self.settle(re, keys, |batch, indices| batch.ack(indices));
        if settled.is_empty() {
            return Some(request.answer());
        }
        request.open = settled.len();
        let number = self.next_request;
        self.next_request += 1;
        self.waiters.extend(settled.into_iter().map(|(item, place)| (place, (number, item))));
        self.requests.insert(number, request);
        None
    }

    /// Of nack, give_back and reject, which the server need not answer.
    pub fn settle_at_once(
        &mut self,
        re: Value,
        keys: Vec<Key>,
        command: impl Fn(&Released, &[u32]) -> millrace::Result<()>,
    ) -> Value {
        let (mut request, settled) = self.settle(re, keys, command);
        for (item, place) in settled {
            request.items[item].1 = OK;
            self.forget(place);
        }
        request.answer()
    }

    /// The server has acked these: the requests that are answered by that.
    pub fn handle_acked(&mut self, batch: u64, indices: &[u32]) -> Vec<Value> {
        let mut answers = Vec::new();
        for place in indices.iter().map(|index| (batch, *index)) {
            if let Some((number, item)) = self.waiters.remove(&place) {
                let request = self.requests.get_mut(&number).expect("a waiter has a request");
                request.items[item].1 = OK;
                request.open -= 1;
                if request.open == 0 {
                    answers.extend(self.requests.remove(&number).map(|request| request.answer()));
                }
            }
            self.forget(place);
        }
        answers
    }

    /// Asks for all of a batch's entries at once, and one by one where that is refused. Tells which were settled.
    fn settle(
        &self,
        re: Value,
        keys: Vec<Key>,
        command: impl Fn(&Released, &[u32]) -> millrace::Result<()>,
    ) -> (Request, Vec<(usize, Place)>) {
        let mut items: Vec<_> = keys.into_iter().map(|key| (key, "not_held")).collect();
        let mut shares: BTreeMap<u64, Vec<(usize, u32)>> = BTreeMap::new();
        for (item, (key, _)) in items.iter().enumerate() {
            if let Some((number, index)) = self.places.get(key) {
                shares.entry(*number).or_default().push((item, *index));
            }
        }
        let mut settled = Vec::new();
        for (number, share) in shares {
            let batch = &self.batches[&number].batch;
            let indices: Vec<u32> = share.iter().map(|(_, index)| *index).collect();
            let is_whole = command(batch, &indices).is_ok();
            for (item, index) in share {
                match if is_whole { Ok(()) } else { command(batch, &[index]) } {
                    Ok(()) => settled.push((item, (number, index))),
                    Err(error) => items[item].1 = error.code,
                }
            }
        }
        (Request { re, items, open: 0 }, settled)
    }

    fn forget(&mut self, (number, index): Place) {
        let held = match self.batches.get_mut(&number) {
            Some(held) => held,
            None => return,
        };
        // The same entry may have come again since, in a batch of its own.
        let key = &held.keys[index as usize];
        if self.places.get(key) == Some(&(number, index)) {
            self.places.remove(key);
        }
        held.unsettled -= 1;
        if held.unsettled == 0 {
            self.batches.remove(&number);
        }
    }
}
