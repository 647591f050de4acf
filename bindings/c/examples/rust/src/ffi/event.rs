//! Events as millrace.h has them, and what they point to.
use std::mem::{size_of, zeroed};

use super::{mr_batch_view, mr_field, mr_id, mr_publish_result, mr_status, mr_str};

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

sized!(mr_event);
