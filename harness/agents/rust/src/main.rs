//! Protocol 1 over the Rust crate: one consumer or tail, requests in, answers and events out (harness/README.md).
//!
//! One thread does it all and turns the client's loop; one reads stdin, one writes stdout, and both wake it. On a bare
//! Debian 12, with librust-serde-json-dev, no registry is wanted:
//!
//!     cargo build --release --locked --offline --config 'source.crates-io.replace-with="debian"' \
//!         --config 'source.debian.directory="/usr/share/cargo/registry"'
mod agent;
mod commands;
mod config;
mod copy;
mod event;
mod events;
mod ffi;
mod held;
mod output;
mod requests;
mod session;
mod values;

use std::io::{self, BufRead};
use std::sync::mpsc::{self, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread;

use agent::Agent;
use output::Output;
use session::Session;

/// Wakes the loop of the client, once there is one.
#[derive(Clone, Default)]
pub struct Bell {
    session: Arc<Mutex<Option<Arc<Session>>>>,
}

impl Bell {
    pub fn hang(&self, session: Arc<Session>) {
        *self.session.lock().expect("nobody panics with it") = Some(session);
    }
    pub fn ring(&self) {
        if let Some(session) = &*self.session.lock().expect("nobody panics with it") {
            session.wake();
        }
    }
}

fn read_lines(lines: Sender<Vec<u8>>, bell: Bell) {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).map_or(false, |count| count > 0) {
        if lines.send(std::mem::take(&mut line)).is_err() {
            return;
        }
        bell.ring();
    }
    drop(lines);
    bell.ring();
}

fn main() {
    let bell = Bell::default();
    let (sender, lines) = mpsc::channel();
    let of_reader = bell.clone();
    thread::spawn(move || read_lines(sender, of_reader));
    let output = Output::start(bell.clone());
    let mut agent = Agent::new(&output, bell);
    loop {
        agent.work();
        if agent.has_finished() {
            break;
        }
        // Looked for after the work: a turn of the loop in there may have taken the bell's ring for its own.
        let line = if agent.turns() { lines.try_recv() } else { lines.recv().map_err(|_| TryRecvError::Disconnected) };
        match line {
            Ok(line) => agent.handle_line(&line),
            Err(TryRecvError::Empty) => agent.wait(),
            Err(TryRecvError::Disconnected) => agent.end(),
        }
    }
    drop(agent);
    output.close();
}
