//! The peer: the loop that redis-rs' users write. One command reads a batch, one acks it.
use std::error::Error;
use std::time::Instant;

use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{Commands, Value};

use crate::{Figures, Job};

const BLOCK_MS: usize = 2000;

pub fn consume(job: &Job) -> Result<Figures, Box<dyn Error>> {
    let mut connection = redis::Client::open(job.url.as_str())?.get_connection()?;
    let made: redis::RedisResult<()> = connection.xgroup_create_mkstream(&job.stream, &job.group, "0");
    match made {
        Err(error) if error.code() != Some("BUSYGROUP") => return Err(error.into()),
        _ => {}
    }
    let options = StreamReadOptions::default().group(&job.group, "bench").count(job.batch).block(BLOCK_MS);
    let start = Instant::now();
    let (mut entries, mut bytes) = (0, 0);
    while entries < job.count {
        let reply: StreamReadReply = connection.xread_options(&[&job.stream], &[">"], &options)?;
        for stream in &reply.keys {
            for entry in &stream.ids {
                if let Some(Value::Data(payload)) = entry.map.get("payload") {
                    bytes += std::str::from_utf8(payload)?.len() as u64;
                }
            }
            let ids: Vec<&str> = stream.ids.iter().map(|entry| entry.id.as_str()).collect();
            let _acked: u64 = connection.xack(&stream.key, &job.group, &ids)?;
            entries += ids.len() as u64;
        }
    }
    Ok(Figures { entries, bytes, took: start.elapsed() })
}
