// Consumes a stream of a group until it is interrupted, and prints each entry:
//
//	go run . 'redis://localhost:6379?streams=orders&group=billing&consumer=billing-1'
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"millrace"
)

func main() {
	url := "redis://localhost:6379?streams=orders&group=billing&consumer=billing-1"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := consume(ctx, url)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func consume(ctx context.Context, url string) (err error) {
	client, err := millrace.New(millrace.Config{URL: url})
	if err != nil {
		return err
	}
	defer func() {
		if closed := client.Close(); err == nil { // waits until the last acks are there
			err = closed
		}
	}()
	if err := client.Open(); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for {
		batch, err := client.Next(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range batch.Entries {
			printEntry(out, &batch.Entries[i])
		}
		if err := out.Flush(); err != nil {
			return err
		}
		// What is not acked is delivered again. Lost to another consumer, which was quicker: it acks.
		if err := batch.Ack(); err != nil && !errors.Is(err, millrace.ErrLost) {
			return err
		}
	}
}

func printEntry(out *bufio.Writer, entry *millrace.Entry) {
	fmt.Fprintf(out, "%s %s", entry.Stream, entry.ID)
	for _, field := range entry.Fields {
		fmt.Fprintf(out, " %s=%s", field.Name, field.Value)
	}
	fmt.Fprintln(out)
}
