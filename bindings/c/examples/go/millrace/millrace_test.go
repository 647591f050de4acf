// What is delivered, settled, published and refused: REDIS_SERVER=/path/to/redis-server go test

package millrace

import (
	"strings"
	"testing"
)

func TestDeliversAndAcks(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	s.add(3)
	batch := next(t, client)
	wantText(t, values(batch), "0 1 2")
	entry := batch.Entries[1]
	if entry.Stream != "orders" || entry.Deliveries != 1 || len(entry.Fields) != 1 {
		t.Fatalf("got %+v", entry)
	}
	wantText(t, s.ask("XRANGE", "orders", entry.ID, entry.ID), "[["+entry.ID+" [n 1]]]")
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
	wantOK(t, batch.Nack(0)) // the rest
	wantCode(t, batch.Ack(), ErrNotHeld)
	again := next(t, client)
	wantText(t, values(again), "1 2")
	wantOK(t, again.AckSome([]uint32{0}))
	wantOK(t, again.Nack(-1))
	again = next(t, client)
	wantText(t, values(again), "2")
	wantOK(t, again.GiveBack())
	s.add(1)
	batch = next(t, client)
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
	stream := "st%ream\xff"
	client, err := New(Config{
		URL:     s.url("group=g&consumer=c&streams=other"),
		Options: map[string]string{"flush_interval": "20ms", "streams": "st%ream\xff"},
	})
	wantOK(t, err)
	defer client.Close()
	wantOK(t, client.Open())
	fields := []Field{{bytes, ""}, {"n", bytes}, {"n", "2"}, {"", strings.Repeat(bytes, 1000)}}
	id, err := client.Publish(soon(t), stream, fields...)
	wantOK(t, err)
	batch := next(t, client)
	got := batch.Entries[0]
	wantText(t, got.Stream, stream)
	wantText(t, got.ID, id)
	if len(got.Fields) != len(fields) {
		t.Fatalf("got %d fields", len(got.Fields))
	}
	for i, field := range fields {
		wantText(t, got.Fields[i].Name, field.Name)
		wantText(t, got.Fields[i].Value, field.Value)
	}
	wantText(t, got.Value("n"), bytes)
	wantText(t, got.Value("none"), "")
	wantOK(t, batch.Ack())
}

func TestPublishes(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(""))
	id, err := client.Publish(soon(t), "out", Field{"n", "1"}, Field{"m", ""})
	wantOK(t, err)
	wantText(t, s.ask("XRANGE", "out", "-", "+"), "[["+id+" [n 1 m ]]]")
	s.ask("SET", "text", "1")
	id, err = client.Publish(soon(t), "text", Field{"n", "1"})
	wantCode(t, err, "wrong_type")
	wantText(t, id, "0-0")
	_, err = client.Publish(soon(t), "out")
	wantCode(t, err, ErrBadArgument)
}

func TestRejects(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	s.add(3)
	batch := next(t, client)
	wantOK(t, batch.RejectSome(nil, "none"))
	wantOK(t, batch.RejectSome([]uint32{1}, "no such item"))
	wantOK(t, batch.AckSome([]uint32{0}))
	wantOK(t, batch.Reject("no such\x00customer"))
	wantOK(t, client.Close())
	wantText(t, s.pending(), "[0")
	wantText(t, s.ask("XLEN", "{orders}:dead"), "2")
	dead := s.ask("XRANGE", "{orders}:dead", "-", "+")
	if !strings.Contains(dead, "no such item") || !strings.Contains(dead, `no such\0customer`) {
		t.Fatalf("got %q", dead)
	}
}

func TestTypedErrors(t *testing.T) {
	_, err := New(Config{URL: "redis://localhost:6379?streamss=a"})
	wantCode(t, err, ErrBadConfig)
	if !strings.Contains(err.Error(), `"streamss"`) {
		t.Fatalf("got %v", err)
	}
	_, err = New(Config{URL: "redis://localhost", Options: map[string]string{"batch_size": "many"}})
	wantCode(t, err, ErrBadConfig)
	s := startServer(t)
	s.ask("SET", "orders", "1")
	client := openClient(t, s)
	_, err = client.Next(soon(t))
	wantCode(t, err, "wrong_type")
	for range client.Batches(soon(t)) {
		t.Fatal("a batch of no stream")
	}
}
