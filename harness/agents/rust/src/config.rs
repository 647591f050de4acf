//! A configuration, as a value: what JSON and names of any bytes put into it. Clients copy what they need of it.
use std::ffi::CString;
use std::ptr::null_mut;

use millrace::ffi::{self as c, check, mr_str};
use millrace::{Error, Result};

use crate::ffi;

pub struct Config {
    raw: *mut c::mr_config,
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: we own it, or it is NULL.
        unsafe { c::mr_config_free(self.raw) }
    }
}

impl Config {
    pub fn new(url: &str) -> Result<Config> {
        let (url, mut config) = (c_text(url)?, Config { raw: null_mut() });
        // SAFETY: all that is handed over lives for the call, here and below.
        unsafe { c::mr_config_new(url.as_ptr(), &mut config.raw)? }
        Ok(config)
    }
    /// Lays a JSON document of the keys over what there is.
    pub fn json(&mut self, document: &str) -> Result<()> {
        check(|error| unsafe { ffi::mr_config_json(self.raw, document.as_ptr().cast(), document.len(), error) })
    }
    /// Sets one key from its text. Names of groups and consumers may be any bytes but zeroes.
    pub fn set(&mut self, key: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let (key, text) = (c_text(key)?, c_text(text)?);
        unsafe { c::mr_config_set(self.raw, key.as_ptr(), text.as_ptr()) }
    }
    /// Sets a list of names that may be any bytes.
    pub fn set_list(&mut self, key: &str, values: &[Vec<u8>]) -> Result<()> {
        let key = c_text(key)?;
        let values: Vec<_> = values.iter().map(|value| borrow(value)).collect();
        check(|error| unsafe { ffi::mr_config_set_list(self.raw, key.as_ptr(), values.as_ptr(), values.len(), error) })
    }
    /// One like this, that changes by itself from now on.
    pub fn copy(&self) -> Result<Config> {
        let mut copy = Config { raw: null_mut() };
        check(|error| unsafe { ffi::mr_config_copy(self.raw, &mut copy.raw, error) })?;
        Ok(copy)
    }
    pub fn as_raw(&self) -> *const c::mr_config {
        self.raw
    }
}

/// Borrowed as the bytes are.
pub fn borrow(bytes: &[u8]) -> mr_str {
    mr_str { data: bytes.as_ptr(), size: bytes.len() }
}

pub fn c_text(text: impl AsRef<[u8]>) -> Result<CString> {
    CString::new(text.as_ref()).map_err(|error| Error {
        code: "bad_argument",
        retryable: false,
        message: error.to_string(),
    })
}
