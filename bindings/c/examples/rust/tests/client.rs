//! What a client says and refuses, on a real server.
mod server;

use std::thread;
use std::time::Duration;

use millrace::{Batch, Client, Code, Config, Entry, Event, Id, Options, Source};
use server::{wait_for, Server, LONG};

#[test]
fn publishes_and_tells_the_ids() {
    let server = Server::start();
    let client = Client::connect(&server.url("")).unwrap();
    let ids = client.publish("s", &[vec![("a", "1"), ("b", "2")], vec![("a", "3")]], None, LONG).unwrap();
    assert!(ids[0] < ids[1]);
    assert_eq!(server.ask(&["XRANGE", "s", "-", "+"]), format!("[[{} [a 1 b 2]] [{} [a 3]]]", ids[0], ids[1]));
    let mut config = Config::new(&server.url("")).unwrap();
    config.set("max_len", "1").unwrap().json(r#"{"max_len_exact": true}"#).unwrap();
    client.publish("s", &[[("a", "4")]], Some(&config), LONG).unwrap();
    assert_eq!(server.ask(&["XLEN", "s"]), "1");
}

#[test]
fn tells_by_an_event_what_became_of_each_entry() {
    let server = Server::start();
    let client = server.client("s", "");
    let asked = client.publish_async("s", &[[("a", "1")], [("a", "2")]], None).unwrap();
    let results = wait_for(&client, |event| match event {
        Event::Published { ticket, results, error: None } if ticket == asked => Some(results),
        _ => None,
    });
    let ids: Vec<Id> = results.iter().map(|result| result.id.unwrap()).collect();
    assert_eq!(server.ask(&["XRANGE", "s", "-", "+"]), format!("[[{} [a 1]] [{} [a 2]]]", ids[0], ids[1]));
    assert!(results.iter().all(|result| !result.maybe_duplicate && !result.maybe_written && !result.reordered));
}

#[test]
fn errors_are_typed() {
    let server = Server::start();
    let wrong = Config::new("redis://localhost:99999").unwrap_err();
    assert_eq!((wrong.code, wrong.retryable), (Code::BAD_CONFIG, false));
    assert_eq!(wrong.to_string(), format!("bad_config: {}", wrong.message));
    let wrong = Config::new("redis://h").unwrap().set("batch_sise", "1").map(drop).unwrap_err();
    assert!(wrong.message.contains("batch_size"), "{wrong}");
    assert_eq!(Config::new("redis://h\0").unwrap_err().code, Code::BAD_ARGUMENT);
    assert_eq!("1-x".parse::<Id>().unwrap_err().code, Code::BAD_ARGUMENT);

    server.ask(&["SET", "text", "x"]);
    let client = Client::connect(&server.url("max_retries=0")).unwrap();
    let wrong = client.publish("text", &[[("a", "1")]], None, LONG).unwrap_err();
    assert_eq!((wrong.code, wrong.code.name(), wrong.retryable), (Code::WRONG_TYPE, "wrong_type", false));
    assert!(wrong.code.is_fatal() && !Code::OOM.is_fatal());
    let nothing: [[(&str, &str); 1]; 0] = [];
    assert_eq!(client.publish("s", &nothing, None, LONG).unwrap_err().code, Code::BAD_ARGUMENT);
    assert_eq!(client.open().unwrap_err().code, Code::BAD_CONFIG); // it names no stream
    assert_eq!(client.dead("s", Id::default(), 1).unwrap_err().code, Code::BAD_ARGUMENT);
    // it keeps no events
}

#[test]
fn a_refusal_ends_the_batches_with_its_error() {
    let server = Server::start();
    server.ask(&["CONFIG", "SET", "requirepass", "secret"]);
    let client = Client::connect(&server.url("streams=s&group=g")).unwrap();
    client.open().unwrap();
    let mut batches = client.batches();
    assert_eq!(batches.next().unwrap().unwrap_err().code, Code::AUTH);
    assert!(batches.next().is_none());
    client.replace_credentials("", "secret").unwrap();
    client.publish("s", &[[("a", "1")]], None, LONG).unwrap();
}

#[test]
fn nothing_is_possible_after_the_close() {
    let server = Server::start();
    server.fill("s", 1);
    let client = server.client("s", "flush_interval=0");
    let source = client.open().unwrap();
    let batch = client.next(None, Some(LONG)).unwrap().unwrap();
    assert_eq!(client.close(LONG), Ok(1)); // it stays pending
    let closed = |code| assert_eq!(code, Code::CLOSED);
    closed(batch.ack().unwrap_err().code);
    closed(client.next(None, None).unwrap_err().code);
    closed(client.open().unwrap_err().code);
    closed(client.publish("s", &[[("a", "1")]], None, LONG).unwrap_err().code);
    closed(client.health(source, Duration::ZERO).unwrap_err().code);
    closed(client.close(LONG).unwrap_err().code);
    assert!(client.batches().next().is_none());
}

#[test]
fn another_thread_ends_the_wait() {
    let server = Server::start();
    let client = Client::connect(&server.url("streams=s&group=g")).unwrap();
    client.open().unwrap();
    assert!(client.next(None, Some(Duration::from_millis(1))).unwrap().is_none());
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.batches().count());
        client.stop();
        assert_eq!(waits.join().unwrap(), 0);
    });
}

#[test]
fn drains_when_all_is_settled() {
    let server = Server::start();
    server.fill("s", 1);
    let client = server.client("s", "flush_interval=0");
    client.open().unwrap();
    let batch = client.next(None, Some(LONG)).unwrap().unwrap();
    client.drain(LONG).unwrap();
    batch.ack().unwrap();
    let held = wait_for(&client, |event| match event {
        Event::Closed { source: None, held } => Some(held),
        _ => None,
    });
    assert_eq!((held, server.pending("s")), (0, 0));
}

#[test]
fn tells_how_it_is() {
    let server = Server::start();
    server.fill("s", 3);
    let client = server.client("s", "flush_interval=0");
    let source: Source = client.open().unwrap();
    let consumer = wait_for(&client, |event| match event {
        Event::Ready { consumer, mode, .. } if mode == "streams" => Some(consumer),
        _ => None,
    });
    assert_eq!(consumer, b"c");
    let health = client.health(source, LONG).unwrap();
    assert!(health.contains(r#""healthy":true"#) && health.contains(r#""pendingMessages":0"#), "{health}");
    assert!(client.metrics().unwrap().contains("# TYPE"));
    client.pause(source).unwrap();
    client.resume(source).unwrap();
    client.close_source(source).unwrap();
    wait_for(&client, |event| matches!(event, Event::Closed { source: Some(of), .. } if of == source).then_some(()));
}

#[test]
fn what_threads_may_share() {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
    shared::<Batch>();
    shared::<Entry>();
    shared::<Event>();
    shared::<Options>();
}
