//go:build !nopeers

package main

import (
	"context"

	"github.com/redis/go-redis/v9"
)

func init() { consumers["go-redis"] = consumeGoRedis }

func consumeGoRedis(ctx context.Context, j *job) error {
	options, err := redis.ParseURL(j.url)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.XGroupCreateMkStream(ctx, j.stream, j.group, "0").Err(); err != nil &&
		!redis.HasErrorPrefix(err, "BUSYGROUP") {
		return err
	}
	args := &redis.XReadGroupArgs{Group: j.group, Consumer: consumer, Streams: []string{j.stream, ">"}}
	ids := make([]string, 0, j.batch)
	j.begin()
	for !j.isDone() {
		args.Count = int64(j.take())
		streams, err := client.XReadGroup(ctx, args).Result() // Block is 0: for ever
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, message := range streams[0].Messages {
			payload, ok := message.Values[field].(string)
			if !ok {
				return errNoPayload
			}
			j.add(payload)
			ids = append(ids, message.ID)
		}
		if err := client.XAck(ctx, j.stream, j.group, ids...).Err(); err != nil {
			return err
		}
	}
	return nil
}
