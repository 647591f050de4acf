// Events: what happens beside the batches, as Go's own.

package millrace

/*
#include <millrace.h>
*/
import "C"

import "unsafe"

// Source is a stream, or several, that a client consumes; 0 is none in particular.
type Source uint32

// EventKind says which fields of an Event are set; millrace.h has the list.
type EventKind uint32

// Kinds of events. Answers to requests are not among them: who asked is told.
const (
	EventReady          EventKind = C.MR_EVENT_READY
	EventAcked          EventKind = C.MR_EVENT_ACKED
	EventLost           EventKind = C.MR_EVENT_LOST
	EventDuplicate      EventKind = C.MR_EVENT_DUPLICATE
	EventGroupRecreated EventKind = C.MR_EVENT_GROUP_RECREATED
	EventMode           EventKind = C.MR_EVENT_MODE
	EventDisconnected   EventKind = C.MR_EVENT_DISCONNECTED
	EventReconnected    EventKind = C.MR_EVENT_RECONNECTED
	EventGap            EventKind = C.MR_EVENT_GAP
	EventReset          EventKind = C.MR_EVENT_RESET
	EventInterrupted    EventKind = C.MR_EVENT_INTERRUPTED
	EventTooLarge       EventKind = C.MR_EVENT_TOO_LARGE
	EventDead           EventKind = C.MR_EVENT_DEAD
	EventDeadFailed     EventKind = C.MR_EVENT_DEAD_FAILED
	EventFailed         EventKind = C.MR_EVENT_FAILED
	EventLog            EventKind = C.MR_EVENT_LOG
	EventClosed         EventKind = C.MR_EVENT_CLOSED
	EventLogsDropped    EventKind = C.MR_EVENT_LOGS_DROPPED
)

// LogLevel is how much a log matters.
type LogLevel uint32

// Levels, in their order.
const (
	LogDebug LogLevel = C.MR_LOG_DEBUG
	LogInfo  LogLevel = C.MR_LOG_INFO
	LogWarn  LogLevel = C.MR_LOG_WARN
	LogError LogLevel = C.MR_LOG_ERROR
)

func (l LogLevel) String() string { return word(uint32(l), "debug", "info", "warn", "error") }

// DisconnectReason is why a connection ended.
type DisconnectReason uint32

func (r DisconnectReason) String() string {
	return word(uint32(r), "closed", "dropped", "refused", "reset", "unreachable", "dns", "timeout", "tls_expired",
		"tls_unknown_authority", "tls_wrong_host", "tls_certificate_wanted", "tls_failed")
}

// A later library may know more of them.
func word(at uint32, words ...string) string {
	if int(at) < len(words) {
		return words[at]
	}
	return "unknown"
}

// Event is something that happened. What its kind does not name is zero.
type Event struct {
	Kind     EventKind
	Source   Source
	Batch    uint64
	Count    uint64
	Err      *Error           // nil: none
	Closed   bool             // of EventFailed: the source reads no more
	Level    LogLevel         // of EventLog
	Protocol uint32           // of RESP: 2 or 3
	Reason   DisconnectReason // of EventDisconnected

	Stream, Consumer, Text, Message, Version string

	ID, OtherID ID
	IDs         []ID
	Indices     []uint32 // positions in the batch
	Fields      []Field
}

// tell routes an event of the library: answers to who asked, everything else to who listens.
func (c *Client) tell(event *C.mr_event) {
	switch event.kind {
	case C.MR_EVENT_PUBLISHED, C.MR_EVENT_DEAD_LISTED, C.MR_EVENT_REDRIVEN:
		c.answer(event.ticket, answerOf(event))
		return
	case C.MR_EVENT_CLOSED:
		if event.source == 0 {
			c.held = uint64(event.count)
			close(c.drained)
		}
	}
	if c.isListening.Load() {
		c.events.push(eventOf(event))
	}
}

func eventOf(event *C.mr_event) Event {
	return Event{
		Kind:     EventKind(event.kind),
		Source:   Source(event.source),
		Batch:    uint64(event.batch),
		Count:    uint64(event.count),
		Err:      errorOfEvent(event),
		Closed:   event.closed != 0,
		Level:    LogLevel(event.level),
		Protocol: uint32(event.protocol),
		Reason:   DisconnectReason(event.reason),
		Stream:   goText(event.stream),
		Consumer: goText(event.consumer),
		Text:     goText(event.text),
		Message:  goText(event.message),
		Version:  goText(event.version),
		ID:       idOf(event.id),
		OtherID:  idOf(event.other_id),
		IDs:      idsOf(event),
		Indices:  append([]uint32(nil), unsafe.Slice((*uint32)(event.indices), int(event.index_count))...),
		Fields:   fieldsOf(event.fields, event.field_count),
	}
}

func errorOfEvent(event *C.mr_event) *Error {
	if event.status == C.MR_OK {
		return nil
	}
	return &Error{Code: Code(event.status), Retryable: event.retryable != 0, Message: goText(event.message)}
}

func idsOf(event *C.mr_event) []ID {
	var ids []ID
	for _, id := range unsafe.Slice(event.ids, int(event.id_count)) {
		ids = append(ids, idOf(id))
	}
	return ids
}

func answerOf(event *C.mr_event) answer {
	var it answer
	if err := errorOfEvent(event); err != nil {
		it.err = err
	}
	for _, result := range unsafe.Slice(event.results, int(event.result_count)) {
		it.results = append(it.results, Result{
			ID:             idOf(result.id),
			Code:           Code(result.status),
			MaybeDuplicate: result.flags&C.MR_PUBLISH_MAYBE_DUPLICATE != 0,
			MaybeWritten:   result.flags&C.MR_PUBLISH_MAYBE_WRITTEN != 0,
			Reordered:      result.flags&C.MR_PUBLISH_REORDERED != 0,
		})
	}
	for i := 0; i < int(event.letter_count); i++ {
		at := (*C.mr_dead_letter)(unsafe.Add(unsafe.Pointer(event.letters), i*int(event.letter_stride)))
		it.letters = append(it.letters, DeadLetter{
			DeadID:     idOf(at.dead_id),
			ID:         idOf(at.id),
			Stream:     goText(at.stream),
			Group:      goText(at.group),
			Consumer:   goText(at.consumer),
			Reason:     goText(at.reason),
			Fields:     fieldsOf(at.fields, at.field_count),
			Deliveries: uint32(at.deliveries),
			IsCut:      at.is_cut != 0,
		})
	}
	return it
}
