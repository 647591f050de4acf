// Package millrace delivers Redis Streams reliably: the native library, by its C ABI (millrace.h), as Go.
//
//	client, err := millrace.New(millrace.Config{URL: "redis://localhost:6379?streams=orders&group=billing"})
//	...
//	defer client.Close()
//	if err := client.Open(); err != nil { ... }
//	for batch := range client.Batches(ctx) {
//		for _, entry := range batch.Entries { handle(entry) }
//		batch.Ack() // what is not acked is delivered again
//	}
//
// Building wants cgo and the library's pkg-config file. This file owns the client: a goroutine turns its loop, so that
// acks, heartbeats and timers go on while a handler works for long, and it alone waits in the library. Everything else
// waits in Go, and ends with its context. Every method may be called from any goroutine.
//
// Nothing has a finalizer. Close ends a client: its goroutine uses it, so that it never becomes garbage by itself. A
// batch frees itself when all of it is settled; one that is dropped before keeps its entries from everybody else, which
// a finalizer, of which nobody knows when it runs, would only hide.
package millrace

/*
#cgo pkg-config: millrace
#include <stdlib.h>
#include <millrace.h>

// What is there after a turn: at most a batch and an event.
typedef struct turned {
    mr_batch* batch;
    mr_batch_view view;
    mr_status status; // of taking a batch
    mr_error error;
    mr_event event;
} turned;

// One call into C for all of it: each costs more than most of what they do.
static void look(mr_client* client, int takes, int polls, turned* out) {
    static const turned nothing = {NULL, MR_BATCH_VIEW_INIT, MR_OK, MR_ERROR_INIT, MR_EVENT_INIT};
    *out = nothing;
    if (takes) out->status = mr_client_next(client, 0, 0, &out->batch, &out->error);
    if (out->batch != NULL) mr_batch_read(out->batch, &out->view);
    if (polls) mr_client_poll_event(client, &out->event);
}
*/
import "C"

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Until then Close waits for the server's answers.
const closeTimeout = 5 * time.Second

// So many batches and events may wait in Go; what is behind them waits in the library, which then reads no more.
const (
	batchesMax = 8
	eventsMax  = 256
)

// Client is a connection to a server, with all that is read by it and published to it.
type Client struct {
	batches queue[*Batch]
	events  queue[Event]

	mu     sync.RWMutex // of the handle: read by who uses it, written by who frees it
	handle *C.mr_client
	config *C.mr_config

	asking  sync.Mutex // of what follows
	answers map[C.uint64_t]chan<- answer
	calls   []func() // for the loop, between two waits

	isEnding, isClosing, isListening atomic.Bool

	drained  chan struct{} // closed when the library has ended everything; `held` is known then
	held     uint64
	ended    chan struct{} // closed when the loop has
	closeErr error
}

// New makes a client. It opens no connection yet: Open or the first publish does. ErrBadConfig names the key.
func New(config Config) (*Client, error) {
	made, err := config.build(nil)
	if err != nil {
		return nil, err
	}
	c := &Client{
		config:  made,
		answers: map[C.uint64_t]chan<- answer{},
		drained: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	options := C.mr_client_options{size: C.sizeof_mr_client_options, thread: C.MR_THREAD_NONE, event_max: 4 * eventsMax}
	e := newError()
	if err := errorOf(C.mr_client_new(made, &options, &c.handle, &e), &e); err != nil {
		C.mr_config_free(made)
		return nil, err
	}
	c.batches.init(batchesMax, c.wake)
	c.events.init(eventsMax, c.wake)
	go c.run()
	return c, nil
}

// Open begins to consume what the client's configuration names, or to tail it where it names no group.
func (c *Client) Open() error {
	_, err := c.OpenSource(Config{})
	return err
}

// OpenSource begins to consume, as `over` says on top of the client's configuration. A client may have many sources.
func (c *Client) OpenSource(over Config) (Source, error) {
	var source C.uint32_t
	err := c.useWith(over, func(handle *C.mr_client, config *C.mr_config, e *C.mr_error) C.mr_status {
		return C.mr_client_open(handle, config, &source, e)
	})
	return Source(source), err
}

// Next waits for the next batch of any source. ErrClosed once the client is drained or closed; another *Error when the
// last source ended by itself, and why.
func (c *Client) Next(ctx context.Context) (*Batch, error) {
	return c.batches.pop(ctx)
}

// Batches is Next as a channel. It is closed when ctx is done, or when no batch comes any more, as Err tells then.
func (c *Client) Batches(ctx context.Context) <-chan *Batch {
	return c.batches.channel(ctx, giveBack)
}

// Err tells why no batch comes any more; nil while some may.
func (c *Client) Err() error {
	return c.batches.failure()
}

// Events tells what happens beside the batches, from now on: call it before Open to miss nothing. Receive until it is
// closed, when ctx is done or after the client's last event: while too many wait, sources read nothing, and requests
// get no answer.
func (c *Client) Events(ctx context.Context) <-chan Event {
	c.isListening.Store(true)
	return c.events.channel(ctx, func(Event) {})
}

// Pause stops reading; what was read is handed over. Resume goes on.
func (c *Client) Pause(source Source) error {
	return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
		return C.mr_client_pause(handle, C.uint32_t(source), e)
	})
}

// Resume ends a Pause.
func (c *Client) Resume(source Source) error {
	return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
		return C.mr_client_resume(handle, C.uint32_t(source), e)
	})
}

// CloseSource ends a source: what it has not handed over goes back to the group.
func (c *Client) CloseSource(source Source) error {
	return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
		return C.mr_client_close_source(handle, C.uint32_t(source), e)
	})
}

// Drain ends everything but the client: no batch is handed over from now on, what was not goes back to the group, and
// batches that are held may be settled until all are, or until the timeout. It then tells how many entries stay pending
// with this client's consumers. Call Close after it.
func (c *Client) Drain(ctx context.Context, timeout time.Duration) (held uint64, err error) {
	c.isEnding.Store(true)
	err = c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
		return C.mr_client_drain(handle, C.int64_t(timeout.Microseconds()), e)
	})
	if err != nil {
		return 0, err
	}
	c.wake() // also to give back what waits in Go
	select {
	case <-c.drained:
		return c.held, nil
	case <-c.ended: // another goroutine closed it
		select {
		case <-c.drained:
			return c.held, nil
		default:
			return 0, closedError()
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close ends the client and frees it: acks and publishes are answered first, for which it waits for 5 s at most. What
// was not settled stays pending with its consumer, which is given it again when it comes back.
func (c *Client) Close() error {
	if c.isClosing.Swap(true) {
		<-c.ended
		return closedError()
	}
	c.wake()
	<-c.ended
	return c.closeErr
}

// use calls f, which must not wait, with the handle.
func (c *Client) use(f func(*C.mr_client, *C.mr_error) C.mr_status) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.handle == nil {
		return closedError()
	}
	e := newError()
	return errorOf(f(c.handle, &e), &e)
}

// useWith is use with the client's configuration, and what is laid over it.
func (c *Client) useWith(over Config, f func(*C.mr_client, *C.mr_config, *C.mr_error) C.mr_status) error {
	if over.isZero() {
		return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status { return f(handle, nil, e) })
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.handle == nil {
		return closedError()
	}
	config, err := over.build(c.config)
	if err != nil {
		return err
	}
	defer C.mr_config_free(config)
	e := newError()
	return errorOf(f(c.handle, config, &e), &e)
}

// wake ends the loop's wait: there is room again, or a call for it.
func (c *Client) wake() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	C.mr_client_wake(c.handle)
}

// run is the client's goroutine, which turns the loop until Close. No other one may wait in the library.
func (c *Client) run() {
	defer close(c.ended)
	out := (*C.turned)(C.calloc(1, C.sizeof_turned))
	defer C.free(unsafe.Pointer(out))
	for isBusy := false; !c.isClosing.Load(); {
		if !isBusy {
			C.mr_client_wait(c.handle, -1, nil) // whoever changes what follows ends it
		}
		isEnding := c.isEnding.Load() // then nobody may make room any more, and nothing more is read
		takes := c.batches.hasRoom() || isEnding
		polls := c.events.hasRoom() || isEnding
		C.look(c.handle, toInt(takes), toInt(polls), out)
		if out.batch != nil {
			c.batches.push(readBatch(out.batch, &out.view))
		}
		if takes {
			c.fail(errorOf(out.status, &out.error))
		}
		if out.event.kind != C.MR_EVENT_NONE {
			c.tell(&out.event)
		}
		isBusy = out.batch != nil || out.event.kind != C.MR_EVENT_NONE
		c.callAll()
	}
	c.finish(out)
}

// fail tells those who wait for batches; what nobody took goes back to the group where the client ends.
func (c *Client) fail(err error) {
	isClosed := codeOf(err) == ErrClosed
	for _, batch := range c.batches.fail(err, isClosed) {
		giveBack(batch)
	}
}

func (c *Client) finish(out *C.turned) {
	c.fail(closedError())
	e := newError()
	c.closeErr = errorOf(C.mr_client_close(c.handle, C.int64_t(closeTimeout.Microseconds()), nil, &e), &e)
	for {
		C.look(c.handle, 0, 1, out)
		if out.event.kind == C.MR_EVENT_NONE {
			break
		}
		c.tell(&out.event)
	}
	c.mu.Lock()
	C.mr_client_free(c.handle)
	C.mr_config_free(c.config)
	c.handle, c.config = nil, nil
	c.mu.Unlock()
	c.answerAll(answer{err: closedError()})
	c.events.fail(closedError(), false)
}
