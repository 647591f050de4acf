// Batches, events and answers as protocol 1 names them.

package main

import (
	"errors"
	"time"

	"millrace"
)

var guarantees = map[string]string{"streams": "at_least_once", "pubsub": "at_most_once", "tail": "by_cursor"}

// An entry of a Pub/Sub message has no id.
func idText(id millrace.ID) string {
	if id == (millrace.ID{}) {
		return ""
	}
	return id.String()
}

func batchEvent(batch *millrace.Batch) object {
	now := time.Now().UnixMilli()
	entries := make([]object, len(batch.Entries))
	for i, entry := range batch.Entries {
		entries[i] = object{
			"stream":     value(entry.Stream),
			"id":         idText(entry.ID),
			"fields":     pairsOf(entry.Fields),
			"deliveries": entry.Deliveries,
			"t_ms":       now,
		}
	}
	return object{"event": "batch", "reason": batch.Reason.String(), "entries": entries}
}

func readyEvent(event millrace.Event) object {
	ready := object{
		"event":          "ready",
		"mode":           event.Text,
		"delivery":       guarantees[event.Text],
		"consumer":       value(event.Consumer),
		"protocol":       event.Protocol,
		"server_version": value(event.Version),
	}
	var cursors []value
	for _, place := range event.Fields {
		cursors = append(cursors, value(place.Name+"="+place.Value))
	}
	if cursors != nil {
		ready["cursors"] = cursors
	}
	return ready
}

func errorParts(err error) object {
	parts := object{"code": millrace.ErrBadArgument.String(), "message": err.Error(), "retryable": false}
	var told *millrace.Error
	if errors.As(err, &told) {
		parts.with(object{"code": told.Code.String(), "message": told.Message, "retryable": told.Retryable})
	}
	return parts
}

func errorEvent(err error) object {
	return object{"event": "error"}.with(errorParts(err))
}

func resultPart(result millrace.Result) object {
	flags := []string{}
	if result.MaybeDuplicate {
		flags = append(flags, "maybe_duplicate")
	}
	if result.MaybeWritten {
		flags = append(flags, "maybe_written")
	}
	if result.Reordered {
		flags = append(flags, "reordered")
	}
	part := object{"flags": flags}
	if result.Code != 0 {
		part.with(object{"error": result.Code.String(), "message": result.Code.Error()})
	} else if result.ID != (millrace.ID{}) {
		part["id"] = result.ID.String()
	}
	return part
}

func letterPart(letter millrace.DeadLetter) object {
	part := object{"id": letter.DeadID.String(), "fields": pairsOf(letter.Fields)}
	if letter.ID != (millrace.ID{}) {
		part.with(object{
			"origin_id":  letter.ID.String(),
			"stream":     value(letter.Stream),
			"group":      value(letter.Group),
			"consumer":   value(letter.Consumer),
			"deliveries": letter.Deliveries,
			"error":      value(letter.Reason),
		})
	}
	if letter.IsCut {
		part["cut"] = true
	}
	return part
}

// eventObject is nil for what the protocol does not tell.
func eventObject(event millrace.Event) object {
	stream := object{"stream": value(event.Stream)}
	entry := object{"id": idText(event.ID)}.with(stream)
	switch event.Kind {
	case millrace.EventMode:
		return object{"event": "mode", "mode": event.Text, "delivery": guarantees[event.Text],
			"server_version": event.Version}
	case millrace.EventLost:
		entries := []pair{}
		for _, id := range event.IDs {
			entries = append(entries, pair{value(event.Stream), value(id.String())})
		}
		return object{"event": "lost", "entries": entries}
	case millrace.EventDuplicate:
		return object{"event": "duplicate", "canonical_id": value(event.Text)}.with(entry)
	case millrace.EventGroupRecreated:
		return object{"event": "group_recreated", "from": event.Text}.with(stream)
	case millrace.EventGap:
		gap := object{"event": "gap", "from": event.ID.String(), "to": event.OtherID.String()}.with(stream)
		if event.Count > 0 {
			gap["missed"] = event.Count
		}
		return gap
	case millrace.EventReset:
		return object{"event": "reset", "from": event.ID.String(), "last": event.OtherID.String()}.with(stream)
	case millrace.EventInterrupted:
		return object{"event": "gap", "lasted_ms": event.Count / 1000}.with(stream)
	case millrace.EventTooLarge:
		return object{"event": "too_large", "bytes": event.Count}.with(entry)
	case millrace.EventDead:
		dead := object{"event": "dead_lettered", "dead_stream": value(event.Text), "deliveries": event.Count,
			"error": value(event.Message)}.with(entry)
		if event.OtherID != (millrace.ID{}) {
			dead["dead_id"] = event.OtherID.String()
		}
		return dead
	case millrace.EventDeadFailed:
		return object{"event": "dead_failed", "dead_stream": value(event.Text)}.with(entry, errorParts(event.Err))
	case millrace.EventDisconnected:
		return errorEvent(event.Err).with(object{"role": event.Text, "reason": event.Reason.String()})
	case millrace.EventReconnected:
		return object{"event": "reconnected", "role": event.Text, "attempts": event.Count}
	case millrace.EventLog:
		fields := map[string]string{}
		for _, field := range event.Fields {
			fields[field.Name] = field.Value
		}
		return object{"event": "log", "level": event.Level.String(), "message": event.Message, "fields": fields}
	case millrace.EventFailed:
		failed := errorEvent(event.Err)
		if event.Closed {
			failed["closed"] = true
		}
		return failed
	}
	return nil
}
