// How fast Go consumes, with millrace and with its peers:
//
//	bench millrace|go-redis|rueidis URL STREAM GROUP COUNT BATCH
//
// Each reads COUNT entries of the group in batches of at most BATCH, makes a string of each one's `payload`, acks every
// batch as a whole, and prints {"entries":n,"bytes":n,"seconds":s}: from the first read to the answer of the last ack.
// Built with -tags nopeers, which needs no module from elsewhere, it has none of them and exits 3 when asked for one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

const (
	consumer = "bench"
	field    = "payload"
)

// A job is what to consume, and what came of it.
type job struct {
	url, stream, group string
	count, batch       int

	started        time.Time
	entries, bytes int
}

// begin is called when the connection is there, before anything is read.
func (j *job) begin() { j.started = time.Now() }

func (j *job) isDone() bool { return j.entries >= j.count }

// add is called with the payload of each entry.
func (j *job) add(payload string) {
	j.entries++
	j.bytes += len(payload)
}

// take is how many to read at most.
func (j *job) take() int {
	if left := j.count - j.entries; left < j.batch {
		return left
	}
	return j.batch
}

var errNoPayload = errors.New("an entry has no field " + field)

// Peers add themselves.
var consumers = map[string]func(context.Context, *job) error{"millrace": consumeMillrace}

func parse(args []string) (which string, j *job, err error) {
	if len(args) != 6 {
		return "", nil, errors.New("usage: bench WHICH URL STREAM GROUP COUNT BATCH")
	}
	j = &job{url: args[1], stream: args[2], group: args[3]}
	if j.count, err = strconv.Atoi(args[4]); err != nil || j.count < 1 {
		return "", nil, fmt.Errorf("COUNT must be a number above 0, not %q", args[4])
	}
	if j.batch, err = strconv.Atoi(args[5]); err != nil || j.batch < 1 {
		return "", nil, fmt.Errorf("BATCH must be a number above 0, not %q", args[5])
	}
	return args[0], j, nil
}

func main() {
	which, j, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	consume := consumers[which]
	if consume == nil {
		fmt.Fprintf(os.Stderr, "%s is not at hand\n", which)
		os.Exit(3)
	}
	if err := consume(context.Background(), j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	result := map[string]any{"entries": j.entries, "bytes": j.bytes, "seconds": time.Since(j.started).Seconds()}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
