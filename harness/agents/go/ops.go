// Requests about what was read and written; their answers come when the server's do.

package main

/*
#include <millrace.h>
*/
import "C"

import (
	"encoding/json"

	"millrace"
)

func (a *agent) settle(r *request) error {
	s := &settling{re: r.Re}
	if err := json.Unmarshal(r.Entries, &s.keys); err != nil {
		return err
	}
	s.codes = make([]string, len(s.keys))
	a.mu.Lock()
	keeps := a.keeps
	a.mu.Unlock()
	if !keeps {
		for i := range s.codes {
			s.codes[i] = "ok"
		}
		a.say(s.answer())
		return nil
	}
	delay := C.int64_t(-1)
	if r.DelayMs != nil {
		delay = C.int64_t(*r.DelayMs * 1000)
	}
	isComplete := a.held.settle(s, r.Op == "ack", func(batch *millrace.Batch, positions []uint32) error {
		switch r.Op {
		case "ack":
			return batch.AckSome(positions)
		case "reject":
			return batch.RejectSome(positions, string(r.Error))
		}
		raw, first, count := (*C.mr_batch)(batch.Raw()), (*C.uint32_t)(&positions[0]), C.size_t(len(positions))
		return try(func(e *C.mr_error) C.mr_status {
			if r.Release {
				return C.mr_batch_give_back(raw, first, count, e)
			}
			return C.mr_batch_nack(raw, first, count, delay, e)
		})
	})
	if isComplete {
		a.say(s.answer())
	}
	return nil
}

// ask makes a request that an event answers, which finds its `re` here.
func (a *agent) ask(r *request, call func(ticket *C.uint64_t, e *C.mr_error) C.mr_status) error {
	a.asking.Lock()
	defer a.asking.Unlock()
	var ticket C.uint64_t
	err := try(func(e *C.mr_error) C.mr_status { return call(&ticket, e) })
	if err == nil && r.Re != nil {
		a.asked[ticket] = r.Re
	}
	return err
}

func (a *agent) publish(r *request) error {
	var m memory
	defer m.free()
	var entries [][]pair
	if err := json.Unmarshal(r.Entries, &entries); err != nil {
		return err
	}
	config, err := r.publishConfig(a.config)
	if err != nil {
		return err
	}
	defer C.mr_config_free(config)
	publish := C.mr_publish{size: C.sizeof_mr_publish, stream: m.str(r.only()), entries: m.entries(entries),
		entry_count: C.size_t(len(entries)), config: config}
	return a.ask(r, func(ticket *C.uint64_t, e *C.mr_error) C.mr_status {
		return C.mr_client_publish_async(a.raw, &publish, ticket, e)
	})
}

// of is the stream that a request names, or start did.
func (a *agent) of(r *request) value {
	if r.Stream != nil {
		return *r.Stream
	}
	return a.stream
}

func (a *agent) listDead(r *request) (err error) {
	var m memory
	defer m.free()
	var after C.mr_id
	if r.After != "" {
		if after, err = m.id(r.After); err != nil {
			return err
		}
	}
	count := C.uint32_t(1000)
	if r.Count != 0 {
		count = C.uint32_t(r.Count)
	}
	stream := m.str(a.of(r))
	return a.ask(r, func(ticket *C.uint64_t, e *C.mr_error) C.mr_status {
		return C.mr_client_dead(a.raw, stream, after, count, ticket, e)
	})
}

func (a *agent) redrive(r *request) error {
	var m memory
	defer m.free()
	ids := make([]C.mr_id, len(r.IDs)+1) // of none C is still given a place
	for i, text := range r.IDs {
		id, err := m.id(text)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	stream := m.str(a.of(r))
	return a.ask(r, func(ticket *C.uint64_t, e *C.mr_error) C.mr_status {
		return C.mr_client_redrive(a.raw, stream, &ids[0], C.size_t(len(r.IDs)), ticket, e)
	})
}

// A server that is silent is bad news soon enough.
const lookTimeoutUs = 500_000

func (a *agent) tellHealth(r *request) {
	var text C.mr_text
	defer C.mr_text_free(&text)
	err := try(func(e *C.mr_error) C.mr_status {
		return C.mr_client_health_json(a.raw, a.source, lookTimeoutUs, &text, e)
	})
	health := object{}
	if err == nil {
		err = json.Unmarshal([]byte(C.GoStringN(text.data, C.int(text.size))), &health)
	}
	if err != nil {
		a.answer(r.Re, errorEvent(err))
		return
	}
	a.answer(r.Re, health.with(object{"event": "health"}))
}
