//! Requests: each becomes a call of the client, and is answered at once or by an event.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{json, Value};

use crate::agent::{Agent, Running, DRAIN_DEFAULT};
use crate::requests::{
    array_of, configuration, keys, member, milliseconds, optional, publish_entries, publish_options, streams_of,
};
use crate::session::Session;
use crate::values::{bytes_from, id_from, value_of, Refusal};

const CAPABILITIES: &str = "streams pubsub tail publish claim nack dlq redrive dedupe drain pause many pattern config \
                            tls health stats concurrent";
/// A server that is silent is bad news soon enough.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);
const DEAD_COUNT_MAX: u64 = 1000;

impl Agent<'_> {
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
                "capabilities": CAPABILITIES.split_whitespace().collect::<Value>(),
            })),
            Some("start") => self.start(request)?,
            Some(op @ ("ack" | "nack" | "reject")) => self.settle(op, request)?,
            Some("publish") => self.publish(request)?,
            Some("dead") => self.ask_dead(request)?,
            Some("redrive") => self.redrive(request)?,
            Some("pause") => {
                self.running()?.session.pause()?;
                self.say(json!({"event": "paused", "re": re}));
            }
            Some("resume") => {
                self.running()?.session.resume()?;
                self.say(json!({"event": "resumed", "re": re}));
            }
            Some("health") => self.tell_health(re)?,
            Some("stats") => {
                let text = self.running()?.session.client.metrics()?;
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
        let session = Arc::new(Session::open(&config)?);
        self.bell.hang(Arc::clone(&session));
        self.running = Some(Running {
            session,
            config,
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
                Some(self.held.settle_at_once(re, keys, |batch, indices| batch.reject(indices, &reason)))
            }
            _ if request["release"] == json!(true) => {
                Some(self.held.settle_at_once(re, keys, |batch, indices| batch.give_back(indices)))
            }
            _ => {
                let delay = milliseconds(request, "delay_ms")?;
                Some(self.held.settle_at_once(re, keys, |batch, indices| batch.nack(indices, delay)))
            }
        };
        answer.into_iter().for_each(|answer| self.say(answer));
        Ok(())
    }

    fn publish(&mut self, request: &Value) -> Result<(), Refusal> {
        let running = self.running()?;
        let stream = bytes_from(member(request, "stream")?, "'stream'")?;
        let options = publish_options(request, &running.config)?;
        let ticket = running.session.publish(&stream, &publish_entries(request)?, options.as_ref())?;
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
        let ticket =
            self.running()?.session.dead(&self.stream_of(request)?, after, count.min(DEAD_COUNT_MAX) as u32)?;
        self.asked.insert(ticket, request["re"].clone());
        Ok(())
    }

    fn redrive(&mut self, request: &Value) -> Result<(), Refusal> {
        let ids = array_of(member(request, "ids")?, "'ids'")?.iter().map(id_from).collect::<Result<Vec<_>, _>>()?;
        let ticket = self.running()?.session.redrive(&self.stream_of(request)?, &ids)?;
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
        let text = running.session.health(LOOK_TIMEOUT)?;
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
            Some(running) => running.session.drain(timeout)?,
            None => self.say_drained(0),
        }
        Ok(())
    }
}
