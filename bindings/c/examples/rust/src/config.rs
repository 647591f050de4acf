//! What a client, its sources and its publishes are configured with. docs/configuration.md has the keys.
use std::fmt;
use std::ptr::{null_mut, NonNull};

use crate::error::{c_text, check};
use crate::publish::borrow;
use crate::{ffi, Result};

/// A configuration, as a value: clients copy what they need of it.
pub struct Config {
    raw: NonNull<ffi::mr_config>,
}

// SAFETY: it may be used by one thread at a time, whichever: it is no Sync.
unsafe impl Send for Config {}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: we own it.
        unsafe { ffi::mr_config_free(self.raw.as_ptr()) }
    }
}

impl Config {
    /// From a URL: `redis://[user[:password]@]host[:port][/database][?key=value&...]`, `rediss://`, `unix:///path`.
    pub fn new(url: &str) -> Result<Config> {
        let url = c_text("a URL", url)?;
        let mut raw = null_mut();
        // SAFETY: all of them live for the call.
        check(|error| unsafe { ffi::mr_config_new(url.as_ptr(), &mut raw, error) })?;
        Ok(Config { raw: NonNull::new(raw).expect("MR_OK gives a configuration") })
    }
    /// Lays a JSON document of the keys over what there is.
    pub fn json(&mut self, document: &str) -> Result<&mut Config> {
        // SAFETY: the text lives for the call, and so below.
        check(|error| unsafe {
            ffi::mr_config_json(self.raw.as_ptr(), document.as_ptr().cast(), document.len(), error)
        })?;
        Ok(self)
    }
    /// Sets one key from its text, as in a URL's query: `config.set("flush_interval", "500ms")?`. Names of groups and
    /// consumers may be any bytes but zeroes.
    pub fn set(&mut self, key: &str, text: impl AsRef<[u8]>) -> Result<&mut Config> {
        let (key, text) = (c_text("a key", key)?, c_text("a value", text)?);
        check(|error| unsafe { ffi::mr_config_set(self.raw.as_ptr(), key.as_ptr(), text.as_ptr(), error) })?;
        Ok(self)
    }
    /// Sets `streams` or `cursors` to names that may be any bytes; a cursor is `stream=id`.
    pub fn set_list(&mut self, key: &str, values: &[impl AsRef<[u8]>]) -> Result<&mut Config> {
        let key = c_text("a key", key)?;
        let values: Vec<_> = values.iter().map(|value| borrow(value.as_ref())).collect();
        check(|error| unsafe {
            ffi::mr_config_set_list(self.raw.as_ptr(), key.as_ptr(), values.as_ptr(), values.len(), error)
        })?;
        Ok(self)
    }

    /// One like this, that changes by itself from now on.
    pub fn copy(&self) -> Result<Config> {
        let mut raw = null_mut();
        check(|error| unsafe { ffi::mr_config_copy(self.raw.as_ptr(), &mut raw, error) })?;
        Ok(Config { raw: NonNull::new(raw).expect("MR_OK gives a configuration") })
    }

    pub(crate) fn raw(&self) -> *const ffi::mr_config {
        self.raw.as_ptr()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive() // it has passwords in it
    }
}

/// Who turns the loop of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thread {
    /// A thread of the client's own: acks, heartbeats and timers go on while you work for long.
    #[default]
    Own,
    /// Whoever waits in `next`, `wait` or `close`, or your own loop.
    None,
}

/// How a client is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub thread: Thread,
    /// So many events may wait to be polled. 0: none is kept, for programs that do not poll; requests that an event
    /// answers are refused then.
    pub event_max: u32,
}

impl Options {
    pub(crate) fn raw(self) -> ffi::mr_client_options {
        let thread = match self.thread {
            Thread::Own => ffi::MR_THREAD_OWN,
            Thread::None => ffi::MR_THREAD_NONE,
        };
        ffi::mr_client_options { thread, event_max: self.event_max, ..ffi::mr_client_options::empty() }
    }
}
