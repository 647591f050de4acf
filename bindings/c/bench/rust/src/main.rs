//! Consumes entries of a group and tells how long that took: `bench WHICH URL STREAM GROUP COUNT BATCH`, where WHICH is
//! millrace or redis-rs. Each payload is read, and each batch acked. Prints {"entries":…,"bytes":…,"seconds":…}; exits
//! 3 when the peer was not built in, which the feature `peer` does:
//!
//!     cargo run --release --features peer -- redis-rs redis://localhost:6379 orders bench 100000 100
//!
//! Where no registry is to be had: --offline --manifest-path alone/Cargo.toml.
#[cfg(feature = "peer")]
mod redis_rs;

use std::error::Error;
use std::process::exit;
use std::str::FromStr;
use std::time::{Duration, Instant};

use millrace::Client;

/// What to consume, and how.
pub struct Job {
    pub url: String,
    pub stream: String,
    pub group: String,
    pub count: u64,
    pub batch: usize,
}

/// What was consumed.
pub struct Figures {
    pub entries: u64,
    pub bytes: u64,
    pub took: Duration,
}

fn millrace(job: &Job) -> Result<Figures, Box<dyn Error>> {
    let batch_size = job.batch.to_string();
    let keys =
        [("streams", &job.stream[..]), ("group", &job.group), ("consumer", "bench"), ("batch_size", &batch_size)];
    let client = Client::connect(&job.url, &keys)?;
    let start = Instant::now();
    client.open()?;
    let (mut entries, mut bytes) = (0, 0);
    for batch in client.batches() {
        let batch = batch?;
        for entry in batch.iter() {
            let payload = std::str::from_utf8(entry.field("payload").unwrap_or_default())?;
            bytes += payload.len() as u64;
        }
        batch.ack()?;
        entries += batch.iter().len() as u64;
        if entries >= job.count {
            break;
        }
    }
    client.close(Duration::from_secs(30))?; // the last acks are answered
    Ok(Figures { entries, bytes, took: start.elapsed() })
}

#[cfg(feature = "peer")]
fn peer(job: &Job) -> Result<Figures, Box<dyn Error>> {
    redis_rs::consume(job)
}

#[cfg(not(feature = "peer"))]
fn peer(_job: &Job) -> Result<Figures, Box<dyn Error>> {
    eprintln!("bench: redis-rs is absent: build with --features peer");
    exit(3);
}

fn number<N: FromStr>(name: &str, text: &str) -> Result<N, Box<dyn Error>> {
    text.parse().map_err(|_| format!("{name} must be a number, not '{text}'").into())
}

fn run(args: &[String]) -> Result<Figures, Box<dyn Error>> {
    let (which, job) = match args {
        [which, url, stream, group, count, batch] => {
            let (url, stream, group) = (url.clone(), stream.clone(), group.clone());
            (which, Job { url, stream, group, count: number("COUNT", count)?, batch: number("BATCH", batch)? })
        }
        _ => return Err("usage: bench millrace|redis-rs URL STREAM GROUP COUNT BATCH".into()),
    };
    match which.as_str() {
        "millrace" => millrace(&job),
        "redis-rs" => peer(&job),
        other => Err(format!("no peer '{other}': millrace or redis-rs").into()),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(Figures { entries, bytes, took }) => {
            println!(r#"{{"entries":{entries},"bytes":{bytes},"seconds":{:.6}}}"#, took.as_secs_f64());
        }
        Err(error) => {
            eprintln!("bench: {error}");
            exit(1);
        }
    }
}
