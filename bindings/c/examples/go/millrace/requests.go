// What is asked of the server beside consuming: publishes, dead letters, health and metrics.

package millrace

/*
#include <stdlib.h>
#include <millrace.h>

// As set_streams: sizes are the stream's, and then of each field's name and value.
static mr_status publish(mr_client* client, const mr_config* config, const char* bytes, const size_t* sizes,
                         const size_t* counts, size_t entry_count, size_t field_count, uint64_t* ticket,
                         mr_error* error) {
    mr_publish publish = MR_PUBLISH_INIT;
    mr_publish_entry* entries = calloc(entry_count + 1, sizeof *entries);
    mr_field* fields = calloc(field_count + 1, sizeof *fields);
    mr_status status = MR_OUT_OF_MEMORY;
    size_t i, k, at = 0;
    if (entries != NULL && fields != NULL) {
        publish.stream.data = bytes;
        publish.stream.size = *sizes;
        bytes += *sizes++;
        for (i = 0; i < entry_count; ++i) {
            entries[i].fields = fields + at;
            entries[i].field_count = counts[i];
            for (k = 0; k < counts[i]; ++k, ++at) {
                fields[at].name.data = bytes;
                fields[at].name.size = sizes[0];
                fields[at].value.data = bytes + sizes[0];
                fields[at].value.size = sizes[1];
                bytes += sizes[0] + sizes[1];
                sizes += 2;
            }
        }
        publish.entries = entries;
        publish.entry_count = entry_count;
        publish.config = config;
        status = mr_client_publish_async(client, &publish, ticket, error);
    }
    free(fields);
    free(entries);
    return status;
}
*/
import "C"

import (
	"context"
	"encoding/json"
	"time"
	"unsafe"
)

// An answer is what an event tells of a request.
type answer struct {
	err     error // of all of it, or of the first that failed
	results []Result
	letters []DeadLetter
}

// Result is what became of an entry that was published.
type Result struct {
	ID             ID // zero on an error
	Code           Code
	MaybeDuplicate bool // sent again after an answer was lost
	MaybeWritten   bool // ended without an answer: it may be there
	Reordered      bool // entries that were published later went in before it
}

// Publish writes entries to a stream and waits for the answers. The error is that of the first entry that failed; the
// results, if there are any, tell of each. When ctx ends first they may have been written.
func (c *Client) Publish(ctx context.Context, stream string, entries ...[]Field) ([]Result, error) {
	published, err := c.PublishAsync(Config{}, stream, entries...)
	if err != nil {
		return nil, err
	}
	return published.Wait(ctx)
}

// Published is a publish that is on its way.
type Published struct{ asked asked }

// Wait waits for the answers, as Publish does.
func (p *Published) Wait(ctx context.Context) ([]Result, error) {
	it, err := p.asked.wait(ctx)
	return it.results, err
}

// PublishAsync queues a copy of the entries, with keys (max_len, idempotent, ...) on top of the client's configuration.
// What is published by one goroutine is written in that order. ErrWouldBlock: too many wait to be written; nothing of
// these was taken.
func (c *Client) PublishAsync(over Config, stream string, entries ...[]Field) (*Published, error) {
	texts := []string{stream}
	counts := make([]C.size_t, len(entries))
	for i, fields := range entries {
		counts[i] = C.size_t(len(fields))
		for _, field := range fields {
			texts = append(texts, field.Name, field.Value)
		}
	}
	flat, sizes := flatten(texts)
	bytes := (*C.char)(unsafe.Pointer(first(flat)))
	told, err := c.ask(func(ticket *C.uint64_t) error {
		return c.useWith(over, func(handle *C.mr_client, config *C.mr_config, e *C.mr_error) C.mr_status {
			return C.publish(handle, config, bytes, first(sizes), first(counts), C.size_t(len(counts)),
				C.size_t(len(texts)/2), ticket, e)
		})
	})
	return &Published{told}, err
}

// DeadLetter is an entry that was given up.
type DeadLetter struct {
	DeadID                          ID
	ID                              ID // of the entry, when it was alive; zero where somebody else put it there
	Stream, Group, Consumer, Reason string
	Fields                          []Field
	Deliveries                      uint32
	IsCut                           bool // past 64 KiB fields are left out
}

// Dead lists at most `count` (1 to 1,000) dead letters of the stream that they came from, the oldest first, behind
// `after`.
func (c *Client) Dead(ctx context.Context, stream string, after ID, count uint32) ([]DeadLetter, error) {
	name, free := cStr(stream)
	defer free()
	told, err := c.ask(func(ticket *C.uint64_t) error {
		return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
			return C.mr_client_dead(handle, name, cID(after), C.uint32_t(count), ticket, e)
		})
	})
	if err != nil {
		return nil, err
	}
	it, err := told.wait(ctx)
	return it.letters, err
}

// Redrive puts dead letters back at the end of the stream that they came from; a result for each, zero for one that was
// not there.
func (c *Client) Redrive(ctx context.Context, stream string, deadIDs []ID) ([]Result, error) {
	name, free := cStr(stream)
	defer free()
	ids := make([]C.mr_id, len(deadIDs))
	for i, id := range deadIDs {
		ids[i] = cID(id)
	}
	told, err := c.ask(func(ticket *C.uint64_t) error {
		return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
			return C.mr_client_redrive(handle, name, first(ids), C.size_t(len(ids)), ticket, e)
		})
	})
	if err != nil {
		return nil, err
	}
	it, err := told.wait(ctx)
	return it.results, err
}

// asked is a request that an event answers.
type asked struct {
	client *Client
	ticket C.uint64_t
	told   <-chan answer
}

// ask makes a request. Its event can't be missed: the loop asks for `asking` before it looks who waits.
func (c *Client) ask(request func(*C.uint64_t) error) (asked, error) {
	told := make(chan answer, 1)
	c.asking.Lock()
	defer c.asking.Unlock()
	var ticket C.uint64_t
	if err := request(&ticket); err != nil {
		return asked{}, err
	}
	c.answers[ticket] = told
	return asked{c, ticket, told}, nil
}

func (a asked) wait(ctx context.Context) (answer, error) {
	select {
	case it := <-a.told:
		return it, it.err
	case <-ctx.Done():
		a.client.asking.Lock()
		delete(a.client.answers, a.ticket)
		a.client.asking.Unlock()
		return answer{}, ctx.Err()
	}
}

func (c *Client) answer(ticket C.uint64_t, it answer) {
	c.asking.Lock()
	defer c.asking.Unlock()
	if told := c.answers[ticket]; told != nil {
		told <- it
		delete(c.answers, ticket)
	}
}

func (c *Client) answerAll(it answer) {
	c.asking.Lock()
	defer c.asking.Unlock()
	for ticket, told := range c.answers {
		told <- it
		delete(c.answers, ticket)
	}
}

// Health is how a source is, for an operator to read; nil: not known, by this server or yet.
type Health struct {
	Healthy         bool    `json:"healthy"`
	Error           *string `json:"error"` // why it is not healthy
	Mode            *string `json:"mode"`
	ConsumerGroup   *string `json:"consumerGroup"`
	Consumer        *string `json:"consumer"`
	StreamLength    *uint64 `json:"streamLength"`
	PendingMessages *uint64 `json:"pendingMessages"` // of the whole group
	Lag             *uint64 `json:"lag"`             // entries that the group has not read
	OldestPendingMs *int64  `json:"oldestPendingMs"`
	Held            uint64  `json:"held"` // entries that were read here and are not settled
	SinceHeardMs    int64   `json:"sinceHeardMs"`
	SinceLookedMs   *int64  `json:"sinceLookedMs"`
}

// Health asks the server for the figures, for as long as `wait`, and tells what is known then.
func (c *Client) Health(ctx context.Context, source Source, wait time.Duration) (health Health, err error) {
	type result struct {
		json []byte
		err  error
	}
	told := make(chan result, 1)
	c.call(func() {
		var text C.mr_text
		e := newError()
		micros := C.int64_t(wait.Microseconds())
		err := errorOf(C.mr_client_health_json(c.handle, C.uint32_t(source), micros, &text, &e), &e)
		told <- result{C.GoBytes(unsafe.Pointer(text.data), C.int(text.size)), err}
		C.mr_text_free(&text)
	})
	select {
	case it := <-told:
		if it.err == nil {
			it.err = json.Unmarshal(it.json, &health)
		}
		return health, it.err
	case <-ctx.Done():
		return health, ctx.Err()
	case <-c.ended:
		return health, closedError()
	}
}

// Metrics are all of the client's, as Prometheus text.
func (c *Client) Metrics() (string, error) {
	var text C.mr_text
	err := c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
		return C.mr_client_metrics(handle, &text, e)
	})
	defer C.mr_text_free(&text)
	return C.GoStringN(text.data, C.int(text.size)), err
}

// ReplaceCredentials says what the next AUTH says; an empty user is the default one. After ErrAuth it starts the client
// again: Next goes on.
func (c *Client) ReplaceCredentials(user, password string) error {
	name, err := cText("the user", user)
	if err != nil {
		return err
	}
	defer cFree(name)
	secret, err := cText("the password", password)
	if err != nil {
		return err
	}
	defer cFree(secret)
	return c.use(func(handle *C.mr_client, e *C.mr_error) C.mr_status {
		return C.mr_client_replace_credentials(handle, name, secret, e)
	})
}

// call has the loop call f between two turns: for what waits in the library.
func (c *Client) call(f func()) {
	c.asking.Lock()
	c.calls = append(c.calls, f)
	c.asking.Unlock()
	c.wake()
}

func (c *Client) callAll() {
	c.asking.Lock()
	calls := c.calls
	c.calls = nil
	c.asking.Unlock()
	for _, f := range calls {
		f()
	}
}
