//! Entries: ids and bytes, borrowed from their batch. Nothing is copied; the borrow checker knows how long they live.
use std::fmt;
use std::slice;
use std::str::FromStr;

use crate::error::{c_text, check};
use crate::{ffi, Error, Result};

/// The id of a stream entry, `ms-seq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for Id {
    type Err = Error;
    fn from_str(text: &str) -> Result<Id> {
        let text = c_text("an id", text)?;
        let mut id = ffi::mr_id { ms: 0, seq: 0 };
        // SAFETY: all three live for the call.
        check(|error| unsafe { ffi::mr_id_parse(text.as_ptr(), &mut id, error) })?;
        Ok(id.into())
    }
}

impl From<ffi::mr_id> for Id {
    fn from(id: ffi::mr_id) -> Id {
        Id { ms: id.ms, seq: id.seq }
    }
}

/// An entry, borrowed from its batch.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    entry: &'a ffi::mr_entry,
}

// SAFETY: it points at bytes that nobody writes while the batch is borrowed.
unsafe impl Send for Entry<'_> {}
unsafe impl Sync for Entry<'_> {}

impl<'a> Entry<'a> {
    pub(crate) fn new(entry: &'a ffi::mr_entry) -> Entry<'a> {
        Entry { entry }
    }
    pub fn stream(&self) -> &'a [u8] {
        // SAFETY: it lives as long as the entry.
        unsafe { bytes(self.entry.stream) }
    }
    pub fn id(&self) -> Id {
        self.entry.id.into()
    }
    /// How often the server has delivered it to the group, this time included; 0 without a group.
    pub fn deliveries(&self) -> u32 {
        self.entry.deliveries
    }
    /// Names and values, in their order and with their repeats.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone {
        // SAFETY: they live as long as the entry.
        unsafe { fields(self.entry.fields, self.entry.field_count) }
    }
    /// The value of the first field of that name.
    pub fn field(&self, name: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        let name = name.as_ref();
        self.fields().find(|(each, _)| *each == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        write!(f, "{} {} ", String::from_utf8_lossy(self.stream()), self.id())?;
        f.debug_map().entries(fields).finish()
    }
}

/// # Safety
/// The bytes live for as long as the caller says.
pub(crate) unsafe fn bytes<'a>(text: ffi::mr_str) -> &'a [u8] {
    array(text.data.cast(), text.size)
}

/// # Safety
/// As above. C may say NULL where there is nothing, which a slice can't.
pub(crate) unsafe fn array<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        &[]
    } else {
        slice::from_raw_parts(data, count)
    }
}

/// # Safety
/// As above.
pub(crate) unsafe fn fields<'a>(
    data: *const ffi::mr_field,
    count: usize,
) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone {
    array(data, count).iter().map(|field| (bytes(field.name), bytes(field.value)))
}
