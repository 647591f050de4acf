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
	_, err = client.Publish(short, "out", Field{"n", "1"})
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
	wantCode(t, batch.AckSome([]uint32{1}), ErrNotHeld) // the first freed it
	wantCode(t, client.Open(), ErrClosed)
	_, err := client.Publish(soon(t), "out", Field{"n", "1"})
	wantCode(t, err, ErrClosed)
	for range client.Batches(soon(t)) {
		t.Fatal("a batch of a closed client")
	}
}

// What waits in Go when the client is closed was nobody's: it goes back to the group.
func TestCloseGivesBack(t *testing.T) {
	s := startServer(t)
	client := openClient(t, s)
	s.add(60)
	wantOK(t, next(t, client).Ack())
	until(t, func() bool { return s.pending() != "[0" && s.pending() != "[3" })
	wantOK(t, client.Close())
	other := newClient(t, s.url("streams=orders&group=g&consumer=d&claim_min_idle=1s&flush_interval=20ms"))
	wantOK(t, other.Open())
	for count := 60 - 3; count > 0; {
		batch := next(t, other)
		count -= len(batch.Entries)
		wantOK(t, batch.Ack())
	}
}

// A publish that nobody waits for any more ends with the client, which waits for it.
func TestCloseEndsPublishes(t *testing.T) {
	s := startServer(t)
	client := newClient(t, s.url("connection_timeout=1s"))
	s.ask("CLIENT", "PAUSE", "60000", "WRITE")
	told := make(chan error)
	go func() {
		_, err := client.Publish(context.Background(), "out", Field{"n", "1"})
		told <- err
	}()
	until(t, func() bool { return strings.Contains(s.ask("INFO", "clients"), "blocked_clients:1") })
	began := time.Now()
	_ = client.Close()
	if err := <-told; err == nil || time.Since(began) > 20*time.Second {
		t.Fatalf("got %v after %v", err, time.Since(began))
	}
	s.ask("CLIENT", "UNPAUSE")
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
				if _, err := client.Publish(soon(t), "orders", Field{"n", "1"}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mu sync.Mutex
	seen := map[string]bool{}
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
