//! Lines to stdout, written by a thread of their own: a harness that does not read must not stop the client's loop.
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::Bell;

/// While so many bytes wait to be read, no batch is taken.
const FULL_BYTES: usize = 1 << 20;

pub struct Output {
    lines: Sender<String>,
    waiting: Arc<AtomicUsize>,
    writer: JoinHandle<()>,
}

impl Output {
    /// The bell is rung when there is room again.
    pub fn start(bell: Bell) -> Output {
        let (lines, receiver) = mpsc::channel::<String>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let writer = thread::spawn(move || {
            let mut out = io::stdout().lock();
            for line in receiver {
                // The harness is gone: the end of stdin tells it, too.
                if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
                    return;
                }
                let before = count.fetch_sub(line.len(), Ordering::Relaxed);
                if before >= FULL_BYTES && before - line.len() < FULL_BYTES {
                    bell.ring();
                }
            }
        });
        Output { lines, waiting, writer }
    }

    pub fn say(&self, event: &Value) {
        let line = format!("{event}\n");
        self.waiting.fetch_add(line.len(), Ordering::Relaxed);
        // Nobody takes it: the harness is gone.
        let _sent = self.lines.send(line);
    }

    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= FULL_BYTES
    }

    /// Waits until all is written.
    pub fn close(self) {
        drop(self.lines);
        let _ended = self.writer.join();
    }
}
