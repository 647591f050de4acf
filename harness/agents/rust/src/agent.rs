//! The agent: requests become calls of the client, and its events become answers.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millrace::{Client, Config, Event, Options, Source, Thread, Ticket};
use serde_json::{json, Value};

use crate::events::{batch_event, error_event, event_of, letter, outcome, ready_event, redriven};
use crate::held::HeldBatches;
use crate::output::Output;
use crate::requests::{
    array_of, configuration, keys, member, milliseconds, optional, publish_entries, publish_options, streams_of,
};
use crate::values::{bytes_from, id_from, value_of, Refusal};
use crate::Bell;

const CAPABILITIES: [&str; 18] = [
    "streams",
    "pubsub",
    "tail",
    "publish",
    "claim",
    "nack",
    "dlq",
    "redrive",
    "dedupe",
    "drain",
    "pause",
    "many",
    "pattern",
    "config",
    "tls",
    "health",
    "stats",
    "concurrent",
];
const EVENT_MAX: u32 = 4096;
const DRAIN_DEFAULT: Duration = Duration::from_secs(5);
/// A server that is silent is bad news soon enough.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);
const DEAD_COUNT_MAX: u64 = 1000;

/// What a start has made.
struct Running {
    client: Arc<Client>,
    config: Config,
    source: Source,
    start_re: Value,
    /// The only stream of the source: that of dead letters that a request does not name.
    stream: Vec<u8>,
    is_ready: bool,
    /// What has no group is not acked, and not kept.
    keeps: bool,
    /// No batch comes any more.
    has_ended: bool,
}

pub struct Agent<'a> {
    output: &'a Output,
    bell: Bell,
    running: Option<Running>,
    held: HeldBatches,
    asked: HashMap<Ticket, Value>,
    drain_re: Value,
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
            if running.client.wait(None).is_err() {
                self.running = None;
            }
        }
    }

    /// At the end of stdin.
    pub fn end(&mut self) {
        let held = self.running.as_ref().map_or(0, |running| running.client.close(DRAIN_DEFAULT).unwrap_or(0));
        self.tell_events();
        self.say_drained(held); // unless its event told it
    }

    pub fn handle_line(&mut self, line: &[u8]) {
        let request: Value = serde_json::from_slice(line).unwrap_or(Value::Null);
        if let Err(refusal) = self.handle_request(&request) {
            self.say_answer(&request["re"], refusal.event());
        }
    }

    fn handle_request(&mut self, request: &Value) -> Result<(), Refusal> {
        let re = &request["re"];
        match request["op"].as_str() {
            Some("hello") => self.say(json!({
                "event": "hello",
                "re": re,
                "protocol": 1,
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "capabilities": CAPABILITIES,
            })),
            Some("start") => self.start(request)?,
            Some(op @ ("ack" | "nack" | "reject")) => self.settle(op, request)?,
            Some("publish") => self.publish(request)?,
            Some("dead") => self.ask_dead(request)?,
            Some("redrive") => self.redrive(request)?,
            Some("pause") => {
                self.running()?.client.pause(self.running()?.source)?;
                self.say(json!({"event": "paused", "re": re}));
            }
            Some("resume") => {
                self.running()?.client.resume(self.running()?.source)?;
                self.say(json!({"event": "resumed", "re": re}));
            }
            Some("health") => self.tell_health(re)?,
            Some("stats") => {
                let text = self.running()?.client.metrics()?;
                self.say(json!({"event": "stats", "re": re, "text": text}));
            }
            Some("drain") => self.drain(request)?,
            _ => return Err(Refusal::bad(format!("a request is an object with a known 'op', not {request}"))),
        }
        Ok(())
    }

    fn running(&self) -> Result<&Running, Refusal> {
        self.running.as_ref().ok_or_else(|| Refusal::bad("nothing is started"))
    }

    fn start(&mut self, request: &Value) -> Result<(), Refusal> {
        if self.running.is_some() {
            return Err(Refusal::bad("start: there is a source already"));
        }
        let config = configuration(request)?;
        let client = Arc::new(Client::new(&config, Options { thread: Thread::None, event_max: EVENT_MAX })?);
        let source = client.open()?;
        self.bell.hang(Arc::clone(&client));
        self.running = Some(Running {
            client,
            config,
            source,
            start_re: request["re"].clone(),
            stream: streams_of(request)?.into_iter().next().unwrap_or_default(),
            is_ready: false,
            keeps: optional(request, "group").map_or(false, |group| group != ""),
            has_ended: false,
        });
        Ok(())
    }

    fn settle(&mut self, op: &str, request: &Value) -> Result<(), Refusal> {
        let (keys, re) = (keys(request)?, request["re"].clone());
        if !self.running()?.keeps {
            let entries: Value = keys.iter().map(|(stream, id)| json!([value_of(stream), id, "ok"])).collect();
            self.say(json!({"event": "acked", "re": re, "entries": entries}));
            return Ok(());
        }
        let answer = match op {
            "ack" => self.held.ack(re, keys),
            "reject" => {
                let reason = bytes_from(member(request, "error")?, "'error'")?;
                let reason = String::from_utf8_lossy(&reason);
                Some(self.held.settle_at_once(re, keys, |batch, indices| batch.reject_some(indices, &reason)))
            }
            _ if request["release"] == json!(true) => {
                Some(self.held.settle_at_once(re, keys, |batch, indices| batch.give_back_some(indices)))
            }
            _ => {
                let delay = milliseconds(request, "delay_ms")?;
                Some(self.held.settle_at_once(re, keys, |batch, indices| batch.nack_some(indices, delay)))
            }
        };
        answer.into_iter().for_each(|answer| self.say(answer));
        Ok(())
    }

    fn publish(&mut self, request: &Value) -> Result<(), Refusal> {
        let running = self.running()?;
        let stream = bytes_from(member(request, "stream")?, "'stream'")?;
        let options = publish_options(request, &running.config)?;
        let ticket = running.client.publish_async(stream, &publish_entries(request)?, options.as_ref())?;
        self.asked.insert(ticket, request["re"].clone());
        Ok(())
    }

    /// `stream` says whose dead letters, where the source has several; `after` and `count` make pages.
    fn ask_dead(&mut self, request: &Value) -> Result<(), Refusal> {
        let after = optional(request, "after").map_or(Ok(Default::default()), id_from)?;
        let count = match optional(request, "count") {
            Some(count) => {
                count.as_u64().ok_or_else(|| Refusal::bad(format!("'count' must be a number, not {count}")))?
            }
            None => DEAD_COUNT_MAX,
        };
        let ticket = self.running()?.client.dead(self.stream_of(request)?, after, count.min(DEAD_COUNT_MAX) as u32)?;
        self.asked.insert(ticket, request["re"].clone());
        Ok(())
    }

    fn redrive(&mut self, request: &Value) -> Result<(), Refusal> {
        let ids = array_of(member(request, "ids")?, "'ids'")?.iter().map(id_from).collect::<Result<Vec<_>, _>>()?;
        let ticket = self.running()?.client.redrive(self.stream_of(request)?, &ids)?;
        self.asked.insert(ticket, request["re"].clone());
        Ok(())
    }

    fn stream_of(&self, request: &Value) -> Result<Vec<u8>, Refusal> {
        match optional(request, "stream") {
            Some(stream) => bytes_from(stream, "'stream'"),
            None => Ok(self.running()?.stream.clone()),
        }
    }

    /// With the figures as the server tells them now, unless it tells nothing.
    fn tell_health(&mut self, re: &Value) -> Result<(), Refusal> {
        let running = self.running()?;
        let text = running.client.health(running.source, LOOK_TIMEOUT)?;
        let mut health: Value = serde_json::from_str(&text).map_err(|error| Refusal::bad(error.to_string()))?;
        health["event"] = json!("health");
        health["re"] = re.clone();
        self.say(health);
        Ok(())
    }

    fn drain(&mut self, request: &Value) -> Result<(), Refusal> {
        let timeout = milliseconds(request, "timeout_ms")?.unwrap_or(DRAIN_DEFAULT);
        self.drain_re = request["re"].clone();
        match &self.running {
            Some(running) => running.client.drain(timeout)?,
            None => self.say_drained(0),
        }
        Ok(())
    }

    /// Whether a batch was there.
    fn hand_over(&mut self) -> bool {
        let mut has_handed = false;
        while let Some(running) = self.running.as_mut().filter(|running| !running.has_ended) {
            if self.output.is_full() {
                break;
            }
            let batch = match running.client.next(None, Some(Duration::ZERO)) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(_) => {
                    running.has_ended = true; // an event tells why
                    break;
                }
            };
            has_handed = true;
            self.output.say(&batch_event(&batch));
            if running.keeps {
                let keys = batch.iter().map(|entry| (entry.stream().to_vec(), entry.id().to_string())).collect();
                self.held.add(batch, keys);
            }
        }
        has_handed
    }

    /// Whether an event was there.
    fn tell_events(&mut self) -> bool {
        let mut has_told = false;
        while let Some(event) = self.running.as_ref().and_then(|running| running.client.poll_event()) {
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

    fn answer(&mut self, ticket: Ticket, event: Value) {
        let re = self.asked.remove(&ticket).unwrap_or(Value::Null);
        self.say_answer(&re, event);
    }

    fn say_answer(&self, re: &Value, mut event: Value) {
        if !re.is_null() {
            event["re"] = re.clone();
        }
        self.say(event);
    }

    fn say_drained(&mut self, held: u64) {
        if !self.has_finished {
            self.has_finished = true;
            self.say_answer(&self.drain_re.clone(), json!({"event": "drained", "held": held}));
        }
    }

    fn say(&self, event: Value) {
        self.output.say(&event);
    }
}
