//! What this crate uses of millrace.h, as it stands there: names, order and types are the header's, and so is the
//! documentation. Nothing here is safe to call by itself.
#![allow(non_camel_case_types)]

use std::mem::{size_of, zeroed};
use std::os::raw::{c_char, c_int};

/// Structs that begin with their size are made with it, and are empty otherwise.
macro_rules! sized {
    ($($name:ident)*) => { $(
        impl $name {
            pub fn empty() -> Self {
                // SAFETY: these structs hold numbers and pointers alone, for which all zeroes are a value.
                Self { size: size_of::<Self>(), ..unsafe { zeroed() } }
            }
        }
    )* };
}

mod event;
pub use event::*;

pub type mr_status = i32;

pub const MR_OK: mr_status = 0;
pub const MR_BAD_ARGUMENT: mr_status = 2;

pub const MR_THREAD_NONE: u32 = 0;
pub const MR_THREAD_OWN: u32 = 1;

pub const MR_FLUSH_SIZE: u32 = 0;
pub const MR_FLUSH_INTERVAL: u32 = 1;

pub const MR_PUBLISH_MAYBE_DUPLICATE: u32 = 1;
pub const MR_PUBLISH_MAYBE_WRITTEN: u32 = 2;
pub const MR_PUBLISH_REORDERED: u32 = 4;

#[repr(C)]
pub struct mr_config {
    _opaque: [u8; 0],
}
#[repr(C)]
pub struct mr_client {
    _opaque: [u8; 0],
}
#[repr(C)]
pub struct mr_batch {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct mr_error {
    pub size: usize,
    pub status: mr_status,
    pub retryable: i32,
    pub message: [c_char; 512],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct mr_str {
    pub data: *const c_char,
    pub size: usize,
}

#[repr(C)]
pub struct mr_text {
    pub data: *mut c_char,
    pub size: usize,
}

#[repr(C)]
pub struct mr_field {
    pub name: mr_str,
    pub value: mr_str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct mr_id {
    pub ms: u64,
    pub seq: u64,
}

#[repr(C)]
pub struct mr_client_options {
    pub size: usize,
    pub thread: u32,
    pub event_max: u32,
}

#[repr(C)]
pub struct mr_entry {
    pub stream: mr_str,
    pub id: mr_id,
    pub fields: *const mr_field,
    pub field_count: usize,
    pub deliveries: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct mr_batch_view {
    pub size: usize,
    pub entries: *const mr_entry,
    pub count: usize,
    pub entry_stride: usize,
    pub fields: *const mr_field,
    pub field_count: usize,
    pub source: u32,
    pub reason: u32,
    pub batch: u64,
}

#[repr(C)]
pub struct mr_publish_entry {
    pub fields: *const mr_field,
    pub field_count: usize,
}

#[repr(C)]
pub struct mr_publish {
    pub size: usize,
    pub stream: mr_str,
    pub entries: *const mr_publish_entry,
    pub entry_count: usize,
    pub config: *const mr_config,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct mr_publish_result {
    pub id: mr_id,
    pub status: mr_status,
    pub flags: u32,
}

sized!(mr_error mr_client_options mr_batch_view mr_publish);

extern "C" {
    pub fn mr_status_name(status: mr_status) -> *const c_char;
    pub fn mr_strerror(status: mr_status) -> *const c_char;
    pub fn mr_advice(status: mr_status) -> *const c_char;
    pub fn mr_is_fatal(status: mr_status) -> c_int;
    pub fn mr_text_free(text: *mut mr_text);
    pub fn mr_id_parse(text: *const c_char, id: *mut mr_id, error: *mut mr_error) -> mr_status;

    pub fn mr_config_new(url: *const c_char, config: *mut *mut mr_config, error: *mut mr_error) -> mr_status;
    pub fn mr_config_json(config: *mut mr_config, json: *const c_char, size: usize, error: *mut mr_error) -> mr_status;
    pub fn mr_config_set(
        config: *mut mr_config,
        key: *const c_char,
        text: *const c_char,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_config_set_list(
        config: *mut mr_config,
        key: *const c_char,
        values: *const mr_str,
        count: usize,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_config_copy(config: *const mr_config, copy: *mut *mut mr_config, error: *mut mr_error) -> mr_status;
    pub fn mr_config_free(config: *mut mr_config);

    pub fn mr_client_new(
        config: *const mr_config,
        options: *const mr_client_options,
        client: *mut *mut mr_client,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_free(client: *mut mr_client);
    pub fn mr_client_open(
        client: *mut mr_client,
        config: *const mr_config,
        source: *mut u32,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_close_source(client: *mut mr_client, source: u32, error: *mut mr_error) -> mr_status;
    pub fn mr_client_pause(client: *mut mr_client, source: u32, error: *mut mr_error) -> mr_status;
    pub fn mr_client_resume(client: *mut mr_client, source: u32, error: *mut mr_error) -> mr_status;
    pub fn mr_client_next(
        client: *mut mr_client,
        source: u32,
        timeout_us: i64,
        batch: *mut *mut mr_batch,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_replace_credentials(
        client: *mut mr_client,
        username: *const c_char,
        password: *const c_char,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_drain(client: *mut mr_client, timeout_us: i64, error: *mut mr_error) -> mr_status;
    pub fn mr_client_close(client: *mut mr_client, timeout_us: i64, held: *mut u64, error: *mut mr_error) -> mr_status;
    pub fn mr_client_poll_event(client: *mut mr_client, event: *mut mr_event) -> mr_status;
    pub fn mr_client_fd(client: *const mr_client) -> c_int;
    pub fn mr_client_timeout_us(client: *const mr_client) -> i64;
    pub fn mr_client_wait(client: *mut mr_client, timeout_us: i64, error: *mut mr_error) -> mr_status;
    pub fn mr_client_wake(client: *mut mr_client);
    pub fn mr_client_stop(client: *mut mr_client);
    pub fn mr_client_health_json(
        client: *mut mr_client,
        source: u32,
        timeout_us: i64,
        text: *mut mr_text,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_metrics(client: *mut mr_client, text: *mut mr_text, error: *mut mr_error) -> mr_status;
    pub fn mr_client_publish(
        client: *mut mr_client,
        publish: *const mr_publish,
        timeout_us: i64,
        results: *mut mr_publish_result,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_publish_async(
        client: *mut mr_client,
        publish: *const mr_publish,
        ticket: *mut u64,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_dead(
        client: *mut mr_client,
        stream: mr_str,
        after: mr_id,
        count: u32,
        ticket: *mut u64,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_client_redrive(
        client: *mut mr_client,
        stream: mr_str,
        dead_ids: *const mr_id,
        count: usize,
        ticket: *mut u64,
        error: *mut mr_error,
    ) -> mr_status;

    pub fn mr_batch_read(batch: *const mr_batch, view: *mut mr_batch_view) -> mr_status;
    pub fn mr_batch_ack(batch: *mut mr_batch, indices: *const u32, count: usize, error: *mut mr_error) -> mr_status;
    pub fn mr_batch_nack(
        batch: *mut mr_batch,
        indices: *const u32,
        count: usize,
        delay_us: i64,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_batch_give_back(
        batch: *mut mr_batch,
        indices: *const u32,
        count: usize,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_batch_reject(
        batch: *mut mr_batch,
        indices: *const u32,
        count: usize,
        reason: *const c_char,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_batch_release(batch: *mut mr_batch);
    pub fn mr_batch_free(batch: *mut mr_batch);
}
