package millrace

import (
	"context"
	"errors"
	"strings"
	"sync"
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

func TestEventsUntilTheEnd(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(query))
	events := client.Events(soon(t))
	source, err := client.OpenSource(Config{Options: map[string]string{"consumer": "other"}})
	wantOK(t, err)
	ready := event(t, events, EventReady)
	if ready.Source != source || ready.Consumer != "other" || ready.Text != "streams" || ready.Protocol < 2 {
		t.Fatalf("got %+v", ready)
	}
	s.add(3)
	batch := next(t, client)
	wantOK(t, batch.AckSome([]uint32{1}))
	acked := event(t, events, EventAcked)
	if acked.Batch != batch.Number || len(acked.Indices) != 1 || acked.Indices[0] != 1 {
		t.Fatalf("got %+v", acked)
	}
	health, err := client.Health(soon(t), source, time.Second)
	wantOK(t, err)
	if !health.Healthy || health.Held != 2 || health.PendingMessages == nil || *health.PendingMessages != 2 {
		t.Fatalf("got %+v", health)
	}
	_, err = client.Health(soon(t), 99, time.Second)
	wantCode(t, err, ErrClosed)
	metrics, err := client.Metrics()
	wantOK(t, err)
	if !strings.Contains(metrics, "# TYPE ") {
		t.Fatalf("got %q", metrics)
	}
	held, err := client.Drain(soon(t), 0)
	wantOK(t, err)
	if held != 2 {
		t.Fatalf("got %d", held)
	}
	if closed := event(t, events, EventClosed); closed.Source != 0 || closed.Count != 2 {
		t.Fatalf("got %+v", closed)
	}
	_, err = client.Next(soon(t))
	wantCode(t, err, ErrClosed)
	wantOK(t, client.Close())
	if it, ok := <-events; ok {
		t.Fatalf("got %+v after the last event", it)
	}
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

func TestCancellation(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	began := time.Now()
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := client.Next(ctx)
	if !errors.Is(err, context.Canceled) || time.Since(began) > 2*time.Second {
		t.Fatalf("got %v after %v", err, time.Since(began))
	}
	batches := client.Batches(ctx)
	if batch, ok := <-batches; ok {
		t.Fatalf("got %+v", batch)
	}
	s.add(3)
	wantText(t, values(next(t, client)), "0 1 2") // an end of waiting ends nothing else
	s.ask("CLIENT", "PAUSE", "3000", "WRITE")
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	_, err = client.Publish(short, "out", []Field{{"n", "1"}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	_, err = client.Dead(short, "orders", ID{}, 1)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	s.ask("CLIENT", "UNPAUSE")
}

func TestNothingAfterClose(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	s.add(3)
	batch := next(t, client)
	waits := make(chan error)
	go func() {
		_, err := client.Next(context.Background())
		waits <- err
	}()
	wantOK(t, client.Close())
	wantCode(t, <-waits, ErrClosed)
	wantCode(t, client.Close(), ErrClosed)
	wantCode(t, batch.Ack(), ErrClosed)
	wantCode(t, client.Open(), ErrClosed)
	wantCode(t, client.Pause(1), ErrClosed)
	_, err := client.Publish(soon(t), "out", []Field{{"n", "1"}})
	wantCode(t, err, ErrClosed)
	_, err = client.Health(soon(t), 1, time.Second)
	wantCode(t, err, ErrClosed)
	_, err = client.Metrics()
	wantCode(t, err, ErrClosed)
	_, err = client.Drain(soon(t), time.Second)
	wantCode(t, err, ErrClosed)
	if _, ok := <-client.Events(soon(t)); ok {
		t.Fatal("an event of a closed client")
	}
}

// What waits in Go when the client ends was nobody's: it goes back to the group, and is no longer this consumer's.
func TestDrainGivesBack(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(query+"&prefetch=60"))
	wantOK(t, client.Open())
	s.add(60)
	batch := next(t, client)
	until(t, func() bool { return client.batches.length() > 0 })
	drained := make(chan uint64)
	go func() {
		held, err := client.Drain(soon(t), 5*time.Second)
		if err != nil {
			t.Error(err)
		}
		drained <- held
	}()
	until(t, func() bool { return client.Err() != nil })
	wantCode(t, client.Err(), ErrClosed)
	wantOK(t, batch.Ack())
	if held := <-drained; held != 0 {
		t.Fatalf("got %d", held)
	}
	wantOK(t, client.Close())
	s.add(1)
	again := newClient(t, s.url("streams=orders&group=g&consumer=d&claim_min_idle=1s&flush_interval=20ms"))
	wantOK(t, again.Open())
	for count := 60 - 3 + 1; count > 0; { // all but what was acked, and the new one
		batch := next(t, again)
		count -= len(batch.Entries)
		wantOK(t, batch.Ack())
	}
}

func (q *queue[T]) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Handlers, acks and publishes of many goroutines, for the race detector; nothing is lost and nothing comes twice.
func TestManyGoroutines(t *testing.T) {
	const publishers, each = 4, 250
	s := startServer(t)
	client := openClient(t, s)
	var publishing, consuming sync.WaitGroup
	for i := 0; i < publishers; i++ {
		publishing.Add(1)
		go func() {
			defer publishing.Done()
			for k := 0; k < each; k++ {
				if _, err := client.Publish(soon(t), "orders", []Field{{"n", "1"}}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mu sync.Mutex
	seen := map[ID]bool{}
	for i := 0; i < 3; i++ {
		consuming.Add(1)
		go func() {
			defer consuming.Done()
			for batch := range client.Batches(ctx) {
				mu.Lock()
				for _, entry := range batch.Entries {
					if seen[entry.ID] {
						t.Errorf("%v came twice", entry.ID)
					}
					seen[entry.ID] = true
				}
				if len(seen) == publishers*each {
					stop()
				}
				mu.Unlock()
				if err := batch.Ack(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	publishing.Wait()
	late := time.AfterFunc(20*time.Second, stop)
	defer late.Stop()
	consuming.Wait()
	if len(seen) != publishers*each {
		t.Fatalf("%d of %d came", len(seen), publishers*each)
	}
	wantOK(t, client.Close())
	wantText(t, s.pending(), "[0")
}
