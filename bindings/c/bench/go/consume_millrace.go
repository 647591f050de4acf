package main

import (
	"context"
	"strconv"

	"millrace"
)

func consumeMillrace(ctx context.Context, j *job) error {
	client, err := millrace.New(millrace.Config{
		URL: j.url,
		Options: map[string]string{
			"streams":        j.stream,
			"group":          j.group,
			"consumer":       consumer,
			"batch_size":     strconv.Itoa(j.batch),
			"flush_interval": "20ms", // the last batch may not be full
		},
	})
	if err != nil {
		return err
	}
	defer client.Close() // of what went well it is the second one
	j.begin()            // the connection is made in this time
	if err := client.Open(); err != nil {
		return err
	}
	for !j.isDone() {
		batch, err := client.Next(ctx)
		if err != nil {
			return err
		}
		for i := range batch.Entries {
			payload, err := payloadOf(batch.Entries[i].Fields)
			if err != nil {
				return err
			}
			j.add(payload)
		}
		if err := batch.Ack(); err != nil {
			return err
		}
	}
	return client.Close() // when the last ack is answered
}

func payloadOf(fields []millrace.Field) (string, error) {
	for i := range fields {
		if fields[i].Name == field {
			return fields[i].Value, nil
		}
	}
	return "", errNoPayload
}
