//! Makes events of those that the library lends.
use std::ffi::CStr;
use std::time::Duration;

use millrace::ffi::{array, mr_field, mr_publish_result, mr_status, mr_status_name, mr_str};
use millrace::{Error, Id};

use crate::event::{DeadLetter, Event, Failure, Field, Level, Origin, Outcome};
use crate::ffi;

impl Event {
    /// # Safety
    /// `raw` was filled by mr_client_poll_event just now. None: it was MR_EVENT_NONE.
    pub unsafe fn copy(raw: &ffi::mr_event) -> Option<Event> {
        let source = raw.source;
        let source_or_client = if raw.source == 0 { None } else { Some(source) };
        let ticket = raw.ticket;
        let stream = owned(raw.stream);
        let (id, other_id): (Id, Id) = (raw.id, raw.other_id);
        Some(match raw.kind {
            ffi::MR_EVENT_NONE => return None,
            ffi::MR_EVENT_READY => Event::Ready {
                source,
                mode: text(raw.text),
                consumer: owned(raw.consumer),
                version: text(raw.version),
                protocol: raw.protocol,
                cursors: owned_fields(raw.fields, raw.field_count),
            },
            ffi::MR_EVENT_ACKED => {
                Event::Acked { source, batch: raw.batch, indices: array(raw.indices, raw.index_count).to_vec() }
            }
            ffi::MR_EVENT_LOST => Event::Lost { source, stream, ids: ids(raw).collect() },
            ffi::MR_EVENT_DUPLICATE => Event::Duplicate { source, stream, id, canonical_id: owned(raw.text) },
            ffi::MR_EVENT_GROUP_RECREATED => Event::GroupRecreated { source, stream, from: text(raw.text) },
            ffi::MR_EVENT_PUBLISHED => {
                Event::Published { ticket, results: outcomes(raw).collect(), error: error_if(raw) }
            }
            ffi::MR_EVENT_MODE => Event::Mode { mode: text(raw.text), version: text(raw.version) },
            ffi::MR_EVENT_DISCONNECTED => {
                Event::Disconnected { lane: text(raw.text), reason: disconnect_reason(raw.reason), error: error(raw) }
            }
            ffi::MR_EVENT_RECONNECTED => Event::Reconnected { lane: text(raw.text), attempts: raw.count },
            ffi::MR_EVENT_GAP => {
                let missed = if raw.count == 0 { None } else { Some(raw.count) };
                Event::Gap { source, stream, read: id, next: other_id, missed }
            }
            ffi::MR_EVENT_RESET => Event::Reset { source, stream, read: id, last: other_id },
            ffi::MR_EVENT_INTERRUPTED => {
                Event::Interrupted { source, stream, lasted: Duration::from_micros(raw.count) }
            }
            ffi::MR_EVENT_TOO_LARGE => Event::TooLarge { source, stream, id: known(id), bytes: raw.count },
            ffi::MR_EVENT_DEAD => Event::Dead {
                source,
                stream,
                id,
                dead: owned(raw.text),
                dead_id: other_id,
                deliveries: raw.count,
                reason: owned(raw.message),
            },
            ffi::MR_EVENT_DEAD_FAILED => {
                Event::DeadFailed { source, stream, id, dead: owned(raw.text), error: error(raw) }
            }
            ffi::MR_EVENT_FAILED => {
                Event::Failed { source: source_or_client, error: error(raw), closed: raw.closed == 1 }
            }
            ffi::MR_EVENT_LOG => Event::Log {
                level: [Level::Debug, Level::Info, Level::Warn, Level::Error][raw.level.min(3) as usize],
                message: text(raw.message),
                fields: fields(raw.fields, raw.field_count).map(|(name, value)| (lossy(name), lossy(value))).collect(),
            },
            ffi::MR_EVENT_CLOSED => Event::Closed { source: source_or_client, held: raw.count },
            ffi::MR_EVENT_LOGS_DROPPED => Event::LogsDropped(raw.count),
            ffi::MR_EVENT_DEAD_LISTED => {
                let letters = error_if(raw).map_or_else(|| Ok(letters(raw)), Err);
                Event::DeadListed { ticket, stream, dead: owned(raw.text), letters }
            }
            ffi::MR_EVENT_REDRIVEN => {
                Event::Redriven { ticket, stream, results: ids(raw).zip(outcomes(raw)).collect(), error: error_if(raw) }
            }
            other => Event::Other(other),
        })
    }
}

impl Outcome {
    pub fn of(result: &mr_publish_result) -> Outcome {
        let id = if result.status == 0 { Ok(result.id) } else { Err(failure(result.status)) };
        Outcome {
            id,
            maybe_duplicate: result.flags & ffi::MR_PUBLISH_MAYBE_DUPLICATE != 0,
            maybe_written: result.flags & ffi::MR_PUBLISH_MAYBE_WRITTEN != 0,
            reordered: result.flags & ffi::MR_PUBLISH_REORDERED != 0,
        }
    }
}

fn disconnect_reason(number: u32) -> &'static str {
    unsafe { CStr::from_ptr(ffi::mr_disconnect_name(number)) }.to_str().unwrap_or("unknown")
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn known(id: Id) -> Option<Id> {
    Some(id).filter(|id| *id != Id::default())
}

fn error_if(raw: &ffi::mr_event) -> Option<Error> {
    // SAFETY: as Event::copy's.
    Some(unsafe { error(raw) }).filter(|_| raw.status != 0)
}

fn name(status: mr_status) -> &'static str {
    // SAFETY: a static text for every number, and so below.
    unsafe { CStr::from_ptr(mr_status_name(status)) }.to_str().unwrap_or("unknown")
}

fn failure(status: mr_status) -> Failure {
    let meaning = unsafe { CStr::from_ptr(ffi::mr_strerror(status)) }.to_str().unwrap_or("unknown");
    Failure { code: name(status), meaning }
}

// Of all that follows, too: the event was filled just now, so what it points to lives.

unsafe fn bytes<'a>(of: mr_str) -> &'a [u8] {
    array(of.data, of.size)
}

unsafe fn fields<'a>(data: *const mr_field, count: usize) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    array(data, count).iter().map(|field| (bytes(field.name), bytes(field.value)))
}

unsafe fn owned(bytes_of: mr_str) -> Vec<u8> {
    bytes(bytes_of).to_vec()
}

unsafe fn text(of: mr_str) -> String {
    lossy(bytes(of))
}

unsafe fn error(raw: &ffi::mr_event) -> Error {
    Error { code: name(raw.status), retryable: raw.retryable == 1, message: text(raw.message) }
}

unsafe fn owned_fields(data: *const mr_field, count: usize) -> Vec<Field> {
    fields(data, count).map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

unsafe fn ids(raw: &ffi::mr_event) -> impl Iterator<Item = Id> + '_ {
    array(raw.ids, raw.id_count).iter().copied()
}

unsafe fn outcomes(raw: &ffi::mr_event) -> impl Iterator<Item = Outcome> + '_ {
    array(raw.results, raw.result_count).iter().map(Outcome::of)
}

unsafe fn letters(raw: &ffi::mr_event) -> Vec<DeadLetter> {
    let at = |index| &*raw.letters.cast::<u8>().add(index * raw.letter_stride).cast::<ffi::mr_dead_letter>();
    (0..raw.letter_count).map(|index| letter(at(index))).collect()
}

unsafe fn letter(raw: &ffi::mr_dead_letter) -> DeadLetter {
    let origin = known(raw.id).map(|id| Origin {
        stream: owned(raw.stream),
        id,
        group: owned(raw.group),
        consumer: owned(raw.consumer),
        deliveries: raw.deliveries,
        reason: owned(raw.reason),
    });
    DeadLetter {
        dead_id: raw.dead_id,
        origin,
        fields: owned_fields(raw.fields, raw.field_count),
        is_cut: raw.is_cut == 1,
    }
}
