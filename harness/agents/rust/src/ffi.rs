//! What the agent uses of millrace.h beside what the crate declares: names, order and types are the header's.
#![allow(non_camel_case_types)]

use std::os::raw::c_char;

use millrace::ffi::*;
use millrace::Id as mr_id;

pub const MR_THREAD_NONE: u32 = 0;

pub const MR_FLUSH_SIZE: u32 = 0;
pub const MR_FLUSH_INTERVAL: u32 = 1;

pub const MR_PUBLISH_MAYBE_DUPLICATE: u32 = 1;
pub const MR_PUBLISH_MAYBE_WRITTEN: u32 = 2;
pub const MR_PUBLISH_REORDERED: u32 = 4;

pub const MR_EVENT_NONE: u32 = 0;
pub const MR_EVENT_READY: u32 = 1;
pub const MR_EVENT_ACKED: u32 = 2;
pub const MR_EVENT_LOST: u32 = 3;
pub const MR_EVENT_DUPLICATE: u32 = 4;
pub const MR_EVENT_GROUP_RECREATED: u32 = 5;
pub const MR_EVENT_PUBLISHED: u32 = 6;
pub const MR_EVENT_MODE: u32 = 7;
pub const MR_EVENT_DISCONNECTED: u32 = 8;
pub const MR_EVENT_RECONNECTED: u32 = 9;
pub const MR_EVENT_GAP: u32 = 10;
pub const MR_EVENT_RESET: u32 = 11;
pub const MR_EVENT_INTERRUPTED: u32 = 12;
pub const MR_EVENT_TOO_LARGE: u32 = 13;
pub const MR_EVENT_DEAD: u32 = 14;
pub const MR_EVENT_DEAD_FAILED: u32 = 15;
pub const MR_EVENT_FAILED: u32 = 16;
pub const MR_EVENT_LOG: u32 = 17;
pub const MR_EVENT_CLOSED: u32 = 18;
pub const MR_EVENT_LOGS_DROPPED: u32 = 19;
pub const MR_EVENT_DEAD_LISTED: u32 = 20;
pub const MR_EVENT_REDRIVEN: u32 = 21;

#[repr(C)]
pub struct mr_dead_letter {
    pub dead_id: mr_id,
    pub id: mr_id,
    pub stream: mr_str,
    pub group: mr_str,
    pub consumer: mr_str,
    pub reason: mr_str,
    pub fields: *const mr_field,
    pub field_count: usize,
    pub deliveries: u32,
    pub is_cut: u32,
}

#[repr(C)]
pub struct mr_event {
    pub size: usize,
    pub kind: u32,
    pub source: u32,
    pub batch: u64,
    pub ticket: u64,
    pub count: u64,
    pub status: mr_status,
    pub retryable: i32,
    pub closed: u32,
    pub level: u32,
    pub protocol: u32,
    pub reason: u32,
    pub stream: mr_str,
    pub consumer: mr_str,
    pub text: mr_str,
    pub message: mr_str,
    pub version: mr_str,
    pub id: mr_id,
    pub other_id: mr_id,
    pub ids: *const mr_id,
    pub id_count: usize,
    pub indices: *const u32,
    pub index_count: usize,
    pub fields: *const mr_field,
    pub field_count: usize,
    pub results: *const mr_publish_result,
    pub result_count: usize,
    pub letters: *const mr_dead_letter,
    pub letter_count: usize,
    pub letter_stride: usize,
    pub view: *const mr_batch_view,
}

extern "C" {
    pub fn mr_strerror(status: mr_status) -> *const c_char;
    pub fn mr_disconnect_name(reason: u32) -> *const c_char;
    pub fn mr_id_parse(text: *const c_char, id: *mut mr_id, error: *mut mr_error) -> mr_status;
    pub fn mr_config_json(config: *mut mr_config, json: *const c_char, size: usize, error: *mut mr_error) -> mr_status;
    pub fn mr_config_set_list(
        config: *mut mr_config,
        key: *const c_char,
        values: *const mr_str,
        count: usize,
        error: *mut mr_error,
    ) -> mr_status;
    pub fn mr_config_copy(config: *const mr_config, copy: *mut *mut mr_config, error: *mut mr_error) -> mr_status;
    pub fn mr_client_pause(client: *mut mr_client, source: u32, error: *mut mr_error) -> mr_status;
    pub fn mr_client_resume(client: *mut mr_client, source: u32, error: *mut mr_error) -> mr_status;
    pub fn mr_client_drain(client: *mut mr_client, timeout_us: i64, error: *mut mr_error) -> mr_status;
    pub fn mr_client_poll_event(client: *mut mr_client, event: *mut mr_event) -> mr_status;
    pub fn mr_client_wait(client: *mut mr_client, timeout_us: i64, error: *mut mr_error) -> mr_status;
    pub fn mr_client_wake(client: *mut mr_client);
    pub fn mr_client_health_json(
        client: *mut mr_client,
        source: u32,
        timeout_us: i64,
        text: *mut mr_text,
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
    pub fn mr_batch_release(batch: *mut mr_batch);
}
