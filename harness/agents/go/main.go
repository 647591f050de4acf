// Protocol 1 over the Go package: one consumer or tail, requests in, answers and events out (harness/README.md). What
// no application needs of every day, such as events and dead letters, it has of millrace.h itself, beside the package.
//
//	go build && millrace-harness run --agent=./agent
//
// Nothing is acked but what the harness acks. While the harness does not read its end of stdout, no batch is taken.
package main

/*
#include <millrace.h>
*/
import "C"

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"millrace"
)

var capabilities = []string{"streams", "pubsub", "tail", "publish", "claim", "nack", "dlq", "redrive", "dedupe",
	"drain", "pause", "many", "pattern", "config", "tls", "health", "stats", "concurrent"}

// So many events wait while the harness does not read; then nothing more is read for it.
const eventMax = 10_000

type agent struct {
	client  *millrace.Client // of requests, which come one at a time
	raw     *C.mr_client     // the same
	config  *C.mr_config
	source  C.uint32_t
	stream  value // the first one that start named
	startRe json.RawMessage
	held    held
	told    chan struct{} // closed after the client's last event

	mu      sync.Mutex // of stdout, and what follows
	keeps   bool
	isReady bool
	isOver  bool // nothing more is handed over
	drainRe json.RawMessage

	asking sync.Mutex // of a request, until its ticket is here
	asked  map[C.uint64_t]json.RawMessage
}

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "agent speaks agent protocol 1 on stdin and stdout, and takes no arguments")
		os.Exit(2)
	}
	a := &agent{held: held{places: map[pair]place{}, batches: map[uint64]*heldBatch{}}, told: make(chan struct{}),
		asked: map[C.uint64_t]json.RawMessage{}}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			a.handle(line)
		}
		if err != nil {
			break
		}
	}
	if a.client != nil {
		a.stopHandingOver()
		C.mr_client_close(a.raw, 5_000_000, nil, nil)
		<-a.told // its last event says what was held, and ends the agent
		_ = a.client.Close()
	}
	a.end(0)
}

func (a *agent) say(line object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(line)
}

// answer says the line as the answer to re.
func (a *agent) answer(re json.RawMessage, line object) {
	if re != nil {
		line["re"] = re
	}
	a.say(line)
}

func (a *agent) write(line object) {
	text, err := json.Marshal(line)
	if err == nil {
		_, err = os.Stdout.Write(append(text, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) // nobody reads any more
	}
}

func (a *agent) end(held uint64) {
	a.mu.Lock() // for good: nothing may be said after it
	drained := object{"event": "drained", "held": held}
	if a.drainRe != nil {
		drained["re"] = a.drainRe
	}
	a.write(drained)
	os.Exit(0)
}

func (a *agent) handle(line []byte) {
	var r request
	err := json.Unmarshal(line, &r)
	if err == nil {
		err = a.dispatch(&r)
	}
	if err != nil {
		a.answer(r.Re, errorEvent(err))
	}
}

func (a *agent) dispatch(r *request) error {
	switch r.Op {
	case "hello":
		a.answer(r.Re, object{"event": "hello", "protocol": 1, "name": "millrace-go", "version": "0.1.0",
			"capabilities": capabilities})
		return nil
	case "start":
		return a.start(r)
	case "drain":
		return a.drain(r)
	}
	if a.client == nil {
		return badRequest("%s: nothing is started", r.Op)
	}
	switch r.Op {
	case "ack", "nack", "reject":
		return a.settle(r)
	case "publish":
		return a.publish(r)
	case "dead":
		return a.listDead(r)
	case "redrive":
		return a.redrive(r)
	case "pause":
		err := try(func(e *C.mr_error) C.mr_status { return C.mr_client_pause(a.raw, a.source, e) })
		return a.answerUnless(err, r.Re, object{"event": "paused"})
	case "resume":
		err := try(func(e *C.mr_error) C.mr_status { return C.mr_client_resume(a.raw, a.source, e) })
		return a.answerUnless(err, r.Re, object{"event": "resumed"})
	case "health":
		go a.tellHealth(r)
		return nil
	case "stats":
		var text C.mr_text
		defer C.mr_text_free(&text)
		err := try(func(e *C.mr_error) C.mr_status { return C.mr_client_metrics(a.raw, &text, e) })
		return a.answerUnless(err, r.Re, object{"event": "stats", "text": C.GoStringN(text.data, C.int(text.size))})
	}
	return badRequest("unknown op '%s'", r.Op)
}

func badRequest(format string, parts ...any) error {
	return &millrace.Error{Code: millrace.ErrBadArgument, Message: fmt.Sprintf(format, parts...)}
}

func (a *agent) answerUnless(err error, re json.RawMessage, line object) error {
	if err == nil {
		a.answer(re, line)
	}
	return err
}

func (a *agent) start(r *request) error {
	if a.client != nil {
		return badRequest("start: there is a source already")
	}
	config, err := r.config()
	if err != nil {
		return err
	}
	var raw *C.mr_client
	options := C.mr_client_options{size: C.sizeof_mr_client_options, thread: C.MR_THREAD_OWN, event_max: eventMax}
	err = try(func(e *C.mr_error) C.mr_status { return C.mr_client_new(config, &options, &raw, e) })
	if err != nil {
		C.mr_config_free(config)
		return err
	}
	client := millrace.FromRaw(unsafe.Pointer(raw))
	err = try(func(e *C.mr_error) C.mr_status { return C.mr_client_open(raw, nil, &a.source, e) })
	if err != nil {
		_ = client.Close()
		C.mr_config_free(config)
		return err
	}
	a.client, a.raw, a.config, a.stream = client, raw, config, r.only()
	a.startRe, a.keeps = r.Re, r.Group != ""
	go a.tellEvents()
	return nil
}

func (a *agent) tellEvents() {
	defer close(a.told)
	for {
		event := C.mr_event{size: C.sizeof_mr_event}
		if C.mr_client_wait_event(a.raw, -1, &event) != C.MR_OK {
			return // it was closed, and this was all
		}
		a.tell(&event)
	}
}

func (a *agent) tell(event *C.mr_event) {
	switch {
	case event.kind == C.MR_EVENT_READY:
		a.tellReady(event)
	case event.kind == C.MR_EVENT_ACKED:
		for _, request := range a.held.acked(event) {
			a.say(request.answer())
		}
	case event.kind == C.MR_EVENT_CLOSED && event.source == 0:
		a.end(uint64(event.count))
	case event.kind == C.MR_EVENT_FAILED && event.closed != 0 && !a.isReady:
		a.answer(a.startRe, eventObject(event)) // what ends the source before it was ready is the answer to start
	default:
		if line := eventObject(event); line != nil {
			a.answer(a.whoAsked(event.ticket), line)
		}
	}
}

func (a *agent) whoAsked(ticket C.uint64_t) json.RawMessage {
	a.asking.Lock()
	defer a.asking.Unlock()
	defer delete(a.asked, ticket)
	return a.asked[ticket]
}

// Batches come after the first `ready`.
func (a *agent) tellReady(event *C.mr_event) {
	a.mu.Lock()
	a.keeps = valueOf(event.text) == "streams"
	a.mu.Unlock()
	a.answer(a.startRe, readyEvent(event))
	if !a.isReady {
		a.isReady = true
		go a.handOver(a.client.Batches(context.Background()))
	}
}

func (a *agent) handOver(batches <-chan *millrace.Batch) {
	for batch := range batches {
		view := C.mr_batch_view{size: C.sizeof_mr_batch_view}
		C.mr_batch_read((*C.mr_batch)(batch.Raw()), &view)
		line := batchEvent(batch, uint32(view.reason))
		a.mu.Lock()
		keeps, isOver := a.keeps, a.isOver
		a.mu.Unlock()
		if isOver {
			_ = batch.GiveBack() // the package had read it ahead
			continue
		}
		if keeps {
			a.held.add(batch, uint64(view.batch))
		}
		a.say(line)
		if !keeps {
			_ = batch.Ack() // nobody waits for it
		}
	}
}

func (a *agent) stopHandingOver() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.isOver = true
}

func (a *agent) drain(r *request) error {
	timeout := 5 * time.Second
	if r.TimeoutMs != nil {
		timeout = time.Duration(*r.TimeoutMs) * time.Millisecond
	}
	a.mu.Lock()
	a.drainRe = r.Re
	a.mu.Unlock()
	if a.client == nil {
		a.end(0)
	}
	a.stopHandingOver()
	// Its last event says how it went.
	return try(func(e *C.mr_error) C.mr_status {
		return C.mr_client_drain(a.raw, C.int64_t(timeout.Microseconds()), e)
	})
}
