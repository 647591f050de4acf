//go:build !nopeers

package main

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/redis/rueidis"
)

func init() { consumers["rueidis"] = consumeRueidis }

func consumeRueidis(ctx context.Context, j *job) error {
	at, err := url.Parse(j.url) // the last version that Go 1.19 builds has no parser of its own
	if err != nil {
		return err
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:  []string{at.Host},
		DisableCache: true, // client tracking is of no use to a consumer
	})
	if err != nil {
		return err
	}
	defer client.Close()
	create := client.B().XgroupCreate().Key(j.stream).Group(j.group).Id("0").Mkstream().Build()
	if err := client.Do(ctx, create).Error(); err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	ids := make([]string, 0, j.batch)
	j.begin()
	for !j.isDone() {
		read := client.B().Xreadgroup().Group(j.group, consumer).Count(int64(j.take())).Block(0).
			Streams().Key(j.stream).Id(">").Build()
		streams, err := client.Do(ctx, read).AsXRead()
		if err != nil {
			return err
		}
		if len(streams[j.stream]) == 0 {
			return errors.New("an empty answer")
		}
		ids = ids[:0]
		for _, entry := range streams[j.stream] {
			payload, ok := entry.FieldValues[field]
			if !ok {
				return errNoPayload
			}
			j.add(payload)
			ids = append(ids, entry.ID)
		}
		if err := client.Do(ctx, client.B().Xack().Key(j.stream).Group(j.group).Id(ids...).Build()).Error(); err != nil {
			return err
		}
	}
	return nil
}
