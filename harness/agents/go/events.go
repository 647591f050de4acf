// Batches, events and answers as protocol 1 names them.

package main

/*
#include <millrace.h>
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"

	"millrace"
)

var guarantees = map[string]string{"streams": "at_least_once", "pubsub": "at_most_once", "tail": "by_cursor"}

func batchEvent(batch *millrace.Batch, reason uint32) object {
	now := time.Now().UnixMilli()
	entries := make([]object, len(batch.Entries))
	for i, entry := range batch.Entries {
		fields := make([]pair, len(entry.Fields))
		for k, field := range entry.Fields {
			fields[k] = pair{value(field.Name), value(field.Value)}
		}
		id := entry.ID
		if id == "0-0" { // of a Pub/Sub message
			id = ""
		}
		entries[i] = object{"stream": value(entry.Stream), "id": id, "fields": fields, "deliveries": entry.Deliveries,
			"t_ms": now}
	}
	return object{"event": "batch", "reason": C.GoString(C.mr_flush_name(C.uint32_t(reason))), "entries": entries}
}

func readyEvent(event *C.mr_event) object {
	mode := string(valueOf(event.text))
	ready := object{
		"event":          "ready",
		"mode":           mode,
		"delivery":       guarantees[mode],
		"consumer":       valueOf(event.consumer),
		"protocol":       uint32(event.protocol),
		"server_version": valueOf(event.version),
	}
	var cursors []value
	for _, place := range pairsOf(event.fields, event.field_count) {
		cursors = append(cursors, place[0]+"="+place[1])
	}
	if cursors != nil {
		ready["cursors"] = cursors
	}
	return ready
}

func errorParts(err error) object {
	parts := object{"code": millrace.ErrBadArgument, "message": err.Error(), "retryable": false}
	var told *millrace.Error
	if errors.As(err, &told) {
		parts.with(object{"code": told.Code, "message": told.Message, "retryable": told.Retryable})
	}
	return parts
}

func errorEvent(err error) object {
	return object{"event": "error"}.with(errorParts(err))
}

func failure(event *C.mr_event) object {
	return object{"event": "error", "code": codeOf(event.status), "message": valueOf(event.message),
		"retryable": event.retryable != 0}
}

func resultParts(event *C.mr_event) []object {
	parts := []object{}
	for _, result := range unsafe.Slice(event.results, int(event.result_count)) {
		flags := []string{}
		for i, name := range []string{"maybe_duplicate", "maybe_written", "reordered"} {
			if result.flags&(1<<i) != 0 {
				flags = append(flags, name)
			}
		}
		part := object{"flags": flags}
		if result.status != C.MR_OK {
			part.with(object{"error": codeOf(result.status), "message": C.GoString(C.mr_strerror(result.status))})
		} else if id := idText(result.id); id != "" {
			part["id"] = id
		}
		parts = append(parts, part)
	}
	return parts
}

func letterParts(event *C.mr_event) []object {
	parts := []object{}
	for i := 0; i < int(event.letter_count); i++ {
		at := unsafe.Add(unsafe.Pointer(event.letters), i*int(event.letter_stride))
		letter := (*C.mr_dead_letter)(at)
		part := object{"id": placeText(letter.dead_id), "fields": pairsOf(letter.fields, letter.field_count)}
		if id := idText(letter.id); id != "" {
			part.with(object{
				"origin_id":  id,
				"stream":     valueOf(letter.stream),
				"group":      valueOf(letter.group),
				"consumer":   valueOf(letter.consumer),
				"deliveries": uint32(letter.deliveries),
				"error":      valueOf(letter.reason),
			})
		}
		if letter.is_cut != 0 {
			part["cut"] = true
		}
		parts = append(parts, part)
	}
	return parts
}

// answerObject is what a request is answered by.
func answerObject(event *C.mr_event) object {
	stream := object{"stream": valueOf(event.stream)}
	if event.ticket != 0 && event.status != C.MR_OK && event.result_count == 0 {
		return failure(event)
	}
	switch event.kind {
	case C.MR_EVENT_PUBLISHED:
		return object{"event": "published", "results": resultParts(event)}
	case C.MR_EVENT_DEAD_LISTED:
		return object{"event": "dead", "entries": letterParts(event)}.with(stream)
	case C.MR_EVENT_REDRIVEN:
		results := resultParts(event)
		for i, id := range unsafe.Slice(event.ids, len(results)) {
			results[i]["dead_id"] = placeText(id)
		}
		return object{"event": "redriven", "results": results}.with(stream)
	}
	return nil
}

// eventObject is nil for what the protocol does not tell.
func eventObject(event *C.mr_event) object {
	text, count := valueOf(event.text), uint64(event.count)
	stream := object{"stream": valueOf(event.stream)}
	entry := object{"id": idText(event.id)}.with(stream)
	switch event.kind {
	case C.MR_EVENT_MODE:
		return object{"event": "mode", "mode": text, "delivery": guarantees[string(text)],
			"server_version": valueOf(event.version)}
	case C.MR_EVENT_LOST:
		entries := []pair{}
		for _, id := range unsafe.Slice(event.ids, int(event.id_count)) {
			entries = append(entries, pair{valueOf(event.stream), value(placeText(id))})
		}
		return object{"event": "lost", "entries": entries}
	case C.MR_EVENT_DUPLICATE:
		return object{"event": "duplicate", "canonical_id": text}.with(entry)
	case C.MR_EVENT_GROUP_RECREATED:
		return object{"event": "group_recreated", "from": text}.with(stream)
	case C.MR_EVENT_GAP:
		gap := object{"event": "gap", "from": placeText(event.id), "to": placeText(event.other_id)}.with(stream)
		if count > 0 {
			gap["missed"] = count
		}
		return gap
	case C.MR_EVENT_RESET:
		return object{"event": "reset", "from": placeText(event.id), "last": placeText(event.other_id)}.with(stream)
	case C.MR_EVENT_INTERRUPTED:
		return object{"event": "gap", "lasted_ms": count / 1000}.with(stream)
	case C.MR_EVENT_TOO_LARGE:
		return object{"event": "too_large", "bytes": count}.with(entry)
	case C.MR_EVENT_DEAD:
		dead := object{"event": "dead_lettered", "dead_stream": text, "deliveries": count,
			"error": valueOf(event.message)}.with(entry)
		if id := idText(event.other_id); id != "" {
			dead["dead_id"] = id
		}
		return dead
	case C.MR_EVENT_DEAD_FAILED:
		return failure(event).with(object{"event": "dead_failed", "dead_stream": text}, entry)
	case C.MR_EVENT_DISCONNECTED:
		return failure(event).with(object{"role": text, "reason": C.GoString(C.mr_disconnect_name(event.reason))})
	case C.MR_EVENT_RECONNECTED:
		return object{"event": "reconnected", "role": text, "attempts": count}
	case C.MR_EVENT_LOG:
		fields := map[string]value{}
		for _, field := range pairsOf(event.fields, event.field_count) {
			fields[string(field[0])] = field[1]
		}
		return object{"event": "log", "level": C.GoString(C.mr_log_name(event.level)),
			"message": valueOf(event.message), "fields": fields}
	case C.MR_EVENT_FAILED:
		failed := failure(event)
		if event.closed != 0 {
			failed["closed"] = true
		}
		return failed
	}
	return answerObject(event)
}
