package main

import (
	"context"
	"strconv"
	"time"

	"millrace"
)

func consumeMillrace(ctx context.Context, j *job) error {
	client, err := millrace.New(millrace.Config{
		URL:     j.url,
		Streams: []string{j.stream},
		Options: map[string]string{
			"group":          j.group,
			"consumer":       consumer,
			"batch_size":     strconv.Itoa(j.batch),
			"flush_interval": "20ms", // the last batch may not be full
		},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	j.begin() // the connection is made in this time
	if err := client.Open(); err != nil {
		return err
	}
	for !j.isDone() {
		batch, err := client.Next(ctx)
		if err != nil {
			return err
		}
		for i := range batch.Entries {
			payload, ok := batch.Entries[i].Value(field)
			if !ok {
				return errNoPayload
			}
			j.add(payload)
		}
		if err := batch.Ack(); err != nil {
			return err
		}
	}
	_, err = client.Drain(ctx, 10*time.Second) // until the last ack is answered
	return err
}
