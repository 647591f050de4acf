// What a start and a publish say, as configurations.

package main

/*
#include <millrace.h>
*/
import "C"

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
func (r *request) only() value {
	switch {
	case r.Stream != nil:
		return *r.Stream
	case len(r.Streams) > 0:
		return r.Streams[0]
	}
	return ""
}

// config is what a start says. The caller frees it.
func (r *request) config() (made *C.mr_config, err error) {
	var m memory
	defer m.free()
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
	url, err := m.text("url", r.URL)
	if err != nil {
		return nil, err
	}
	err = try(func(e *C.mr_error) C.mr_status { return C.mr_config_new(url, &made, e) })
	if err == nil {
		err = lay(made, keys)
	}
	streams := r.Streams
	if r.Stream != nil {
		streams = []value{*r.Stream}
	}
	if err == nil && streams != nil {
		list, key := m.strs(streams), m.str("streams").data
		err = try(func(e *C.mr_error) C.mr_status {
			return C.mr_config_set_list(made, key, list, C.size_t(len(streams)), e)
		})
	}
	for key, given := range map[string]*value{"pattern": r.Pattern, "group": &r.Group, "consumer": r.Consumer,
		"from": r.From} {
		if err == nil && given != nil {
			err = set(made, key, *given)
		}
	}
	if err != nil {
		C.mr_config_free(made)
		return nil, err
	}
	return made, nil
}

func lay(config *C.mr_config, keys map[string]json.RawMessage) error {
	var m memory
	defer m.free()
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	given := m.str(value(text))
	return try(func(e *C.mr_error) C.mr_status { return C.mr_config_json(config, given.data, given.size, e) })
}

func set(config *C.mr_config, key string, text value) error {
	var m memory
	defer m.free()
	given, err := m.text(key, text)
	if err != nil {
		return err
	}
	name := m.str(value(key)).data
	return try(func(e *C.mr_error) C.mr_status { return C.mr_config_set(config, name, given, e) })
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

// publishConfig has the keys of publishing, by the names and in the notation of the configuration, on top of base: NULL
// for none. The caller frees it.
func (r *request) publishConfig(base *C.mr_config) (made *C.mr_config, err error) {
	keys := make([]string, 0, len(r.Options))
	for key := range r.Options {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if !publishKeys[key] {
			message := fmt.Sprintf("publish: option '%s': %s", key, r.Options[key])
			return nil, &millrace.Error{Code: "unsupported", Message: message}
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	err = try(func(e *C.mr_error) C.mr_status { return C.mr_config_copy(base, &made, e) })
	if err == nil {
		err = lay(made, r.Options)
	}
	if err != nil {
		C.mr_config_free(made)
		return nil, err
	}
	return made, nil
}
