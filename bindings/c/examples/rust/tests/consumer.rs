//! What a consumer does with batches, on a real server.
mod server;

use std::collections::BTreeSet;
use std::sync::{mpsc, Mutex};
use std::thread;
use std::time::Duration;

use millrace::{Batch, Client, Code, Event, Reason};
use server::{wait_for, Server, LONG};

fn next(client: &Client) -> Batch {
    client.next(None, Some(LONG)).expect("a batch").expect("a batch in time")
}

fn numbers(batch: &Batch) -> Vec<&str> {
    batch.iter().map(|entry| std::str::from_utf8(entry.field("n").unwrap()).unwrap()).collect()
}

#[test]
fn delivers_in_order_and_acks() {
    let server = Server::start();
    server.fill("s", 5);
    let client = Client::connect(&server.url("streams=s&group=g&consumer=c&batch_size=5")).unwrap();
    let source = client.open().unwrap();
    let batch = next(&client);
    assert_eq!(numbers(&batch), ["0", "1", "2", "3", "4"]);
    assert_eq!((batch.len(), batch.reason(), batch.source()), (5, Reason::Size, source));
    let entry = batch.get(0).unwrap();
    assert_eq!((entry.stream(), entry.deliveries()), (&b"s"[..], 1));
    assert_eq!(entry.id().to_string().parse(), Ok(entry.id()));
    assert_eq!(entry.field("missing"), None);
    assert!(batch.get(5).is_none());
    assert_eq!(server.pending("s"), 5);
    batch.ack().unwrap();
    assert_eq!(client.close(LONG), Ok(0));
    assert_eq!(server.pending("s"), 0);
}

#[test]
fn acks_a_part() {
    let server = Server::start();
    server.fill("s", 4);
    let client = server.client("s", "batch_size=4");
    client.open().unwrap();
    let mut batch = next(&client);
    batch.ack_some(&[]).unwrap();
    batch.ack_some(&[0, 2]).unwrap();
    let acked = wait_for(&client, |event| match event {
        Event::Acked { batch, indices, .. } => Some((batch, indices)),
        _ => None,
    });
    assert_eq!(acked, (batch.number(), vec![0, 2]));
    assert_eq!(server.pending("s"), 2);
    assert_eq!(batch.ack_some(&[0, 1]).unwrap_err().code, Code::NOT_HELD);
    assert_eq!(batch.ack_some(&[4]).unwrap_err().code, Code::BAD_ARGUMENT);
    batch.release();
    assert_eq!((batch.len(), batch.iter().count()), (0, 0));
    batch.ack().unwrap();
    assert_eq!(client.close(LONG), Ok(0));
    assert_eq!(server.pending("s"), 0);
}

#[test]
fn nacked_entries_come_again_and_those_given_back_stay() {
    let server = Server::start();
    server.fill("s", 2);
    let client = server.client("s", "batch_size=2&flush_interval=0");
    client.open().unwrap();
    let batch = next(&client);
    batch.nack_some(&[0], Some(Duration::ZERO)).unwrap();
    let again = next(&client);
    assert_eq!((numbers(&again), again.get(0).unwrap().deliveries()), (vec!["0"], 2));
    again.give_back().unwrap();
    assert_eq!(again.ack_some(&[0]).unwrap_err().code, Code::NOT_HELD);
    batch.ack().unwrap();
    client.close(LONG).unwrap();
    assert_eq!(server.pending("s"), 1);
}

#[test]
fn rejected_entries_are_dead_letters_that_can_be_put_back() {
    let server = Server::start();
    server.fill("s", 1);
    let client = server.client("s", "flush_interval=0");
    client.open().unwrap();
    next(&client).reject("no such customer").unwrap();
    let dead_id = wait_for(&client, |event| match event {
        Event::Dead { dead_id, reason, .. } => Some((dead_id, reason)),
        _ => None,
    });
    assert_eq!(dead_id.1, b"no such customer");
    let asked = client.dead("s", Default::default(), 10).unwrap();
    let letters = wait_for(&client, |event| match event {
        Event::DeadListed { ticket, letters, .. } if ticket == asked => Some(letters.unwrap()),
        _ => None,
    });
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].dead_id, dead_id.0);
    assert_eq!(letters[0].fields, [(b"n".to_vec(), b"0".to_vec())]);
    assert_eq!(letters[0].origin.as_ref().unwrap().group, b"g");
    client.redrive("s", &[dead_id.0]).unwrap();
    assert_eq!(numbers(&next(&client)), ["0"]);
}

#[test]
fn carries_every_byte() {
    let server = Server::start();
    let all: Vec<u8> = (0..=255).collect();
    let client = Client::connect(&server.url("group=g&consumer=c&flush_interval=0")).unwrap();
    let mut config = millrace::Config::new(&server.url("group=g&consumer=c&flush_interval=0")).unwrap();
    config.set_list("streams", &[&all]).unwrap();
    let ids = client.publish(&all, &[[(&all, &all), (&all, &Vec::new())]], None, LONG).unwrap();
    client.open_with(&config).unwrap();
    let batch = next(&client);
    let entry = batch.get(0).unwrap();
    assert_eq!((entry.stream(), entry.id()), (&all[..], ids[0]));
    assert_eq!(entry.fields().collect::<Vec<_>>(), [(&all[..], &all[..]), (&all[..], &b""[..])]);
}

#[test]
fn a_batch_outlives_its_client() {
    let server = Server::start();
    server.fill("s", 1);
    let client = server.client("s", "flush_interval=0");
    client.open().unwrap();
    let batch = next(&client);
    drop(client);
    assert_eq!(numbers(&batch), ["0"]);
    assert_eq!(batch.ack().unwrap_err().code, Code::CLOSED);
    assert_eq!(server.pending("s"), 1);
}

#[test]
fn threads_share_a_client() {
    const COUNT: usize = 2000;
    let server = Server::start();
    server.fill("s", COUNT);
    let client = Client::connect(&server.url("streams=s&group=g&consumer=c&batch_size=10")).unwrap();
    client.open().unwrap();
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
