// What is delivered, settled, published and refused: REDIS_SERVER=/path/to/redis-server go test

package millrace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDeliversAndAcks(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	s.add(3)
	batch := next(t, client)
	wantText(t, values(batch), "0 1 2")
	entry := batch.Entries[1]
	if entry.Stream != "orders" || entry.Deliveries != 1 || len(entry.Fields) != 1 || batch.Reason != BySize {
		t.Fatalf("got %+v, %v", entry, batch.Reason)
	}
	if _, ok := entry.Value("none"); ok {
		t.Fatal("a field that is not there")
	}
	if id, err := ParseID(entry.ID.String()); err != nil || id != entry.ID {
		t.Fatalf("got %v, %v", id, err)
	}
	wantText(t, s.pending(), "[3")
	wantOK(t, batch.Ack())
	wantCode(t, batch.Ack(), ErrNotHeld)
	wantOK(t, client.Close())
	wantText(t, s.pending(), "[0")
}

func TestSettlesInParts(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	s.add(3)
	batch := next(t, client)
	wantOK(t, batch.AckSome(nil))
	wantOK(t, batch.AckSome([]uint32{}))
	wantCode(t, batch.AckSome([]uint32{0, 3}), ErrBadArgument)
	wantOK(t, batch.AckSome([]uint32{0}))
	wantCode(t, batch.AckSome([]uint32{0, 1}), ErrNotHeld)
	wantOK(t, batch.NackSome([]uint32{2}, 0))
	again := next(t, client)
	wantText(t, values(again), "2")
	wantOK(t, again.Nack(DefaultDelay))
	again = next(t, client)
	wantText(t, values(again), "2")
	wantOK(t, again.GiveBack())
	batch.Release()
	batch.Release()
	wantCode(t, batch.Ack(), ErrNotHeld)
	wantOK(t, client.Close())
	wantText(t, s.pending(), "[2")
}

func TestAnyBytes(t *testing.T) {
	s := startServer(t)
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	bytes := string(all[:])
	stream := "st\x00ream\xff"
	client, err := New(Config{URL: s.url("group=g&consumer=c&flush_interval=20ms"), Streams: []string{stream, "other"}})
	wantOK(t, err)
	defer client.Close()
	wantOK(t, client.Open())
	fields := []Field{{bytes, ""}, {"n", bytes}, {"n", "2"}, {"", strings.Repeat(bytes, 1000)}}
	results, err := client.Publish(soon(t), stream, fields, []Field{{"n", ""}})
	wantOK(t, err)
	var got []Entry
	for len(got) < 2 {
		batch := next(t, client)
		got = append(got, batch.Entries...)
		wantOK(t, batch.Ack())
	}
	wantText(t, got[0].Stream, stream)
	if len(got[0].Fields) != len(fields) || len(got[1].Fields) != 1 || got[0].ID != results[0].ID {
		t.Fatalf("got %d and %d fields of %v", len(got[0].Fields), len(got[1].Fields), got[0].ID)
	}
	for i, field := range fields {
		wantText(t, got[0].Fields[i].Name, field.Name)
		wantText(t, got[0].Fields[i].Value, field.Value)
	}
	value, ok := got[0].Value("n")
	if !ok || value != bytes {
		t.Fatalf("got %q, %v", value, ok)
	}
}

func TestPublishes(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(""))
	results, err := client.Publish(soon(t), "out", []Field{{"n", "1"}}, []Field{{"n", "2"}})
	wantOK(t, err)
	if len(results) != 2 || results[0].Code != 0 || results[1].ID.Millis == 0 {
		t.Fatalf("got %+v", results)
	}
	trimmed, err := client.PublishAsync(Config{JSON: []byte(`{"max_len": 1, "max_len_exact": true}`)}, "out",
		[]Field{{"n", "3"}})
	wantOK(t, err)
	_, err = trimmed.Wait(soon(t))
	wantOK(t, err)
	wantText(t, s.ask("XLEN", "out"), "1")
	s.ask("SET", "text", "1")
	results, err = client.Publish(soon(t), "text", []Field{{"n", "1"}})
	wantCode(t, err, ErrWrongType)
	if len(results) != 1 || results[0].Code != ErrWrongType {
		t.Fatalf("got %+v", results)
	}
	_, err = client.Publish(soon(t), "out", []Field{})
	wantCode(t, err, ErrBadArgument)
	_, err = client.PublishAsync(Config{Options: map[string]string{"max_len": "many"}}, "out", []Field{{"n", "1"}})
	wantCode(t, err, ErrBadConfig)
}

func TestDeadLetters(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(query))
	events := client.Events(soon(t))
	wantOK(t, client.Open())
	s.add(1)
	batch := next(t, client)
	wantCode(t, batch.Reject("a\x00b"), ErrBadArgument)
	wantOK(t, batch.Reject("no such customer"))
	dead := event(t, events, EventDead)
	wantText(t, dead.Text, "{orders}:dead")
	wantText(t, dead.Message, "no such customer")
	letters, err := client.Dead(soon(t), "orders", ID{}, 10)
	wantOK(t, err)
	if len(letters) != 1 || letters[0].DeadID != dead.OtherID || letters[0].Reason != "no such customer" ||
		len(letters[0].Fields) != 1 || letters[0].Fields[0].Value != "0" {
		t.Fatalf("got %+v", letters)
	}
	results, err := client.Redrive(soon(t), "orders", []ID{dead.OtherID})
	wantOK(t, err)
	if len(results) != 1 || results[0].ID == (ID{}) {
		t.Fatalf("got %+v", results)
	}
	wantText(t, values(next(t, client)), "0")
}

func TestPauseAndResume(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(query))
	events := client.Events(soon(t))
	source, err := client.OpenSource(Config{})
	wantOK(t, err)
	event(t, events, EventReady)
	wantOK(t, client.Pause(source))
	wantCode(t, client.Pause(99), ErrClosed)
	s.add(3)
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	for read := 0; read < 3; { // what a read that was on its way brought
		batch, err := client.Next(short)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		wantOK(t, err)
		read += len(batch.Entries)
		wantOK(t, batch.Ack())
	}
	s.add(3)
	wantOK(t, client.Resume(source))
	wantOK(t, next(t, client).Ack())
	wantOK(t, client.CloseSource(source))
	_, err = client.Next(soon(t))
	wantCode(t, err, ErrClosed)
}

func TestTypedErrors(t *testing.T) {
	_, err := New(Config{URL: "redis://localhost:6379?streamss=a"})
	wantCode(t, err, ErrBadConfig)
	if !strings.Contains(err.Error(), `"streamss"`) {
		t.Fatalf("got %v", err)
	}
	_, err = New(Config{JSON: []byte("{")})
	wantCode(t, err, ErrBadConfig)
	_, err = New(Config{URL: "redis://a\x00b"})
	wantCode(t, err, ErrBadArgument)
	_, err = ParseID("none")
	wantCode(t, err, ErrBadArgument)
	if ErrLost.String() != "lost" || ErrLost.Error() == "" || ErrLost.Advice() == "" {
		t.Fatalf("got %q, %q, %q", ErrLost.String(), ErrLost.Error(), ErrLost.Advice())
	}
	s := startServer(t)
	s.ask("SET", "orders", "1")
	client := openClient(t, s)
	_, err = client.Next(soon(t))
	wantCode(t, err, ErrWrongType)
	wantCode(t, client.Err(), ErrWrongType)
	for range client.Batches(soon(t)) {
		t.Fatal("a batch of no stream")
	}
}
