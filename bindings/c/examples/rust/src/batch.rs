//! Batches: what a client hands over, and what is done about it.
use std::fmt;
use std::ptr::{null, NonNull};
use std::time::Duration;

use crate::error::{c_text, check};
use crate::{ffi, micros, Entry, Result, Source};

/// Why a batch was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has batch_size entries.
    Size,
    /// flush_interval has passed since its first entry came.
    Flush,
    /// Its entries were delivered before: to an earlier life of this consumer, or to another one.
    Recovery,
}

/// Entries in your hands. What is dropped and was not acked stays pending with this consumer: it is delivered again
/// when the consumer is started anew, or to another one of the group once it was idle for claim_min_idle.
///
/// A batch may outlive its client; its commands answer [`Code::CLOSED`](crate::Code::CLOSED) then. Entries are
/// borrowed from it, so that this does not compile:
///
/// ```compile_fail,E0502
/// # fn handle(mut batch: millrace::Batch) {
/// let entry = batch.get(0).unwrap();
/// batch.release();
/// println!("{}", entry.id()); // its bytes are gone
/// # }
/// ```
/// ```compile_fail,E0505
/// # fn handle(batch: millrace::Batch) {
/// let payload = batch.get(0).unwrap().field("payload").unwrap();
/// drop(batch);
/// println!("{}", payload.len());
/// # }
/// ```
pub struct Batch {
    raw: NonNull<ffi::mr_batch>,
    view: ffi::mr_batch_view,
}

// SAFETY: millrace.h: everything about a batch may be called from any thread; the view is not written but by release.
unsafe impl Send for Batch {}
unsafe impl Sync for Batch {}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: we own it.
        unsafe { ffi::mr_batch_free(self.raw.as_ptr()) }
    }
}

impl Batch {
    /// # Safety
    /// `raw` is a batch, and becomes ours.
    pub(crate) unsafe fn take(raw: NonNull<ffi::mr_batch>) -> Result<Batch> {
        let mut batch = Batch { raw, view: ffi::mr_batch_view::empty() };
        check(|_| ffi::mr_batch_read(raw.as_ptr(), &mut batch.view))?;
        Ok(batch)
    }

    /// How many entries there are: at least 1, and 0 once it was released.
    pub fn len(&self) -> usize {
        self.view.count
    }
    pub fn is_empty(&self) -> bool {
        self.view.count == 0
    }
    /// The entry at a position, as `ack_some` and the other commands count them.
    pub fn get(&self, index: usize) -> Option<Entry<'_>> {
        if index >= self.view.count {
            return None;
        }
        // SAFETY: there are `count` of them, this far apart; they live until release or drop, which need the batch
        // for themselves.
        let entry = unsafe { &*self.view.entries.cast::<u8>().add(index * self.view.entry_stride).cast() };
        Some(Entry::new(entry))
    }
    pub fn iter(&self) -> Entries<'_> {
        Entries { batch: self, next: 0 }
    }
    pub fn source(&self) -> Source {
        Source(self.view.source)
    }
    /// Its number, as events name it.
    pub fn number(&self) -> u64 {
        self.view.batch
    }
    pub fn reason(&self) -> Reason {
        match self.view.reason {
            ffi::MR_FLUSH_SIZE => Reason::Size,
            ffi::MR_FLUSH_INTERVAL => Reason::Flush,
            _ => Reason::Recovery,
        }
    }

    /// Acks everything that this batch has not settled yet. It is on its way when the loop turns next;
    /// [`Event::Acked`](crate::Event::Acked) tells that the server did it. `lost`: some are another consumer's by now,
    /// the rest was acked.
    pub fn ack(&self) -> Result<()> {
        self.settle(None, |batch, at, count, error| unsafe { ffi::mr_batch_ack(batch, at, count, error) })
    }
    /// Acks the entries at these positions: all of them, or on an error none.
    pub fn ack_some(&self, indices: &[u32]) -> Result<()> {
        self.settle(Some(indices), |batch, at, count, error| unsafe { ffi::mr_batch_ack(batch, at, count, error) })
    }
    /// Wants what is not settled delivered here again, after a delay, or after nack_delay.
    pub fn nack(&self, delay: Option<Duration>) -> Result<()> {
        self.nack_which(None, delay)
    }
    pub fn nack_some(&self, indices: &[u32], delay: Option<Duration>) -> Result<()> {
        self.nack_which(Some(indices), delay)
    }
    /// Leaves what is not settled to the group: whichever consumer sweeps it next may take it over.
    pub fn give_back(&self) -> Result<()> {
        self.settle(None, |batch, at, count, error| unsafe { ffi::mr_batch_give_back(batch, at, count, error) })
    }
    pub fn give_back_some(&self, indices: &[u32]) -> Result<()> {
        self.settle(Some(indices), |batch, at, count, error| unsafe {
            ffi::mr_batch_give_back(batch, at, count, error)
        })
    }
    /// Gives up what is not settled: it goes to the dead stream, with the reason in its field, and is acked then.
    pub fn reject(&self, reason: &str) -> Result<()> {
        self.reject_which(None, reason)
    }
    pub fn reject_some(&self, indices: &[u32], reason: &str) -> Result<()> {
        self.reject_which(Some(indices), reason)
    }
    /// Frees the bytes of the entries now. The batch can be settled as before.
    pub fn release(&mut self) {
        self.view.count = 0;
        // SAFETY: we own it, and nothing is borrowed from it: we are its only user.
        unsafe { ffi::mr_batch_release(self.raw.as_ptr()) }
    }

    fn nack_which(&self, indices: Option<&[u32]>, delay: Option<Duration>) -> Result<()> {
        let delay_us = micros(delay);
        self.settle(indices, |batch, at, count, error| unsafe { ffi::mr_batch_nack(batch, at, count, delay_us, error) })
    }
    fn reject_which(&self, indices: Option<&[u32]>, reason: &str) -> Result<()> {
        let reason = c_text("a reason", reason)?;
        self.settle(indices, |batch, at, count, error| unsafe {
            ffi::mr_batch_reject(batch, at, count, reason.as_ptr(), error)
        })
    }
    /// No indices are everything; the pointer of an empty slice is not NULL, so that it stays nothing.
    fn settle(
        &self,
        indices: Option<&[u32]>,
        command: impl FnOnce(*mut ffi::mr_batch, *const u32, usize, *mut ffi::mr_error) -> ffi::mr_status,
    ) -> Result<()> {
        let (at, count) = indices.map_or((null(), 0), |some| (some.as_ptr(), some.len()));
        check(|error| command(self.raw.as_ptr(), at, count, error))
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Entry<'a>;
    type IntoIter = Entries<'a>;
    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// The entries of a batch, in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    batch: &'a Batch,
    next: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;
    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.batch.get(self.next)?;
        self.next += 1;
        Some(entry)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Entries<'_> {}
