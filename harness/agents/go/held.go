// The entries that the harness was handed and has not settled, and acks that wait for the server's answer.

package main

/*
#include <millrace.h>
*/
import "C"

import (
	"encoding/json"
	"errors"
	"sync"
	"unsafe"

	"millrace"
)

// A batch, its entries by their stream and id, and who waits for an ack, by position.
type heldBatch struct {
	batch   *millrace.Batch
	number  uint64
	keys    []pair
	open    int
	waiters map[uint32]waiter
}

type place struct {
	held  *heldBatch
	index uint32
}

type waiter struct {
	request *settling
	item    int
}

// settling is the answer to a request, which is complete when nothing is open.
type settling struct {
	re    json.RawMessage
	keys  []pair
	codes []string
	open  int
}

func (s *settling) answer() object {
	entries := make([][3]value, len(s.keys))
	for i, key := range s.keys {
		entries[i] = [3]value{key[0], key[1], value(s.codes[i])}
	}
	return object{"event": "acked", "re": s.re, "entries": entries}
}

type held struct {
	mu      sync.Mutex
	places  map[pair]place
	batches map[uint64]*heldBatch
}

func (h *held) add(batch *millrace.Batch, number uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := &heldBatch{batch: batch, number: number, open: len(batch.Entries), waiters: map[uint32]waiter{}}
	for i, entry := range batch.Entries {
		key := pair{value(entry.Stream), value(entry.ID)}
		kept.keys = append(kept.keys, key)
		h.places[key] = place{kept, uint32(i)}
	}
	h.batches[number] = kept
	batch.Entries = nil // the harness has them
}

// settle asks for all of a batch's entries at once, and one by one where that is refused. Acks are answered by the
// server, the rest at once: whether the answer is complete.
func (h *held) settle(s *settling, isAck bool, command func(*millrace.Batch, []uint32) error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	shares := map[*heldBatch][]int{}
	var settled []place
	for item, key := range s.keys {
		if at, isHeld := h.places[key]; isHeld {
			shares[at.held] = append(shares[at.held], item)
		} else {
			s.codes[item] = string(millrace.ErrNotHeld)
		}
	}
	for kept, items := range shares {
		var positions []uint32
		for _, item := range items {
			positions = append(positions, h.places[s.keys[item]].index)
		}
		whole := command(kept.batch, positions)
		for i, item := range items {
			var told *millrace.Error
			if err := whole; err != nil {
				err = command(kept.batch, positions[i:i+1])
				if errors.As(err, &told) {
					s.codes[item] = string(told.Code)
					continue
				}
			}
			if isAck {
				kept.waiters[positions[i]] = waiter{s, item}
				s.open++
			} else {
				s.codes[item] = "ok"
				settled = append(settled, place{kept, positions[i]})
			}
		}
	}
	for _, at := range settled {
		h.forget(at.held, at.index)
	}
	return s.open == 0
}

// acked takes what the server has acked, and answers the requests that are complete by it.
func (h *held) acked(event *C.mr_event) (complete []*settling) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.batches[uint64(event.batch)]
	if kept == nil {
		return nil
	}
	for _, index := range unsafe.Slice((*uint32)(event.indices), int(event.index_count)) {
		if it, waits := kept.waiters[index]; waits {
			it.request.codes[it.item] = "ok"
			it.request.open--
			if it.request.open == 0 {
				complete = append(complete, it.request)
			}
			delete(kept.waiters, index)
		}
		h.forget(kept, index)
	}
	return complete
}

func (h *held) forget(kept *heldBatch, index uint32) {
	key := kept.keys[index]
	// The same entry may have come again since, in a batch of its own.
	if h.places[key].held == kept {
		delete(h.places, key)
	}
	if kept.open--; kept.open == 0 {
		kept.batch.Release()
		delete(h.batches, kept.number)
	}
}
