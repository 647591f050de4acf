//! What a consumer does with batches, on a real server.
mod server;

use std::collections::BTreeSet;
use std::sync::{mpsc, Mutex};
use std::thread;
use std::time::Duration;

use millrace::{Batch, Client, Entry};
use server::{Server, LONG};

fn next(client: &Client) -> Batch {
    client.next(Some(LONG)).expect("a batch").expect("a batch in time")
}

fn first(batch: &Batch) -> Entry<'_> {
    batch.iter().next().expect("an entry")
}

fn numbers(batch: &Batch) -> Vec<&str> {
    batch.iter().map(|entry| std::str::from_utf8(entry.field("n").unwrap()).unwrap()).collect()
}

fn code_of<T>(answer: millrace::Result<T>) -> &'static str {
    answer.map_or_else(|error| error.code, |_| "ok")
}

#[test]
fn delivers_in_order_and_acks() {
    let server = Server::start();
    server.fill("s", 5);
    let client = server.consumer("s", "batch_size=5");
    let batch = next(&client);
    assert_eq!(numbers(&batch), ["0", "1", "2", "3", "4"]);
    assert_eq!(batch.iter().len(), 5);
    let entry = first(&batch);
    assert_eq!((entry.stream(), entry.deliveries()), (&b"s"[..], 1));
    assert!(server.ask(&["XRANGE", "s", "-", "+", "COUNT", "1"]).contains(&entry.id().to_string()));
    assert_eq!(entry.field("missing"), None);
    assert_eq!(server.pending("s"), 5);
    batch.ack().unwrap();
    assert_eq!(client.close(LONG), Ok(0));
    assert_eq!(server.pending("s"), 0);
}

#[test]
fn acks_a_part() {
    let server = Server::start();
    server.fill("s", 4);
    let client = server.consumer("s", "batch_size=4");
    let batch = next(&client);
    batch.ack_some(&[]).unwrap();
    batch.ack_some(&[0, 2]).unwrap();
    assert_eq!(code_of(batch.ack_some(&[0, 1])), "not_held"); // then 1 is not acked, either
    assert_eq!(code_of(batch.ack_some(&[4])), "bad_argument");
    assert_eq!(client.close(LONG), Ok(2));
    assert_eq!(server.pending("s"), 2);
}

#[test]
fn nacked_entries_come_again_and_those_given_back_stay() {
    let server = Server::start();
    server.fill("s", 2);
    let client = server.consumer("s", "batch_size=2&flush_interval=0");
    let batch = next(&client);
    batch.nack(Some(&[0]), Some(Duration::ZERO)).unwrap();
    let again = next(&client);
    assert_eq!((numbers(&again), first(&again).deliveries()), (vec!["0"], 2));
    again.give_back(None).unwrap();
    assert_eq!(code_of(again.ack_some(&[0])), "not_held");
    batch.ack().unwrap();
    client.close(LONG).unwrap();
    assert_eq!(server.pending("s"), 1);
}

#[test]
fn rejected_entries_are_dead_letters() {
    let server = Server::start();
    server.fill("s", 2);
    let client = server.consumer("s", "batch_size=2");
    let batch = next(&client);
    assert_eq!(code_of(batch.reject(None, "zero\0inside")), "bad_argument");
    batch.reject(Some(&[1]), "no such customer").unwrap();
    assert_eq!(client.close(LONG), Ok(1));
    assert_eq!(server.pending("s"), 1);
    let dead = server.ask(&["XRANGE", "{s}:dead", "-", "+"]);
    assert!(dead.contains("no such customer") && dead.contains("n 1"), "{dead}");
}

#[test]
fn carries_every_byte() {
    let server = Server::start();
    let all: Vec<u8> = (0..=255).collect();
    server.fill("s", 0);
    let client = server.consumer("s", "flush_interval=0");
    let ids = client.publish(b"s", &[&[(&all, &all), (&all, b"")]], LONG).unwrap();
    let batch = next(&client);
    assert_eq!(first(&batch).id(), ids[0]);
    assert_eq!(first(&batch).fields().collect::<Vec<_>>(), [(&all[..], &all[..]), (&all[..], &b""[..])]);
}

#[test]
fn a_batch_outlives_its_client() {
    let server = Server::start();
    server.fill("s", 1);
    let client = server.consumer("s", "flush_interval=0");
    let batch = next(&client);
    drop(client);
    assert_eq!(numbers(&batch), ["0"]);
    assert_eq!(code_of(batch.ack()), "closed");
    assert_eq!(server.pending("s"), 1);
}

#[test]
fn threads_share_a_client() {
    const COUNT: usize = 2000;
    let server = Server::start();
    server.fill("s", COUNT);
    let client = server.consumer("s", "batch_size=10");
    let seen = Mutex::new(BTreeSet::new());
    let (sender, receiver) = mpsc::channel::<Batch>();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (client, seen, sender) = (&client, &seen, sender.clone());
            scope.spawn(move || {
                for batch in client.batches() {
                    let batch = batch.unwrap();
                    let mut seen = seen.lock().unwrap();
                    for number in numbers(&batch) {
                        assert!(seen.insert(number.to_owned()), "{number} came twice");
                    }
                    if seen.len() == COUNT {
                        client.stop();
                    }
                    sender.send(batch).unwrap();
                }
            });
        }
        drop(sender);
        // Another thread than those that took them acks them.
        scope.spawn(move || receiver.iter().for_each(|batch| batch.ack().unwrap()));
    });
    assert_eq!(seen.into_inner().unwrap().len(), COUNT);
    assert_eq!(client.close(LONG), Ok(0));
    assert_eq!(server.pending("s"), 0);
}
