// Batches: what is in them, as Go's own, and what becomes of it.

package millrace

/*
#include <millrace.h>

enum { ACK, NACK, GIVE_BACK, REJECT };

static mr_status settle(mr_batch* batch, int what, const uint32_t* indices, size_t count, int64_t delay_us,
                        const char* reason, mr_error* error) {
    switch (what) {
        case ACK: return mr_batch_ack(batch, indices, count, error);
        case NACK: return mr_batch_nack(batch, indices, count, delay_us, error);
        case GIVE_BACK: return mr_batch_give_back(batch, indices, count, error);
        default: return mr_batch_reject(batch, indices, count, reason, error);
    }
}
*/
import "C"

import (
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Field is a name and a value of an entry; both may hold any bytes.
type Field struct{ Name, Value string }

// Entry is an entry of a stream. Its strings are views of one copy that the whole batch shares: strings.Clone what is
// small and kept for long.
type Entry struct {
	Stream     string
	ID         ID
	Fields     []Field // in order, and with their repeats
	Deliveries uint32  // how often the server has delivered it to the group, this time included; 0 without a group
}

// Value is the value of the first field of that name.
func (e *Entry) Value(name string) (value string, ok bool) {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value, true
		}
	}
	return "", false
}

// FlushReason is why a batch was handed over.
type FlushReason uint32

// Full, in time, or pending from an earlier life.
const (
	BySize     FlushReason = C.MR_FLUSH_SIZE
	ByInterval FlushReason = C.MR_FLUSH_INTERVAL
	ByRecovery FlushReason = C.MR_FLUSH_RECOVERY
)

func (r FlushReason) String() string {
	return word(uint32(r), "size", "flush", "recovery")
}

// Batch is at least one entry. What is not settled stays pending with this consumer, and counts as held. For all its
// methods, positions are those in Entries, each at most once: an error settles none of them. ErrLost of everything:
// some are another consumer's by now, the rest was settled. It may outlive its client; then it answers ErrClosed.
type Batch struct {
	Entries []Entry
	Reason  FlushReason
	Source  Source
	Number  uint64 // as events name it

	mu     sync.Mutex
	handle *C.mr_batch // nil once it has ended
	ended  error       // what is answered then
	open   int
}

// DefaultDelay is the configured nack_delay.
const DefaultDelay time.Duration = -1

// Ack acks all that is not settled yet. It is on its way at once; EventAcked tells that the server did it.
func (b *Batch) Ack() error { return b.settle(C.ACK, nil, 0, "") }

// AckSome acks the entries at these positions.
func (b *Batch) AckSome(positions []uint32) error { return b.settleSome(C.ACK, positions, 0, "") }

// Nack has all that is not settled delivered here again after the delay.
func (b *Batch) Nack(delay time.Duration) error { return b.settle(C.NACK, nil, delay, "") }

// NackSome is Nack of the entries at these positions.
func (b *Batch) NackSome(positions []uint32, delay time.Duration) error {
	return b.settleSome(C.NACK, positions, delay, "")
}

// GiveBack leaves all that is not settled to the group: whichever consumer sweeps it next may take it over.
func (b *Batch) GiveBack() error { return b.settle(C.GIVE_BACK, nil, 0, "") }

// GiveBackSome is GiveBack of the entries at these positions.
func (b *Batch) GiveBackSome(positions []uint32) error {
	return b.settleSome(C.GIVE_BACK, positions, 0, "")
}

// Reject moves all that is not settled to the dead stream; EventDead or EventDeadFailed tells of each. ErrQueueFull:
// too many wait to be written, and none was taken.
func (b *Batch) Reject(reason string) error { return b.settle(C.REJECT, nil, 0, reason) }

// RejectSome is Reject of the entries at these positions.
func (b *Batch) RejectSome(positions []uint32, reason string) error {
	return b.settleSome(C.REJECT, positions, 0, reason)
}

// Release is for batches that are not settled: what is open stays pending with this consumer. All others free
// themselves.
func (b *Batch) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(&Error{Code: ErrNotHeld, Message: "the batch was released"})
}

func (b *Batch) end(why error) {
	if b.handle != nil {
		C.mr_batch_free(b.handle)
		b.handle, b.ended = nil, why
	}
}

// None are none, never all: a list that happens to be empty acks nothing.
func (b *Batch) settleSome(what C.int, positions []uint32, delay time.Duration, reason string) error {
	if len(positions) == 0 {
		return nil
	}
	return b.settle(what, positions, delay, reason)
}

func (b *Batch) settle(what C.int, positions []uint32, delay time.Duration, reason string) error {
	var text *C.char
	var err error
	if what == C.REJECT {
		if text, err = cText("the reason", reason); err != nil {
			return err
		}
		defer cFree(text)
	}
	wait := C.int64_t(-1)
	if delay >= 0 {
		wait = C.int64_t(delay.Microseconds())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.handle == nil {
		return b.ended
	}
	e := newError()
	indices := (*C.uint32_t)(unsafe.Pointer(first(positions)))
	err = errorOf(C.settle(b.handle, what, indices, C.size_t(len(positions)), wait, text, &e), &e)
	code := codeOf(err)
	switch {
	case code == ErrClosed:
		b.end(err) // it would keep what the client was
	case positions == nil && (err == nil || code == ErrLost || code == ErrNotHeld):
		b.open = 0
	case err == nil:
		b.open -= len(positions)
	}
	if b.open <= 0 {
		b.end(&Error{Code: ErrNotHeld, Message: "the batch was settled as a whole"})
	}
	return err
}

// A batch that nobody was handed.
func giveBack(batch *Batch) {
	_ = batch.GiveBack() // fails where it is another consumer's by now
	batch.Release()
}

// readBatch takes over a batch of the library, and copies its tables as a whole: all bytes at once, and no struct is
// looked at one by one in C.
func readBatch(handle *C.mr_batch, view *C.mr_batch_view) *Batch {
	count := int(view.count)
	b := &Batch{
		Entries: make([]Entry, count),
		Reason:  FlushReason(view.reason),
		Source:  Source(view.source),
		Number:  uint64(view.batch),
		handle:  handle,
		open:    count,
	}
	fields := fieldsOf(view.fields, view.field_count)
	for i := range b.Entries {
		at := (*C.mr_entry)(unsafe.Add(unsafe.Pointer(view.entries), i*int(view.entry_stride)))
		entry := &b.Entries[i]
		own := int(at.field_count)
		entry.ID, entry.Deliveries = idOf(at.id), uint32(at.deliveries)
		entry.Fields, fields = fields[:own:own], fields[own:]
		if i > 0 && sameText(b.Entries[i-1].Stream, at.stream) {
			entry.Stream = b.Entries[i-1].Stream
		} else {
			entry.Stream = goText(at.stream)
		}
	}
	C.mr_batch_release(handle) // the bytes; settling goes on
	return b
}

// fieldsOf copies a table of fields: their bytes in one piece.
func fieldsOf(table *C.mr_field, count C.size_t) []Field {
	given := unsafe.Slice(table, int(count))
	size := 0
	for i := range given {
		size += int(given[i].name.size) + int(given[i].value.size)
	}
	var all strings.Builder
	all.Grow(size)
	for i := range given {
		all.Write(bytesOf(given[i].name))
		all.Write(bytesOf(given[i].value))
	}
	fields, rest := make([]Field, len(given)), all.String()
	for i := range given {
		name, value := int(given[i].name.size), int(given[i].value.size)
		fields[i] = Field{rest[:name], rest[name : name+value]}
		rest = rest[name+value:]
	}
	return fields
}
