//! Consumes streams of a group until it is interrupted, and prints each entry:
//!
//!     cargo run --release --example consumer 'redis://localhost:6379?streams=orders&group=billing&consumer=billing-1'
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::os::raw::c_int;
use std::process::ExitCode;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use millrace::{Batch, Client};

static CLIENT: AtomicPtr<Client> = AtomicPtr::new(null_mut());

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;

extern "C" {
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
}

extern "C" fn interrupt(_number: c_int) {
    // SAFETY: the client was leaked before it was stored, and stop may be called here.
    if let Some(client) = unsafe { CLIENT.load(Ordering::Acquire).as_ref() } {
        client.stop();
    }
}

fn stop_when_interrupted(client: &'static Client) {
    CLIENT.store(client as *const Client as *mut Client, Ordering::Release);
    for number in [SIGINT, SIGTERM] {
        // SAFETY: the handler does nothing that a signal handler must not do.
        unsafe { signal(number, interrupt) };
    }
}

fn print(batch: &Batch) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for entry in batch.iter() {
        out.write_all(entry.stream())?;
        write!(out, " {}", entry.id())?;
        for (name, value) in entry.fields() {
            out.write_all(b" ")?;
            out.write_all(name)?;
            out.write_all(b"=")?;
            out.write_all(value)?;
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn consume(client: &Client) -> Result<(), Box<dyn Error>> {
    for batch in client.batches() {
        let batch = batch?;
        print(&batch)?;
        batch.ack()?; // what is not acked is delivered again
    }
    Ok(())
}

fn run(url: &str) -> Result<(), Box<dyn Error>> {
    // A signal handler may use it until the process ends.
    let client: &'static Client = Box::leak(Box::new(Client::connect(url, &[])?));
    client.open()?;
    stop_when_interrupted(client);
    let consumed = consume(client);
    let pending = client.close(Duration::from_secs(5));
    consumed?;
    match pending? {
        0 => {}
        pending => eprintln!("{pending} entries stay pending"),
    }
    Ok(())
}

fn main() -> ExitCode {
    let url = std::env::args().nth(1);
    let url = url.as_deref().unwrap_or("redis://localhost:6379?streams=orders&group=billing&consumer=billing-1");
    match run(url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
