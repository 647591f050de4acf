// Package millrace delivers Redis Streams reliably: libmillrace, by its C ABI (millrace.h) and cgo; pkg-config finds it.
// ../consumer is a whole program. A thread of the library sends acks and heartbeats while a handler works for long.
// Nothing has a finalizer, of which nobody knows when it runs: Close ends a client, and a batch frees itself when it is
// settled as a whole, or by Release. What of millrace.h is not here (events, metrics, dead letters) is had by Raw.
package millrace

/*
#cgo pkg-config: millrace
#include <stdbool.h>
#include <stdlib.h>
#include <millrace.h>

// An entry's texts, its stream and then names and values, are one behind the other: only C may point into them.
static mr_status publish(mr_client* client, const char* bytes, mr_str* texts, size_t field_count, int64_t timeout_us,
                         mr_publish_result* result, mr_error* error) {
    for (size_t i = 0; i <= 2 * field_count; bytes += texts[i++].size) texts[i].data = bytes;
    const mr_publish_entry entry = {(const mr_field*)(texts + 1), field_count};
    const mr_publish publish = {sizeof publish, texts[0], &entry, 1, NULL};
    return mr_client_publish(client, &publish, timeout_us, result, error);
}

enum { ACK, NACK, GIVE_BACK, REJECT };
static mr_status settle(mr_batch* batch, int what, bool all, const uint32_t* indices, size_t count, int64_t delay_ns,
                        const char* reason, mr_error* error) {
    if (all) indices = NULL;
    if (what == ACK) return mr_batch_ack(batch, indices, count, error);
    if (what == NACK) return mr_batch_nack(batch, indices, count, delay_ns < 0 ? -1 : delay_ns / 1000, error);
    if (what == GIVE_BACK) return mr_batch_give_back(batch, indices, count, error);
    return mr_batch_reject(batch, indices, count, reason, error);
}
*/
import "C"

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Config says what to connect to, what to consume and how to publish: docs/configuration.md has the keys.
type Config struct {
	URL     string            // redis://[user[:password]@]host[:port][/database][?key=value&...]
	Options map[string]string // keys, laid over those of the URL
}

// Client is a connection to a server, with all that is read by it and published to it. Any goroutine may use it.
type Client struct {
	mu      sync.RWMutex // of the handle: read by who uses it, written by who frees it
	handle  *C.mr_client
	batches chan *Batch // from read
	failure error       // why no more come, once it is closed
}

// New makes a client. It opens no connection yet: Open or the first publish does. ErrBadConfig names the key.
func New(config Config) (*Client, error) {
	var made *C.mr_config
	var handle *C.mr_client
	options := C.mr_client_options{size: C.sizeof_mr_client_options, thread: C.MR_THREAD_OWN, log_fd: 2, log_level: C.MR_LOG_WARN}
	err := try(func(e *C.mr_error) C.mr_status { return C.mr_config_new(cText(config.URL), &made, e) })
	for key, text := range config.Options {
		if err == nil {
			err = try(func(e *C.mr_error) C.mr_status { return C.mr_config_set(made, cText(key), cText(text), e) })
		}
	}
	if err == nil {
		err = try(func(e *C.mr_error) C.mr_status { return C.mr_client_new(made, &options, &handle, e) })
	}
	C.mr_config_free(made)
	if err != nil {
		return nil, err
	}
	return FromRaw(unsafe.Pointer(handle)), nil
}

// FromRaw makes a Client of an mr_client of MR_THREAD_OWN, which becomes its own.
func FromRaw(handle unsafe.Pointer) *Client {
	c := &Client{handle: (*C.mr_client)(handle), batches: make(chan *Batch)}
	go c.read()
	return c
}

// Raw lends the mr_client, until Close.
func (c *Client) Raw() unsafe.Pointer { return unsafe.Pointer(c.handle) }

// Open begins to consume what the configuration names, or to tail it where that names no group.
func (c *Client) Open() error {
	return c.use(func(e *C.mr_error) C.mr_status { return C.mr_client_open(c.handle, nil, nil, e) })
}

// Next waits for the next batch. ErrClosed once the client is closed; another *Error when what was opened ended by
// itself, and why: only a new client goes on then.
func (c *Client) Next(ctx context.Context) (*Batch, error) {
	select {
	case batch, ok := <-c.batches:
		if !ok {
			return nil, c.failure
		}
		return batch, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read alone waits in the library; everybody else waits for it in Go, and ends with a context.
func (c *Client) read() {
	var taken *C.mr_batch
	for c.failure == nil {
		c.failure = try(func(e *C.mr_error) C.mr_status { return C.mr_client_next(c.handle, 0, -1, &taken, e) })
		if taken != nil {
			c.batches <- newBatch(taken)
		}
	}
	close(c.batches)
}

// Batches is Next as a channel, closed once ctx is done, which whoever stops receiving ends, or Next has an error.
func (c *Client) Batches(ctx context.Context) <-chan *Batch {
	out := make(chan *Batch)
	go func() {
		defer close(out)
		for batch, err := c.Next(ctx); err == nil; batch, err = c.Next(ctx) {
			select {
			case out <- batch:
			case <-ctx.Done():
				_ = batch.Nack(0) // nobody received it: it comes again
			}
		}
	}()
	return out
}

// Publish writes an entry and waits for its id, for 30 s at most. When ctx ends before, it may have been written.
func (c *Client) Publish(ctx context.Context, stream string, fields ...Field) (id string, err error) {
	bytes, texts := []byte(stream), []C.mr_str{{size: C.size_t(len(stream))}}
	for _, field := range fields {
		bytes = append(append(bytes, field.Name...), field.Value...)
		texts = append(texts, C.mr_str{size: C.size_t(len(field.Name))}, C.mr_str{size: C.size_t(len(field.Value))})
	}
	var result C.mr_publish_result
	told := make(chan error, 1)
	go func() { // the library knows no contexts
		start := C.CBytes(bytes)
		defer C.free(start)
		told <- c.use(func(e *C.mr_error) C.mr_status {
			return C.publish(c.handle, (*C.char)(start), &texts[0], C.size_t(len(fields)), 30_000_000, &result, e)
		})
	}()
	select {
	case err := <-told:
		return idOf(result.id), err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Close ends the client and frees it: acks and publishes are answered first, for which it waits for 5 s at most. What
// was not settled stays pending with its consumer, which is given it again when it comes back.
func (c *Client) Close() error {
	err := c.use(func(e *C.mr_error) C.mr_status {
		C.mr_client_stop(c.handle) // ends read
		for batch := range c.batches {
			_ = batch.GiveBack() // nobody received it
		}
		return C.mr_client_close(c.handle, 5_000_000, nil, e)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	C.mr_client_free(c.handle)
	c.handle = nil
	return err
}

// use is try with the handle, which lives until it returns.
func (c *Client) use(call func(*C.mr_error) C.mr_status) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.handle == nil {
		return &Error{Code: ErrClosed, Message: "the client is closed"}
	}
	return try(call)
}

// Field is a name and a value of an entry; both may hold any bytes.
type Field struct{ Name, Value string }

type Entry struct {
	Stream, ID string
	Fields     []Field // in order, and with their repeats
	Deliveries uint32  // how often the server has delivered it to the group, this time included; 0 without a group
}

// Value is that of the first field of this name, or empty.
func (e *Entry) Value(name string) string {
	for _, field := range e.Fields {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// Batch is at least one entry, for one goroutine at a time. Its methods settle all that is not settled yet, or the
// entries at some positions, or on an error none. ErrLost of all: some are another consumer's, the rest was settled.
type Batch struct {
	Entries []Entry
	handle  *C.mr_batch // nil once it was freed
}

// Ack has them never delivered again. It is sent at once, and waits for nothing.
func (b *Batch) Ack() error                { return b.do(C.ACK, true, nil, 0, "") }
func (b *Batch) AckSome(at []uint32) error { return b.do(C.ACK, false, at, 0, "") }

// Nack has them delivered here again after the delay; below 0: after nack_delay.
func (b *Batch) Nack(delay time.Duration) error { return b.do(C.NACK, true, nil, delay, "") }

// GiveBack leaves them to the group: whichever consumer sweeps it next may take them over.
func (b *Batch) GiveBack() error { return b.do(C.GIVE_BACK, true, nil, 0, "") }

// Reject moves them to the dead stream. ErrQueueFull: too many wait to be written, and none was taken.
func (b *Batch) Reject(why string) error                  { return b.do(C.REJECT, true, nil, 0, why) }
func (b *Batch) RejectSome(at []uint32, why string) error { return b.do(C.REJECT, false, at, 0, why) }

// Raw lends the mr_batch, until it is settled as a whole or released.
func (b *Batch) Raw() unsafe.Pointer { return unsafe.Pointer(b.handle) }

// Release frees a batch that was not settled as a whole; others free themselves.
func (b *Batch) Release() {
	C.mr_batch_free(b.handle)
	b.handle = nil
}

func (b *Batch) do(what C.int, all C.bool, at []uint32, delay time.Duration, reason string) error {
	if b.handle == nil {
		return &Error{Code: ErrNotHeld, Message: "the batch was settled or released"}
	}
	given := append(at[:len(at):len(at)], 0) // never NULL: none are none, not all
	err := try(func(e *C.mr_error) C.mr_status {
		return C.settle(b.handle, what, all, (*C.uint32_t)(&given[0]), C.size_t(len(at)), C.int64_t(delay), cText(reason), e)
	})
	if failed, _ := err.(*Error); bool(all) && (failed == nil || !failed.Retryable) {
		b.Release()
	}
	return err
}

func newBatch(handle *C.mr_batch) *Batch {
	view := C.mr_batch_view{size: C.sizeof_mr_batch_view}
	C.mr_batch_read(handle, &view)
	entries := make([]Entry, view.count)
	for i := range entries {
		entry := (*C.mr_entry)(unsafe.Add(unsafe.Pointer(view.entries), i*int(view.entry_stride)))
		fields := make([]Field, entry.field_count)
		for k, field := range unsafe.Slice(entry.fields, len(fields)) {
			fields[k] = Field{goText(field.name), goText(field.value)}
		}
		entries[i] = Entry{goText(entry.stream), idOf(entry.id), fields, uint32(entry.deliveries)}
	}
	C.mr_batch_release(handle) // the bytes; settling goes on
	return &Batch{Entries: entries, handle: handle}
}

// Code says what kind of error it is: errors.Is(err, millrace.ErrLost). Others are by name, as docs/errors.md has them.
type Code string

const (
	ErrBadConfig, ErrClosed, ErrNotHeld, ErrLost      Code = "bad_config", "closed", "not_held", "lost"
	ErrBadArgument, ErrQueueFull, ErrAuth, ErrTimeout Code = "bad_argument", "queue_full", "auth", "timeout"
)

// Error is every error of this package but those of contexts; errors.As finds it.
type Error struct {
	Code      Code
	Retryable bool // the same call can succeed later, without a change by the caller
	Message   string
}

func (c Code) Error() string   { return string(c) }
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }
func (e *Error) Unwrap() error { return e.Code } // so errors.Is finds it

func try(call func(*C.mr_error) C.mr_status) error {
	e := C.mr_error{size: C.sizeof_mr_error}
	if status := call(&e); status != C.MR_OK {
		return &Error{Code(C.GoString(C.mr_status_name(status))), e.retryable != 0, C.GoString(&e.message[0])}
	}
	return nil
}

// cText is text for C, in Go's memory. A zero byte, which would end it there, becomes \0.
func cText(text string) *C.char {
	return (*C.char)(unsafe.Pointer(&[]byte(strings.ReplaceAll(text, "\x00", `\0`) + "\x00")[0]))
}

func goText(text C.mr_str) string { return C.GoStringN(text.data, C.int(text.size)) }
func idOf(id C.mr_id) string {
	return strconv.FormatUint(uint64(id.ms), 10) + "-" + strconv.FormatUint(uint64(id.seq), 10)
}
