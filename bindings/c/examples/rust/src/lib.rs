//! Reliable delivery over Redis Streams: a safe wrapper of libmillrace, by its C ABI.
//!
//! ```no_run
//! # fn main() -> millrace::Result<()> {
//! let client = millrace::Client::connect("redis://localhost:6379?streams=orders&group=billing")?;
//! client.open()?;
//! for batch in client.batches() {
//!     let batch = batch?;
//!     for entry in &batch {
//!         println!("{} {:?}", entry.id(), entry.field("payload"));
//!     }
//!     batch.ack()?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What is not acked is delivered again. A thread of the client's own sends acks and heartbeats while you work; every
//! method of [`Client`] and [`Batch`] may be called from any thread, and waits for nothing where it does not say so.
//!
//! To build, libmillrace must be there: pkg-config is asked, or MILLRACE_LIB_DIR names its directory.

mod batch;
mod config;
mod copy;
mod entry;
mod error;
mod event;
mod ffi;
mod publish;

use std::fmt;
use std::os::raw::c_int;
use std::ptr::{null, null_mut, NonNull};
use std::sync::Mutex;
use std::time::Duration;

pub use batch::{Batch, Entries, Reason};
pub use config::{Config, Options, Thread};
pub use entry::{Entry, Id};
pub use error::{Code, Error, Result};
pub use event::{DeadLetter, DisconnectReason, Event, Field, Level, Origin, Outcome};

use error::{c_text, check};

/// One source of a client: what `open` began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(u32);

/// One request, that an event answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// A consumer, a publisher, or both. Dropping it sends what the sockets take without waiting; [`Client::close`] waits
/// for answers.
pub struct Client {
    raw: NonNull<ffi::mr_client>,
    /// An event is borrowed until the next one is polled: one thread at a time.
    polling: Mutex<()>,
}

// SAFETY: millrace.h: everything about a client may be called from any thread, but for mr_client_poll_event, which
// `polling` guards.
unsafe impl Send for Client {}
unsafe impl Sync for Client {}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: we own it, and nobody is in a call of it: we are its only user.
        unsafe { ffi::mr_client_free(self.raw.as_ptr()) }
    }
}

impl Client {
    /// A client with a thread of its own, that keeps no events. No connection is made yet: the first source or publish
    /// does that. `bad_config` names the part of the URL.
    pub fn connect(url: &str) -> Result<Client> {
        Client::new(&Config::new(url)?, Options::default())
    }
    pub fn new(config: &Config, options: Options) -> Result<Client> {
        let options = options.raw();
        let mut raw = null_mut();
        // SAFETY: all of them live for the call.
        check(|error| unsafe { ffi::mr_client_new(config.raw(), &options, &mut raw, error) })?;
        let raw = NonNull::new(raw).expect("MR_OK gives a client");
        Ok(Client { raw, polling: Mutex::new(()) })
    }

    /// Begins to consume, or to tail where the group is empty, as the client's configuration says.
    pub fn open(&self) -> Result<Source> {
        self.open_raw(null())
    }
    /// The same as another configuration says.
    pub fn open_with(&self, config: &Config) -> Result<Source> {
        self.open_raw(config.raw())
    }
    /// Ends a source: what it has not handed over goes back to the group.
    pub fn close_source(&self, source: Source) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_close_source(client, source.0, error) })
    }
    pub fn pause(&self, source: Source) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_pause(client, source.0, error) })
    }
    pub fn resume(&self, source: Source) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_resume(client, source.0, error) })
    }

    /// The next batch of a source, or of any; None when the timeout, if there is one, passed first. Several threads may
    /// wait: each batch goes to one. `closed` once the client was stopped, drained or closed; what ended the source, or
    /// the last one, where it ended by itself.
    pub fn next(&self, source: Option<Source>, timeout: Option<Duration>) -> Result<Option<Batch>> {
        let source = source.map_or(0, |source| source.0);
        let mut raw = null_mut();
        self.call(|client, error| unsafe { ffi::mr_client_next(client, source, micros(timeout), &mut raw, error) })?;
        // SAFETY: what is not NULL is a batch, and ours.
        NonNull::new(raw).map(|raw| unsafe { Batch::take(raw) }).transpose()
    }
    /// All batches, of whichever source, until the client is stopped, drained or closed. The last item is an error
    /// where one ended it.
    pub fn batches(&self) -> Batches<'_> {
        Batches { client: self, has_ended: false }
    }
    /// Ends `next` and `batches`, for good. A signal handler may call it.
    pub fn stop(&self) {
        // SAFETY: the client lives; the library says that it is safe in a signal handler.
        unsafe { ffi::mr_client_stop(self.raw.as_ptr()) }
    }
    /// Begins to end everything, and returns. What you hold may be settled until [`Event::Closed`] without a source,
    /// which comes when all is, or at the timeout. Then call [`Client::close`].
    pub fn drain(&self, timeout: Duration) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_drain(client, micros(Some(timeout)), error) })
    }
    /// Drains, waits for answers, not for what you hold, and closes the sockets. Tells how many entries stay pending
    /// with this client's consumers. Every later call answers `closed`.
    pub fn close(&self, timeout: Duration) -> Result<u64> {
        let mut held = 0;
        self.call(|client, error| unsafe { ffi::mr_client_close(client, micros(Some(timeout)), &mut held, error) })?;
        Ok(held)
    }
    /// What the next AUTH says; an empty user is the default one. After `auth` it starts the client again.
    pub fn replace_credentials(&self, user: &str, password: &str) -> Result<()> {
        let user = c_text("a user", user)?;
        let password = c_text("a password", password)?;
        self.call(|client, error| unsafe {
            ffi::mr_client_replace_credentials(client, user.as_ptr(), password.as_ptr(), error)
        })
    }

    /// The oldest event that waits. Who asks for events by [`Options::event_max`] must poll them: sources read nothing
    /// while so many wait.
    pub fn poll_event(&self) -> Option<Event> {
        let _one_at_a_time = self.polling.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut event = ffi::mr_event::empty();
        // SAFETY: the client lives; what the event points to does so while we hold the lock.
        unsafe {
            ffi::mr_client_poll_event(self.raw.as_ptr(), &mut event);
            Event::copy(&event)
        }
    }

    /// For a loop of your own, with [`Thread::None`]: readable when [`Client::wait`] has something to do.
    pub fn fd(&self) -> c_int {
        // SAFETY: the client lives.
        unsafe { ffi::mr_client_fd(self.raw.as_ptr()) }
    }
    /// How long a loop of your own may wait at most; None: until something happens.
    pub fn timeout(&self) -> Option<Duration> {
        // SAFETY: the client lives.
        let timeout_us = unsafe { ffi::mr_client_timeout_us(self.raw.as_ptr()) };
        u64::try_from(timeout_us).ok().map(Duration::from_micros)
    }
    /// One turn of the loop: waits until something happens, and does what is to be done.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        self.call(|client, error| unsafe { ffi::mr_client_wait(client, micros(timeout), error) })
    }
    /// Makes `fd` readable, and ends a `wait`, once. A signal handler may call it.
    pub fn wake(&self) {
        // SAFETY: the client lives; the library says that it is safe in a signal handler.
        unsafe { ffi::mr_client_wake(self.raw.as_ptr()) }
    }

    /// How a source is, as a JSON object. With a timeout the server is asked first, and waited for.
    pub fn health(&self, source: Source, timeout: Duration) -> Result<String> {
        self.text(|client, text, error| unsafe {
            ffi::mr_client_health_json(client, source.0, micros(Some(timeout)), text, error)
        })
    }
    /// All metrics, as Prometheus text.
    pub fn metrics(&self) -> Result<String> {
        self.text(|client, text, error| unsafe { ffi::mr_client_metrics(client, text, error) })
    }

    fn open_raw(&self, config: *const ffi::mr_config) -> Result<Source> {
        let mut source = 0;
        self.call(|client, error| unsafe { ffi::mr_client_open(client, config, &mut source, error) })?;
        Ok(Source(source))
    }
    fn text(
        &self,
        ask: impl FnOnce(*mut ffi::mr_client, *mut ffi::mr_text, *mut ffi::mr_error) -> ffi::mr_status,
    ) -> Result<String> {
        let mut text = ffi::mr_text { data: null_mut(), size: 0 };
        self.call(|client, error| ask(client, &mut text, error))?;
        // SAFETY: after success it is text, and ours to free.
        unsafe {
            let copy = String::from_utf8_lossy(entry::array(text.data.cast(), text.size)).into_owned();
            ffi::mr_text_free(&mut text);
            Ok(copy)
        }
    }
    /// Makes a call of the client, which lives, with arguments that do so for its length.
    fn call(&self, call: impl FnOnce(*mut ffi::mr_client, *mut ffi::mr_error) -> ffi::mr_status) -> Result<()> {
        check(|error| call(self.raw.as_ptr(), error))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// The batches of a client, as they come: see [`Client::batches`].
#[derive(Debug)]
pub struct Batches<'a> {
    client: &'a Client,
    has_ended: bool,
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch>;
    fn next(&mut self) -> Option<Result<Batch>> {
        while !self.has_ended {
            match self.client.next(None, None) {
                Ok(None) => continue,
                Ok(Some(batch)) => return Some(Ok(batch)),
                Err(error) => {
                    self.has_ended = true;
                    return Some(error).filter(|error| error.code != Code::CLOSED).map(Err);
                }
            }
        }
        None
    }
}

/// A time as the library counts it; below 0 there is none.
fn micros(time: Option<Duration>) -> i64 {
    time.map_or(-1, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}
