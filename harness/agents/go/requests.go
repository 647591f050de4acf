// What a start and a publish say, as configurations.

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"sort"

	"millrace"
)

type request struct {
	Op        string
	Re        json.RawMessage
	URL       value
	Stream    *value
	Streams   []value
	Pattern   *value
	Group     value
	Consumer  *value
	From      *value
	Config    map[string]json.RawMessage
	Entries   json.RawMessage
	DelayMs   *int64 `json:"delay_ms"`
	Release   bool
	Error     value
	Options   map[string]json.RawMessage
	After     value
	Count     uint32
	IDs       []value
	TimeoutMs *int64 `json:"timeout_ms"`
}

// only is the stream of a request that can't name several.
func (r *request) only() string {
	switch {
	case r.Stream != nil:
		return string(*r.Stream)
	case len(r.Streams) > 0:
		return string(r.Streams[0])
	}
	return ""
}

// config is what a start says.
func (r *request) config() (millrace.Config, error) {
	config := millrace.Config{URL: string(r.URL), Options: map[string]string{"group": string(r.Group)}}
	keys := r.Config
	if keys == nil {
		keys = map[string]json.RawMessage{}
	}
	if password := os.Getenv("REDIS_PASSWORD"); password != "" && !r.hasPassword() {
		keys["password"], _ = json.Marshal(password)
	}
	if r.Stream != nil || r.Streams != nil || r.Pattern != nil {
		for _, key := range []string{"stream", "streams", "pattern"} {
			delete(keys, key)
		}
	}
	for key, given := range map[string]*value{"pattern": r.Pattern, "consumer": r.Consumer, "from": r.From} {
		if given != nil {
			config.Options[key] = string(*given)
		}
	}
	if r.Stream != nil {
		config.Streams = []string{string(*r.Stream)}
	}
	for _, stream := range r.Streams {
		config.Streams = append(config.Streams, string(stream))
	}
	var err error
	config.JSON, err = json.Marshal(keys)
	return config, err
}

func (r *request) hasPassword() bool {
	for _, key := range []string{"auth_token", "redis_secret", "password"} {
		if _, isThere := r.Config[key]; isThere {
			return true
		}
	}
	at, err := url.Parse(string(r.URL))
	if err != nil {
		return true // whoever reads it says what is wrong
	}
	password, _ := at.User.Password()
	return password != "" || at.Query().Has("password")
}

var publishKeys = map[string]bool{"atomic": true, "max_len": true, "max_len_exact": true, "max_age": true,
	"keep_pending": true, "idempotent": true, "idempotent_window": true, "idempotent_count": true, "on_oom": true}

// publishConfig has the keys of publishing, by the names and in the notation of the configuration.
func (r *request) publishConfig() (config millrace.Config, err error) {
	keys := make([]string, 0, len(r.Options))
	for key := range r.Options {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if !publishKeys[key] {
			message := fmt.Sprintf("publish: option '%s': %s", key, r.Options[key])
			return config, &millrace.Error{Code: millrace.ErrUnsupported, Message: message}
		}
	}
	if len(keys) > 0 {
		config.JSON, err = json.Marshal(r.Options)
	}
	return config, err
}

// published are a publish's entries.
func (r *request) published() (entries [][]millrace.Field, err error) {
	var given [][]pair
	if err := json.Unmarshal(r.Entries, &given); err != nil {
		return nil, err
	}
	for _, fields := range given {
		entry := make([]millrace.Field, len(fields))
		for i, field := range fields {
			entry[i] = millrace.Field{Name: string(field[0]), Value: string(field[1])}
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func idsOf(texts []value) (ids []millrace.ID, err error) {
	for _, text := range texts {
		id, err := millrace.ParseID(string(text))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
