//! What a client says and refuses, on a real server.
mod server;

use std::thread;
use std::time::Duration;

use millrace::{Batch, Client, Entry, Error};
use server::{Server, LONG};

fn connect(url: &str) -> Client {
    Client::connect(url, &[]).expect("a client")
}

#[test]
fn publishes_and_tells_the_ids() {
    let server = Server::start();
    let client = connect(&server.url(""));
    let ids = client.publish(b"s", &[&[(b"a", b"1"), (b"b", b"2")], &[(b"a", b"3")]], LONG).unwrap();
    assert!(ids[0] < ids[1]);
    assert_eq!(server.ask(&["XRANGE", "s", "-", "+"]), format!("[[{} [a 1 b 2]] [{} [a 3]]]", ids[0], ids[1]));
}

#[test]
fn keys_are_laid_over_the_url() {
    let server = Server::start();
    let keys = [("max_len", "1"), ("max_len_exact", "true")];
    let client = Client::connect(&server.url("max_len=3"), &keys).unwrap();
    client.publish(b"s", &[&[(b"a", b"1")], &[(b"a", b"2")]], LONG).unwrap();
    assert_eq!(server.ask(&["XLEN", "s"]), "1");
    let wrong = Client::connect("redis://h", &[("batch_sise", "1")]).unwrap_err();
    assert!(wrong.message.contains("batch_size"), "{wrong}");
    assert_eq!(Client::connect("redis://h", &[("group", "a\0b")]).unwrap_err().code, "bad_argument");
}

#[test]
fn errors_are_told_apart() {
    let server = Server::start();
    let wrong = Client::connect("redis://localhost:99999", &[]).unwrap_err();
    assert_eq!((wrong.code, wrong.retryable), ("bad_config", false));
    assert_eq!(wrong.to_string(), format!("bad_config: {}", wrong.message));
    assert_eq!(Client::connect("redis://h\0", &[]).unwrap_err().code, "bad_argument");

    server.ask(&["SET", "text", "x"]);
    let client = connect(&server.url("max_retries=0"));
    let wrong = client.publish(b"text", &[&[(b"a", b"1")]], LONG).unwrap_err();
    assert_eq!((wrong.code, wrong.retryable), ("wrong_type", false));
    assert_eq!(client.publish(b"s", &[], LONG).unwrap_err().code, "bad_argument");
    assert_eq!(client.open().unwrap_err().code, "bad_config"); // it names no stream
}

#[test]
fn a_refusal_ends_the_batches_with_its_error() {
    let server = Server::start();
    server.ask(&["CONFIG", "SET", "requirepass", "secret"]);
    let client = server.consumer("s", "");
    let mut batches = client.batches();
    assert_eq!(batches.next().unwrap().unwrap_err().code, "auth");
    assert!(batches.next().is_none());
}

#[test]
fn nothing_is_possible_after_the_close() {
    let server = Server::start();
    server.fill("s", 1);
    let client = server.consumer("s", "flush_interval=0");
    let batch = client.next(Some(LONG)).unwrap().unwrap();
    assert_eq!(client.close(LONG), Ok(1)); // it stays pending
    let is_closed = |error: Error| assert_eq!(error.code, "closed");
    is_closed(batch.ack().unwrap_err());
    is_closed(client.next(None).unwrap_err());
    is_closed(client.open().unwrap_err());
    is_closed(client.publish(b"s", &[&[(b"a", b"1")]], LONG).unwrap_err());
    is_closed(client.close(LONG).unwrap_err());
    assert!(client.batches().next().is_none());
    assert_eq!(server.pending("s"), 1);
}

#[test]
fn another_thread_ends_the_wait() {
    let server = Server::start();
    let client = server.consumer("s", "");
    assert!(client.next(Some(Duration::from_millis(1))).unwrap().is_none());
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.batches().count());
        client.stop();
        assert_eq!(waits.join().unwrap(), 0);
    });
}

#[test]
fn tells_its_metrics() {
    let server = Server::start();
    server.fill("s", 3);
    let client = server.consumer("s", "flush_interval=0");
    client.next(Some(LONG)).unwrap().unwrap();
    assert!(client.metrics().unwrap().contains("# TYPE"));
}

#[test]
fn what_threads_may_share() {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
    shared::<Batch>();
    shared::<Entry>();
    shared::<Error>();
}
