// Protocol 1 over the Go package: one consumer or tail, requests in, answers and events out (harness/README.md).
//
//	go build && millrace-harness run --agent=./agent
//
// Nothing is acked but what the harness acks. While the harness does not read its end of stdout, no batch is taken.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"millrace"
)

var capabilities = []string{"streams", "pubsub", "tail", "publish", "claim", "nack", "dlq", "redrive", "dedupe",
	"drain", "pause", "many", "pattern", "config", "tls", "health", "stats", "concurrent"}

// A server that is silent is bad news soon enough.
const lookTimeout = 500 * time.Millisecond

type agent struct {
	client  *millrace.Client // of requests, which come one at a time
	source  millrace.Source
	stream  string // the first one that start named
	startRe json.RawMessage
	held    held
	told    chan struct{} // closed after the client's last event

	mu      sync.Mutex // of stdout, and what follows
	keeps   bool
	isReady bool
	isEnded bool
	drainRe json.RawMessage
}

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "agent speaks agent protocol 1 on stdin and stdout, and takes no arguments")
		os.Exit(2)
	}
	a := &agent{held: held{places: map[pair]place{}, batches: map[uint64]*heldBatch{}}, told: make(chan struct{})}
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
		_ = a.client.Close() // its last event, which comes before `told` is closed, says what was held
		<-a.told
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
		return a.answerUnless(a.client.Pause(a.source), r.Re, object{"event": "paused"})
	case "resume":
		return a.answerUnless(a.client.Resume(a.source), r.Re, object{"event": "resumed"})
	case "health":
		go a.tellHealth(r)
		return nil
	case "stats":
		text, err := a.client.Metrics()
		return a.answerUnless(err, r.Re, object{"event": "stats", "text": text})
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
	client, err := millrace.New(config)
	if err != nil {
		return err
	}
	events := client.Events(context.Background())
	a.startRe, a.stream, a.keeps = r.Re, r.only(), r.Group != ""
	if a.source, err = client.OpenSource(millrace.Config{}); err != nil {
		_ = client.Close()
		return err
	}
	a.client = client
	go a.tellEvents(client, events)
	return nil
}

func (a *agent) tellEvents(client *millrace.Client, events <-chan millrace.Event) {
	defer close(a.told)
	for event := range events {
		switch {
		case event.Kind == millrace.EventReady:
			a.tellReady(client, event)
		case event.Kind == millrace.EventAcked:
			for _, request := range a.held.acked(event) {
				a.say(request.answer())
			}
		case event.Kind == millrace.EventClosed && event.Source == 0:
			a.end(event.Count)
		case event.Kind == millrace.EventFailed && event.Closed && !a.isReady:
			a.answer(a.startRe, eventObject(event)) // what ends the source before it was ready is the answer to start
		default:
			if line := eventObject(event); line != nil {
				a.say(line)
			}
		}
	}
}

// Batches come after the first `ready`.
func (a *agent) tellReady(client *millrace.Client, event millrace.Event) {
	a.mu.Lock()
	a.keeps = event.Text == "streams"
	a.mu.Unlock()
	a.answer(a.startRe, readyEvent(event))
	if !a.isReady {
		a.isReady = true
		go a.handOver(client.Batches(context.Background()))
	}
}

func (a *agent) handOver(batches <-chan *millrace.Batch) {
	for batch := range batches {
		line := batchEvent(batch)
		a.mu.Lock()
		keeps := a.keeps
		a.mu.Unlock()
		if keeps {
			a.held.add(batch)
		}
		a.say(line)
		if !keeps {
			_ = batch.Ack() // nobody waits for it
		}
	}
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
	go func() {
		if _, err := a.client.Drain(context.Background(), timeout); err != nil {
			a.answer(r.Re, errorEvent(err)) // its last event says how it went
		}
	}()
	return nil
}
