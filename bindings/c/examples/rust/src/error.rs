//! What went wrong: a code that never changes its meaning, a message of one line, and whether trying again can help.
use std::ffi::{CStr, CString};
use std::fmt;
use std::os::raw::c_char;

use crate::ffi;

/// The answer of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. docs/errors.md has all codes with what to do about each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub(crate) ffi::mr_status);

impl Code {
    pub const BAD_CONFIG: Code = Code(1);
    pub const BAD_ARGUMENT: Code = Code(ffi::MR_BAD_ARGUMENT);
    pub const CLOSED: Code = Code(3);
    pub const NOT_HELD: Code = Code(4);
    pub const LOST: Code = Code(5);
    pub const QUEUE_FULL: Code = Code(6);
    pub const WOULD_BLOCK: Code = Code(7);
    pub const TOO_LARGE: Code = Code(8);
    pub const UNSUPPORTED: Code = Code(9);
    pub const CURSOR_NOT_FOUND: Code = Code(10);
    pub const AUTH: Code = Code(11);
    pub const NO_PERMISSION: Code = Code(12);
    pub const WRONG_TYPE: Code = Code(13);
    pub const NO_GROUP: Code = Code(14);
    pub const OOM: Code = Code(15);
    pub const SERVER_BUSY: Code = Code(16);
    pub const CONNECTION: Code = Code(17);
    pub const TIMEOUT: Code = Code(18);
    pub const TLS: Code = Code(19);
    pub const PROTOCOL: Code = Code(20);
    pub const SCRIPT: Code = Code(21);
    pub const OUT_OF_MEMORY: Code = Code(22);

    /// Like "not_held".
    pub fn name(self) -> &'static str {
        // SAFETY: a static text for every number.
        unsafe { static_text(ffi::mr_status_name(self.0)) }
    }
    /// What the code means, in one line.
    pub fn meaning(self) -> &'static str {
        // SAFETY: as above.
        unsafe { static_text(ffi::mr_strerror(self.0)) }
    }
    /// What the caller should do, in one line.
    pub fn advice(self) -> &'static str {
        // SAFETY: as above.
        unsafe { static_text(ffi::mr_advice(self.0)) }
    }
    /// What the call was for has ended, and no later call about it succeeds.
    pub fn is_fatal(self) -> bool {
        // SAFETY: every number may be asked about.
        unsafe { ffi::mr_is_fatal(self.0) == 1 }
    }
}

unsafe fn static_text(text: *const c_char) -> &'static str {
    CStr::from_ptr(text).to_str().unwrap_or("unknown")
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    pub code: Code,
    /// The same call can succeed later.
    pub retryable: bool,
    /// One line that names what is wrong, and no secret.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// Makes a call that fills an error of C's.
pub(crate) fn check(call: impl FnOnce(*mut ffi::mr_error) -> ffi::mr_status) -> Result<()> {
    let mut error = ffi::mr_error::empty();
    let status = call(&mut error);
    if status == ffi::MR_OK {
        return Ok(());
    }
    // SAFETY: the library ends the message with a zero, and has left it empty where it wrote none.
    let message = unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_string_lossy().into_owned();
    Err(Error { code: Code(status), retryable: error.retryable == 1, message })
}

/// Text for C, whose texts have no zero inside. The text itself may be a secret.
pub(crate) fn c_text(what: &str, text: impl AsRef<[u8]>) -> Result<CString> {
    CString::new(text.as_ref()).map_err(|_| Error {
        code: Code::BAD_ARGUMENT,
        retryable: false,
        message: format!("{what} has a zero byte in it"),
    })
}
