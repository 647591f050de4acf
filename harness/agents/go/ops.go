// Requests about what was read and written; their answers come when the server's do.

package main

import (
	"context"
	"encoding/json"
	"time"

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
	delay := millrace.DefaultDelay
	if r.DelayMs != nil {
		delay = time.Duration(*r.DelayMs) * time.Millisecond
	}
	isComplete := a.held.settle(s, r.Op == "ack", func(batch *millrace.Batch, positions []uint32) error {
		switch {
		case r.Op == "ack":
			return batch.AckSome(positions)
		case r.Op == "reject":
			return batch.RejectSome(positions, string(r.Error))
		case r.Release:
			return batch.GiveBackSome(positions)
		}
		return batch.NackSome(positions, delay)
	})
	if isComplete {
		a.say(s.answer())
	}
	return nil
}

func (a *agent) publish(r *request) error {
	config, err := r.publishConfig()
	if err != nil {
		return err
	}
	entries, err := r.published()
	if err != nil {
		return err
	}
	published, err := a.client.PublishAsync(config, r.only(), entries...)
	if err != nil {
		return err
	}
	go func() {
		told, err := published.Wait(context.Background())
		if told == nil && err != nil {
			a.answer(r.Re, errorEvent(err))
			return
		}
		results := []object{}
		for _, result := range told {
			results = append(results, resultPart(result))
		}
		a.answer(r.Re, object{"event": "published", "results": results})
	}()
	return nil
}

// of is the stream that a request names, or start did.
func (a *agent) of(r *request) string {
	if r.Stream != nil {
		return string(*r.Stream)
	}
	return a.stream
}

func (a *agent) listDead(r *request) error {
	var after millrace.ID
	var err error
	if r.After != "" {
		if after, err = millrace.ParseID(string(r.After)); err != nil {
			return err
		}
	}
	count := r.Count
	if count == 0 {
		count = 1000
	}
	go func() {
		letters, err := a.client.Dead(context.Background(), a.of(r), after, count)
		if err != nil {
			a.answer(r.Re, errorEvent(err))
			return
		}
		entries := []object{}
		for _, letter := range letters {
			entries = append(entries, letterPart(letter))
		}
		a.answer(r.Re, object{"event": "dead", "stream": value(a.of(r)), "entries": entries})
	}()
	return nil
}

func (a *agent) redrive(r *request) error {
	ids, err := idsOf(r.IDs)
	if err != nil {
		return err
	}
	go func() {
		told, err := a.client.Redrive(context.Background(), a.of(r), ids)
		if told == nil && err != nil {
			a.answer(r.Re, errorEvent(err))
			return
		}
		results := []object{}
		for i, result := range told {
			results = append(results, resultPart(result).with(object{"dead_id": ids[i].String()}))
		}
		a.answer(r.Re, object{"event": "redriven", "stream": value(a.of(r)), "results": results})
	}()
	return nil
}

func (a *agent) tellHealth(r *request) {
	health, err := a.client.Health(context.Background(), a.source, lookTimeout)
	if err != nil {
		a.answer(r.Re, errorEvent(err))
		return
	}
	a.answer(r.Re, object{"event": "health"}.with(healthPart(health)))
}

func healthPart(health millrace.Health) (part object) {
	text, err := json.Marshal(health) // it has OBS-2's names
	if err == nil {
		err = json.Unmarshal(text, &part)
	}
	if err != nil {
		return errorParts(err)
	}
	return part
}
