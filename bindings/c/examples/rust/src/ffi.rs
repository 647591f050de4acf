//! What is used here of millrace.h, as it stands there. Public for programs that need more of it than is wrapped.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]
use crate::{Error, Id as mr_id, Result};
use std::{ffi::CStr, mem::size_of, os::raw::c_char, ptr::NonNull, slice};
pub type mr_status = i32;
pub const MR_THREAD_OWN: u32 = 1;
pub const MR_LOG_WARN: u32 = 2;
macro_rules! structs {
    ($($name:ident { $($field:ident: $type:ty),* })*) => { $(
        #[repr(C)] #[derive(Clone, Copy, Debug)] pub struct $name { $(pub $field: $type),* }
        // SAFETY: plain data. Who lends one says how long what it points to lives, and that nobody writes it.
        unsafe impl Send for $name {} unsafe impl Sync for $name {}
    )* };
}
structs! {
    mr_config { _opaque: [u8; 0] } mr_client { _opaque: [u8; 0] } mr_batch { _opaque: [u8; 0] }
    mr_error { size: usize, status: mr_status, retryable: i32, message: [c_char; 512] }
    mr_str { data: *const u8, size: usize } mr_text { data: *mut u8, size: usize }
    mr_field { name: mr_str, value: mr_str } mr_publish_entry { fields: *const mr_field, field_count: usize }
    mr_client_options { size: usize, thread: u32, event_max: u32, log_fd: i32, log_level: u32 }
    mr_entry { stream: mr_str, id: mr_id, fields: *const mr_field, field_count: usize, deliveries: u32, reserved: u32 }
    mr_batch_view { size: usize, entries: *const mr_entry, count: usize, entry_stride: usize, fields: *const mr_field,
                    field_count: usize, source: u32, reason: u32, batch: u64 }
    mr_publish { size: usize, stream: mr_str, entries: *const mr_publish_entry, entry_count: usize,
                 config: *const mr_config }
    mr_publish_result { id: mr_id, status: mr_status, flags: u32 }
}

extern "C" {
    pub fn mr_status_name(status: mr_status) -> *const c_char;
    pub fn mr_text_free(text: *mut mr_text);
    pub fn mr_config_free(config: *mut mr_config);
    pub fn mr_client_free(client: *mut mr_client);
    pub fn mr_client_stop(client: *mut mr_client);
    pub fn mr_batch_read(batch: *const mr_batch, view: *mut mr_batch_view) -> mr_status;
    pub fn mr_batch_free(batch: *mut mr_batch);
}

/// Functions that answer a status and fill an error, which is their last argument: here they answer a Result.
macro_rules! fallible {
    ($(fn $name:ident($($argument:ident: $type:ty),*);)*) => { $(
        pub unsafe fn $name($($argument: $type),*) -> Result<()> {
            extern "C" { fn $name($($argument: $type,)* error: *mut mr_error) -> mr_status; }
            check(|error| $name($($argument,)* error))
        }
    )* };
}
fallible! {
    fn mr_config_new(url: *const c_char, config: *mut *mut mr_config);
    fn mr_config_set(config: *mut mr_config, key: *const c_char, text: *const c_char);
    fn mr_client_new(config: *const mr_config, options: *const mr_client_options, client: *mut *mut mr_client);
    fn mr_client_open(client: *mut mr_client, config: *const mr_config, source: *mut u32);
    fn mr_client_next(client: *mut mr_client, source: u32, timeout_us: i64, batch: *mut *mut mr_batch);
    fn mr_client_close(client: *mut mr_client, timeout_us: i64, held: *mut u64);
    fn mr_client_metrics(client: *mut mr_client, text: *mut mr_text);
    fn mr_client_publish(client: *mut mr_client, publish: *const mr_publish, timeout_us: i64,
                         results: *mut mr_publish_result);
    fn mr_batch_ack(batch: *mut mr_batch, indices: *const u32, count: usize);
    fn mr_batch_nack(batch: *mut mr_batch, indices: *const u32, count: usize, delay_us: i64);
    fn mr_batch_give_back(batch: *mut mr_batch, indices: *const u32, count: usize);
    fn mr_batch_reject(batch: *mut mr_batch, indices: *const u32, count: usize, reason: *const c_char);
}

/// Makes a call that fills an error.
pub fn check(call: impl FnOnce(*mut mr_error) -> mr_status) -> Result<()> {
    let mut error = mr_error { size: size_of::<mr_error>(), status: 0, retryable: 0, message: [0; 512] };
    let status = call(&mut error);
    if status == 0 {
        return Ok(());
    }
    // SAFETY: zeroes end both: the static name, and the message, which is empty where none was written.
    let (code, message) = unsafe { (CStr::from_ptr(mr_status_name(status)), CStr::from_ptr(error.message.as_ptr())) };
    let (code, message) = (code.to_str().unwrap_or("unknown"), message.to_string_lossy().into_owned());
    Err(Error { code, retryable: error.retryable == 1, message })
}

/// A table of C's, which may be NULL where it is empty. It must live, unwritten, for as long as the caller says.
pub unsafe fn array<'a, T>(data: *const T, count: usize) -> &'a [T] {
    slice::from_raw_parts(NonNull::new(data as *mut T).unwrap_or_else(NonNull::dangling).as_ptr(), count)
}
