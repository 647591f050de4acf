// Who waits, for how long, and what ends it.

package millrace

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

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
	received, stop := context.WithCancel(context.Background())
	client.Batches(received)
	until(t, func() bool { return s.pending() == "[3" })
	stop()
	wantText(t, values(next(t, client)), "0 1 2") // an end of waiting ends nothing else
	s.ask("CLIENT", "PAUSE", "3000", "WRITE")
	short, end := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer end()
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

func TestNextGoesOnWithOtherCredentials(t *testing.T) {
	s := startServer(t)
	s.add(3)
	s.ask("CONFIG", "SET", "requirepass", "secret")
	client := openClient(t, s)
	_, err := client.Next(soon(t))
	wantCode(t, err, ErrAuth)
	wantCode(t, client.ReplaceCredentials("", "a\x00b"), ErrBadArgument)
	wantOK(t, client.ReplaceCredentials("", "secret"))
	until(t, func() bool { return client.Err() == nil })
	wantText(t, values(next(t, client)), "0 1 2")
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
	wantCode(t, batch.AckSome([]uint32{1}), ErrClosed)
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

// What has no room in Go waits in the library, and comes as soon as there is some.
func TestASlowConsumer(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url(query+"&prefetch=300"))
	wantOK(t, client.Open())
	s.add(300)
	until(t, func() bool { return client.batches.length() == batchesMax })
	ctx := soon(t)
	for count := 0; count < 300; {
		batch, err := client.Next(ctx)
		wantOK(t, err)
		count += len(batch.Entries)
	}
}

// Whoever listens and does not receive holds the sources, and Close waits for nobody.
func TestUnreadEvents(t *testing.T) {
	const count = 3000
	s := startServer(t)
	client := newClient(t, s.url("streams=orders&group=g&consumer=c&batch_size=1"))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	events := client.Events(ctx)
	wantOK(t, client.Open())
	s.add(count)
	take := func() (taken int) {
		for {
			short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			batch, err := client.Next(short)
			cancel()
			if err != nil {
				return taken
			}
			taken++
			wantOK(t, batch.Ack())
		}
	}
	first := take()
	if first == 0 || first == count {
		t.Fatalf("%d of %d came while nobody received events", first, count)
	}
	go func() {
		for i := 0; i < 2*count; i++ {
			<-events
		}
	}()
	for taken := first; taken < count; {
		more := take()
		if more == 0 {
			t.Fatalf("no more than %d of %d came", taken, count)
		}
		taken += more
	}
	wantOK(t, client.Close())
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
