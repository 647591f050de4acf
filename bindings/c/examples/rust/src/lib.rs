//! Reliable delivery over Redis Streams: a safe wrapper of libmillrace, by its C ABI.
//! ```no_run
//! let client = millrace::Client::connect("redis://localhost:6379?streams=orders&group=billing", &[])?;
//! client.open()?;
//! for batch in client.batches() {
//!     let batch = batch?;
//!     for entry in batch.iter() {
//!         println!("{} {:?}", entry.id(), entry.field("payload"));
//!     }
//!     batch.ack()?; // what is not acked is delivered again
//! }
//! # Ok::<(), millrace::Error>(())
//! ```
use std::{ffi::CString, fmt, iter, mem::size_of, mem::zeroed, ptr::null, ptr::null_mut, time::Duration};

pub mod ffi;
use ffi::*;
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong: a name of docs/errors.md, like "lost"; whether the same call can succeed later; one line of detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: &'static str,
    pub retryable: bool,
    pub message: String,
}
impl std::error::Error for Error {}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// The id of a stream entry, `ms-seq`.
#[repr(C)]
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

/// A handle that is ours, and what frees it. That it lives as long makes the calls below sound.
#[derive(Debug)]
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));
// SAFETY: millrace.h: any thread may call anything of a client and its batches, and read what a batch lends.
unsafe impl<T> Send for Owned<T> {}
unsafe impl<T> Sync for Owned<T> {}
impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        unsafe { (self.1)(self.0) }
    }
}

/// A consumer, a publisher, or both, with a thread of its own that sends acks and heartbeats while you work.
#[derive(Debug)]
pub struct Client(Owned<mr_client>);

impl Client {
    /// By a URL and more keys of docs/configuration.md, like `("batch_size", "100")`. It connects when it is used.
    pub fn connect(url: &str, keys: &[(&str, &str)]) -> Result<Client> {
        let (mut config, mut client) = (Owned(null_mut(), mr_config_free), Owned(null_mut(), mr_client_free));
        unsafe { mr_config_new(text(url)?.as_ptr(), &mut config.0)? }
        for (key, value) in keys {
            unsafe { mr_config_set(config.0, text(key)?.as_ptr(), text(value)?.as_ptr())? }
        }
        let (size, thread, log_level) = (size_of::<mr_client_options>(), MR_THREAD_OWN, MR_LOG_WARN);
        let options = mr_client_options { size, thread, event_max: 0, log_fd: 2, log_level }; // to standard error
        unsafe { mr_client_new(config.0, &options, &mut client.0)? }
        Ok(Client(client))
    }
    /// # Safety
    /// It is a client, and becomes ours.
    pub unsafe fn from_raw(raw: *mut mr_client) -> Client {
        Client(Owned(raw, mr_client_free))
    }
    /// For calls that are not wrapped here.
    pub fn as_raw(&self) -> *mut mr_client {
        self.0 .0
    }
    /// Begins to consume, or to tail where there is no group.
    pub fn open(&self) -> Result<()> {
        unsafe { mr_client_open(self.0 .0, null(), null_mut()) }
    }
    /// The next batch, or None when the timeout passed. An error is "closed", or what else has ended the source.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Option<Batch>> {
        let mut batch = Batch { raw: Owned(null_mut(), mr_batch_free), view: unsafe { zeroed() } };
        unsafe { mr_client_next(self.0 .0, 0, micros(timeout), &mut batch.raw.0)? }
        batch.view.size = size_of::<mr_batch_view>();
        let has_come = !batch.raw.0.is_null();
        has_come.then(|| check(|_| unsafe { mr_batch_read(batch.raw.0, &mut batch.view) }).map(|()| batch)).transpose()
    }
    /// All batches until the client is stopped or closed. The last item is an error where one ended it.
    pub fn batches(&self) -> impl Iterator<Item = Result<Batch>> + '_ {
        let mut is_open = true;
        iter::from_fn(move || {
            let next = is_open.then(|| iter::repeat_with(|| self.next(None)).find_map(Result::transpose))?;
            is_open = matches!(next, Some(Ok(_)));
            next.filter(|next| !matches!(next, Err(Error { code: "closed", .. })))
        })
    }
    /// Ends `next` and `batches`, for good. A signal handler may call it.
    pub fn stop(&self) {
        unsafe { mr_client_stop(self.0 .0) }
    }
    /// Waits for answers, which a drop does not. Tells how many entries stay pending with this consumer.
    pub fn close(&self, timeout: Duration) -> Result<u64> {
        let mut held = 0;
        unsafe { mr_client_close(self.0 .0, micros(Some(timeout)), &mut held)? }
        Ok(held)
    }
    /// Writes entries, each a list of names and values, and waits for their ids. The error is that of the first entry
    /// that failed; after "timeout" they may have been written.
    pub fn publish(&self, stream: &[u8], entries: &[&[(&[u8], &[u8])]], timeout: Duration) -> Result<Vec<Id>> {
        let bytes = |of: &[u8]| mr_str { data: of.as_ptr(), size: of.len() };
        let field = |(name, value): &(&[u8], &[u8])| mr_field { name: bytes(name), value: bytes(value) };
        let fields: Vec<Vec<_>> = entries.iter().map(|entry| entry.iter().map(field).collect()).collect();
        let entry = |fields: &Vec<_>| mr_publish_entry { fields: fields.as_ptr(), field_count: fields.len() };
        let entries: Vec<_> = fields.iter().map(entry).collect();
        let (size, stream, entry_count) = (size_of::<mr_publish>(), bytes(stream), entries.len());
        let publish = mr_publish { size, stream, entries: entries.as_ptr(), entry_count, config: null() };
        let mut results = vec![mr_publish_result { id: Id::default(), status: 0, flags: 0 }; entry_count];
        unsafe { mr_client_publish(self.0 .0, &publish, micros(Some(timeout)), results.as_mut_ptr())? }
        Ok(results.iter().map(|result| result.id).collect())
    }
    /// All metrics, as Prometheus text.
    pub fn metrics(&self) -> Result<String> {
        let mut text = mr_text { data: null_mut(), size: 0 };
        unsafe { mr_client_metrics(self.0 .0, &mut text)? }
        let copy = String::from_utf8_lossy(unsafe { array(text.data, text.size) }).into_owned();
        unsafe { mr_text_free(&mut text) }
        Ok(copy)
    }
}

/// Entries in your hands. What is dropped and was not settled stays pending, and is delivered again when the consumer
/// is started anew, or to another of the group. Entries are borrowed from the batch, so this does not compile:
/// ```compile_fail,E0515
/// let payload_of = |batch: millrace::Batch| batch.iter().next()?.field("payload"); // the batch ends here
/// ```
#[derive(Debug)]
pub struct Batch {
    raw: Owned<mr_batch>,
    view: mr_batch_view,
}

/// Commands take positions, or None for all that is left. On an error none was settled; on "lost" of all, the rest was.
impl Batch {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        let (entries, stride) = (self.view.entries.cast::<u8>(), self.view.entry_stride);
        (0..self.view.count).map(move |index| Entry(unsafe { &*entries.add(index * stride).cast() }))
    }
    pub fn ack(&self) -> Result<()> {
        unsafe { mr_batch_ack(self.raw.0, null(), 0) }
    }
    pub fn ack_some(&self, indices: &[u32]) -> Result<()> {
        unsafe { mr_batch_ack(self.raw.0, indices.as_ptr(), indices.len()) }
    }
    /// Delivered here again after the delay, or after nack_delay.
    pub fn nack(&self, which: Option<&[u32]>, delay: Option<Duration>) -> Result<()> {
        let (indices, count) = table(which);
        unsafe { mr_batch_nack(self.raw.0, indices, count, micros(delay)) }
    }
    /// Left to the group: whichever consumer sweeps next may take them over.
    pub fn give_back(&self, which: Option<&[u32]>) -> Result<()> {
        let (indices, count) = table(which);
        unsafe { mr_batch_give_back(self.raw.0, indices, count) }
    }
    /// To the dead stream, with the reason in a field, and acked then.
    pub fn reject(&self, which: Option<&[u32]>, reason: &str) -> Result<()> {
        let (indices, count) = table(which);
        unsafe { mr_batch_reject(self.raw.0, indices, count, text(reason)?.as_ptr()) }
    }
    pub fn as_raw(&self) -> *mut mr_batch {
        self.raw.0
    }
}

/// An entry, borrowed from its batch: nothing is copied, and the bytes live as long as that.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a>(&'a mr_entry);

impl<'a> Entry<'a> {
    pub fn stream(&self) -> &'a [u8] {
        unsafe { array(self.0.stream.data, self.0.stream.size) }
    }
    pub fn id(&self) -> Id {
        self.0.id
    }
    /// How often the server has delivered it to the group, this time included; 0 without a group.
    pub fn deliveries(&self) -> u32 {
        self.0.deliveries
    }
    /// Names and values, in their order and with their repeats.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
        let bytes = |of: mr_str| unsafe { array(of.data, of.size) };
        unsafe { array(self.0.fields, self.0.field_count) }.iter().map(move |it| (bytes(it.name), bytes(it.value)))
    }
    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().find(|(each, _)| *each == name.as_bytes()).map(|(_, value)| value)
    }
}

/// Texts of C end with a zero, and have none inside.
fn text(of: &str) -> Result<CString> {
    CString::new(of).map_err(|error| Error { code: "bad_argument", retryable: false, message: error.to_string() })
}
/// NULL is everything; the pointer of an empty slice is not, and names nothing.
fn table(which: Option<&[u32]>) -> (*const u32, usize) {
    which.map_or((null(), 0), |indices| (indices.as_ptr(), indices.len()))
}
/// Below 0: for ever, or what the configuration says.
fn micros(time: Option<Duration>) -> i64 {
    time.map_or(-1, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}
