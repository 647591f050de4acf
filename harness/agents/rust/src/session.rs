//! The crate's client, and what of the C ABI the agent needs beside it: one source, requests with tickets, events, and
//! a loop that the agent turns.
use std::mem::{size_of, zeroed};
use std::ptr::null_mut;
use std::sync::Mutex;
use std::time::Duration;

use millrace::ffi::{self as c, check, mr_client, mr_error, mr_status};
use millrace::{Batch, Client, Id, Result};

use crate::config::{borrow, c_text, Config};
use crate::event::{Event, Field};
use crate::ffi;

const EVENT_MAX: u32 = 4096;

pub struct Session {
    /// Of what the crate wraps: next, close, metrics.
    pub client: Client,
    source: u32,
    /// An event is borrowed until the next one is polled: one thread at a time.
    polling: Mutex<()>,
}

impl Session {
    /// Opens a source, as the configuration says.
    pub fn open(config: &Config) -> Result<Session> {
        let size = size_of::<c::mr_client_options>();
        let options =
            c::mr_client_options { size, thread: ffi::MR_THREAD_NONE, event_max: EVENT_MAX, log_fd: 0, log_level: 0 };
        let (mut raw, mut source) = (null_mut(), 0);
        // SAFETY: all that is handed over lives for the call, here and below; the client becomes ours.
        let client = unsafe {
            c::mr_client_new(config.as_raw(), &options, &mut raw)?;
            Client::from_raw(raw)
        };
        unsafe { c::mr_client_open(raw, config.as_raw(), &mut source)? }
        Ok(Session { client, source, polling: Mutex::new(()) })
    }
    pub fn pause(&self) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_pause(client, self.source, error) })
    }
    pub fn resume(&self) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_resume(client, self.source, error) })
    }
    pub fn drain(&self, timeout: Duration) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_drain(client, micros(timeout), error) })
    }
    /// One turn of the loop: waits until something happens, and does what is to be done.
    pub fn wait(&self) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_wait(client, -1, error) })
    }
    /// Ends a `wait`, once.
    pub fn wake(&self) {
        unsafe { ffi::mr_client_wake(self.client.as_raw()) }
    }
    /// How the source is, as a JSON object. The server is asked first, and waited for.
    pub fn health(&self, timeout: Duration) -> Result<String> {
        let mut text = c::mr_text { data: null_mut(), size: 0 };
        self.call(|client, error| unsafe {
            ffi::mr_client_health_json(client, self.source, micros(timeout), &mut text, error)
        })?;
        // SAFETY: after success it is text, and ours to free.
        let copy = String::from_utf8_lossy(unsafe { c::array(text.data, text.size) }).into_owned();
        unsafe { c::mr_text_free(&mut text) }
        Ok(copy)
    }
    /// The oldest event that waits.
    pub fn poll_event(&self) -> Option<Event> {
        let _one_at_a_time = self.polling.lock().expect("nobody panics with it");
        // SAFETY: numbers and pointers, for which zeroes are a value; what it points to lives while we hold the lock.
        unsafe {
            let mut event = ffi::mr_event { size: size_of::<ffi::mr_event>(), ..zeroed() };
            ffi::mr_client_poll_event(self.client.as_raw(), &mut event);
            Event::copy(&event)
        }
    }

    /// Queues a copy of the entries; `Event::Published` with the ticket answers.
    pub fn publish(&self, stream: &[u8], entries: &[Vec<Field>], config: Option<&Config>) -> Result<u64> {
        let field = |(name, value): &Field| c::mr_field { name: borrow(name), value: borrow(value) };
        let fields: Vec<Vec<_>> = entries.iter().map(|entry| entry.iter().map(field).collect()).collect();
        let entry = |fields: &Vec<_>| c::mr_publish_entry { fields: fields.as_ptr(), field_count: fields.len() };
        let entries: Vec<_> = fields.iter().map(entry).collect();
        let publish = c::mr_publish {
            size: size_of::<c::mr_publish>(),
            stream: borrow(stream),
            entries: entries.as_ptr(),
            entry_count: entries.len(),
            config: config.map_or(std::ptr::null(), Config::as_raw),
        };
        let mut ticket = 0;
        self.call(|client, error| unsafe { ffi::mr_client_publish_async(client, &publish, &mut ticket, error) })?;
        Ok(ticket)
    }
    /// Asks for dead letters of the stream that they came from, behind `after`; `Event::DeadListed` answers.
    pub fn dead(&self, stream: &[u8], after: Id, count: u32) -> Result<u64> {
        let mut ticket = 0;
        self.call(|client, error| unsafe {
            ffi::mr_client_dead(client, borrow(stream), after, count, &mut ticket, error)
        })?;
        Ok(ticket)
    }
    /// Puts dead letters back at the end of the stream that they came from; `Event::Redriven` answers.
    pub fn redrive(&self, stream: &[u8], dead_ids: &[Id]) -> Result<u64> {
        let mut ticket = 0;
        self.call(|client, error| unsafe {
            let stream = borrow(stream);
            ffi::mr_client_redrive(client, stream, dead_ids.as_ptr(), dead_ids.len(), &mut ticket, error)
        })?;
        Ok(ticket)
    }

    fn call(&self, call: impl FnOnce(*mut mr_client, *mut mr_error) -> mr_status) -> Result<()> {
        check(|error| call(self.client.as_raw(), error))
    }
}

/// Why a batch was handed over, and its number, as events name it.
pub fn reason_and_number(batch: &Batch) -> (&'static str, u64) {
    // SAFETY: numbers and pointers, for which zeroes are a value; the batch lives.
    let mut view = c::mr_batch_view { size: size_of::<c::mr_batch_view>(), ..unsafe { zeroed() } };
    let status = unsafe { c::mr_batch_read(batch.as_raw(), &mut view) };
    assert_eq!(status, 0, "a batch that was read once can be read again");
    let reason = match view.reason {
        ffi::MR_FLUSH_SIZE => "size",
        ffi::MR_FLUSH_INTERVAL => "flush",
        _ => "recovery",
    };
    (reason, view.batch)
}

/// A batch that nobody reads any more: its bytes are freed, and it can be settled as before.
pub struct Released(Batch);

impl Released {
    pub fn new(batch: Batch) -> Released {
        // SAFETY: we own it, so that no entry is borrowed; and settling alone is possible from here on.
        unsafe { ffi::mr_batch_release(batch.as_raw()) };
        Released(batch)
    }
    pub fn ack(&self, indices: &[u32]) -> Result<()> {
        self.0.ack_some(indices)
    }
    pub fn nack(&self, indices: &[u32], delay: Option<Duration>) -> Result<()> {
        self.0.nack(Some(indices), delay)
    }
    pub fn give_back(&self, indices: &[u32]) -> Result<()> {
        self.0.give_back(Some(indices))
    }
    pub fn reject(&self, indices: &[u32], reason: &str) -> Result<()> {
        self.0.reject(Some(indices), reason)
    }
}

pub fn parse_id(text: &str) -> Result<Id> {
    let (text, mut id) = (c_text(text)?, Id::default());
    // SAFETY: both live for the call.
    check(|error| unsafe { ffi::mr_id_parse(text.as_ptr(), &mut id, error) })?;
    Ok(id)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
