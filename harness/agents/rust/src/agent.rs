//! The agent: what it is and what it tells. Requests are handled in commands.rs.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{json, Value};

use crate::config::Config;
use crate::event::Event;
use crate::events::{batch_event, error_event, event_of, letter, outcome, ready_event, redriven};
use crate::held::HeldBatches;
use crate::output::Output;
use crate::session::{reason_and_number, Session};
use crate::values::value_of;
use crate::Bell;

pub const DRAIN_DEFAULT: Duration = Duration::from_secs(5);

/// What a start has made.
pub struct Running {
    pub session: Arc<Session>,
    pub config: Config,
    pub start_re: Value,
    /// The only stream of the source: that of dead letters that a request does not name.
    pub stream: Vec<u8>,
    pub is_ready: bool,
    /// What has no group is not acked, and not kept.
    pub keeps: bool,
    /// No batch comes any more.
    pub has_ended: bool,
}

pub struct Agent<'a> {
    output: &'a Output,
    pub bell: Bell,
    pub running: Option<Running>,
    pub held: HeldBatches,
    pub asked: HashMap<u64, Value>,
    pub drain_re: Value,
    has_finished: bool,
}

impl<'a> Agent<'a> {
    pub fn new(output: &'a Output, bell: Bell) -> Agent<'a> {
        let held = HeldBatches::default();
        Agent { output, bell, running: None, held, asked: HashMap::new(), drain_re: Value::Null, has_finished: false }
    }
    pub fn has_finished(&self) -> bool {
        self.has_finished
    }
    /// Whether there is a loop to turn.
    pub fn turns(&self) -> bool {
        self.running.is_some()
    }

    /// Hands over what has come and tells what has happened, until nothing is left.
    pub fn work(&mut self) {
        while self.running.is_some() && !self.has_finished {
            let has_handed = self.hand_over();
            let has_told = self.tell_events();
            if !has_handed && !has_told {
                return;
            }
        }
    }

    /// Turns the loop until something happens.
    pub fn wait(&mut self) {
        if let Some(running) = &self.running {
            if running.session.wait().is_err() {
                self.running = None;
            }
        }
    }

    /// At the end of stdin.
    pub fn end(&mut self) {
        let held = self.running.as_ref().map_or(0, |running| running.session.client.close(DRAIN_DEFAULT).unwrap_or(0));
        self.tell_events();
        self.say_drained(held); // unless its event told it
    }

    /// Whether a batch was there.
    fn hand_over(&mut self) -> bool {
        let mut has_handed = false;
        while let Some(running) = self.running.as_mut().filter(|running| !running.has_ended) {
            if self.output.is_full() {
                break;
            }
            let batch = match running.session.client.next(Some(Duration::ZERO)) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(_) => {
                    running.has_ended = true; // an event tells why
                    break;
                }
            };
            has_handed = true;
            // What it is of may have become ready in the same turn, and whether it is to be acked is told by that.
            self.tell_events();
            let (reason, number) = reason_and_number(&batch);
            self.say(batch_event(&batch, reason));
            if self.running.as_ref().map_or(false, |running| running.keeps) {
                let keys = batch.iter().map(|entry| (entry.stream().to_vec(), entry.id().to_string())).collect();
                self.held.add(batch, number, keys);
            }
        }
        has_handed
    }

    /// Whether an event was there.
    fn tell_events(&mut self) -> bool {
        let mut has_told = false;
        while let Some(event) = self.running.as_ref().and_then(|running| running.session.poll_event()) {
            has_told = true;
            self.handle_event(event);
        }
        has_told
    }

    fn handle_event(&mut self, event: Event) {
        let running = match &mut self.running {
            Some(running) => running,
            None => return,
        };
        match event {
            Event::Ready { mode, consumer, version, protocol, cursors, .. } => {
                running.is_ready = true;
                running.keeps = mode == "streams";
                let event = ready_event(&running.start_re, &mode, &consumer, protocol, &version, &cursors);
                self.say(event);
            }
            Event::Acked { batch, indices, .. } => {
                self.held.handle_acked(batch, &indices).into_iter().for_each(|answer| self.say(answer));
            }
            Event::Failed { error, closed, .. } => {
                // What ends the source before it was ready is the answer to start.
                let re = if closed && !running.is_ready { running.start_re.clone() } else { Value::Null };
                let mut event = error_event(error);
                if closed {
                    event["closed"] = json!(true);
                }
                self.say_answer(&re, event);
            }
            Event::Closed { source: None, held } => self.say_drained(held),
            Event::Published { ticket, results, .. } => {
                let results: Value = results.iter().map(outcome).collect();
                self.answer(ticket, json!({"event": "published", "results": results}));
            }
            Event::DeadListed { ticket, stream, dead, letters } => {
                let event = letters.map_or_else(error_event, |letters| {
                    let entries: Value = letters.iter().map(letter).collect();
                    let (stream, dead) = (value_of(&stream), value_of(&dead));
                    json!({"event": "dead", "stream": stream, "dead_stream": dead, "entries": entries})
                });
                self.answer(ticket, event);
            }
            Event::Redriven { ticket, stream, results, .. } => {
                let results: Value = results.iter().map(redriven).collect();
                self.answer(ticket, json!({"event": "redriven", "stream": value_of(&stream), "results": results}));
            }
            other => event_of(other).into_iter().for_each(|event| self.say(event)),
        }
    }

    fn answer(&mut self, ticket: u64, event: Value) {
        let re = self.asked.remove(&ticket).unwrap_or(Value::Null);
        self.say_answer(&re, event);
    }

    pub fn say_answer(&self, re: &Value, mut event: Value) {
        if !re.is_null() {
            event["re"] = re.clone();
        }
        self.say(event);
    }

    pub fn say_drained(&mut self, held: u64) {
        if !self.has_finished {
            self.has_finished = true;
            self.say_answer(&self.drain_re.clone(), json!({"event": "drained", "held": held}));
        }
    }

    pub fn say(&self, event: Value) {
        self.output.say(&event);
    }
}
