//! Publishing, and what is done with dead letters.
use std::ptr::null;
use std::time::Duration;

use crate::{ffi, micros, Client, Config, Id, Result, Ticket};

impl Client {
    /// Writes entries, each a list of names and values, and waits for the answers: the ids, in the order of the
    /// entries. An error is that of the first entry that failed; [`Client::publish_async`] tells of each. `timeout`:
    /// no answer in time, they may have been written.
    ///
    /// ```no_run
    /// # fn publish(client: &millrace::Client) -> millrace::Result<()> {
    /// client.publish("orders", &[[("item", "tea")], [("item", "milk")]], None, std::time::Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `config`: what it says of publishes (max_len, idempotent, ...); None: the client's.
    pub fn publish<E, N, V>(
        &self,
        stream: impl AsRef<[u8]>,
        entries: &[E],
        config: Option<&Config>,
        timeout: Duration,
    ) -> Result<Vec<Id>>
    where
        E: AsRef<[(N, V)]>,
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let table = Table::new(entries);
        let publish = table.publish(stream.as_ref(), config);
        let empty = ffi::mr_publish_result { id: ffi::mr_id { ms: 0, seq: 0 }, status: ffi::MR_OK, flags: 0 };
        let mut results = vec![empty; entries.len()];
        self.call(|client, error| unsafe {
            ffi::mr_client_publish(client, &publish, micros(Some(timeout)), results.as_mut_ptr(), error)
        })?;
        Ok(results.iter().map(|result| result.id.into()).collect())
    }

    /// Queues a copy of the entries and returns; [`Event::Published`](crate::Event::Published) answers. `would_block`
    /// when publish_queue_bytes are queued: nothing of it was taken.
    pub fn publish_async<E, N, V>(
        &self,
        stream: impl AsRef<[u8]>,
        entries: &[E],
        config: Option<&Config>,
    ) -> Result<Ticket>
    where
        E: AsRef<[(N, V)]>,
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let table = Table::new(entries);
        let publish = table.publish(stream.as_ref(), config);
        let mut ticket = 0;
        self.call(|client, error| unsafe { ffi::mr_client_publish_async(client, &publish, &mut ticket, error) })?;
        Ok(Ticket(ticket))
    }

    /// Asks for dead letters of the stream that they came from, the oldest first, behind `after`, 1 to 1,000 of them.
    /// [`Event::DeadListed`](crate::Event::DeadListed) answers.
    pub fn dead(&self, stream: impl AsRef<[u8]>, after: Id, count: u32) -> Result<Ticket> {
        let mut ticket = 0;
        self.call(|client, error| unsafe {
            ffi::mr_client_dead(client, borrow(stream.as_ref()), raw_id(after), count, &mut ticket, error)
        })?;
        Ok(Ticket(ticket))
    }

    /// Puts dead letters back at the end of the stream that they came from.
    /// [`Event::Redriven`](crate::Event::Redriven) answers.
    pub fn redrive(&self, stream: impl AsRef<[u8]>, dead_ids: &[Id]) -> Result<Ticket> {
        let ids: Vec<_> = dead_ids.iter().copied().map(raw_id).collect();
        let mut ticket = 0;
        self.call(|client, error| unsafe {
            ffi::mr_client_redrive(client, borrow(stream.as_ref()), ids.as_ptr(), ids.len(), &mut ticket, error)
        })?;
        Ok(Ticket(ticket))
    }
}

/// Entries as C has them: all fields in one table. It points at the caller's bytes.
struct Table {
    _fields: Vec<ffi::mr_field>,
    entries: Vec<ffi::mr_publish_entry>,
}

impl Table {
    fn new<E, N, V>(entries: &[E]) -> Table
    where
        E: AsRef<[(N, V)]>,
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let fields: Vec<_> = entries
            .iter()
            .flat_map(|entry| entry.as_ref())
            .map(|(name, value)| ffi::mr_field { name: borrow(name.as_ref()), value: borrow(value.as_ref()) })
            .collect();
        let mut first = 0;
        let of_each = entries.iter().map(|entry| {
            let field_count = entry.as_ref().len();
            first += field_count;
            ffi::mr_publish_entry { fields: fields[first - field_count..].as_ptr(), field_count }
        });
        Table { entries: of_each.collect(), _fields: fields }
    }
    fn publish(&self, stream: &[u8], config: Option<&Config>) -> ffi::mr_publish {
        ffi::mr_publish {
            stream: borrow(stream),
            entries: self.entries.as_ptr(),
            entry_count: self.entries.len(),
            config: config.map_or(null(), Config::raw),
            ..ffi::mr_publish::empty()
        }
    }
}

pub(crate) fn borrow(bytes: &[u8]) -> ffi::mr_str {
    ffi::mr_str { data: bytes.as_ptr().cast(), size: bytes.len() }
}

fn raw_id(id: Id) -> ffi::mr_id {
    ffi::mr_id { ms: id.ms, seq: id.seq }
}
