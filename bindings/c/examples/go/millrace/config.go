// Configurations.

package millrace

/*
#include <stdlib.h>
#include <millrace.h>

// Go's memory may hold no pointers into Go's memory when C is given it: so names come as one piece, and their sizes.
static mr_status set_streams(mr_config* config, const char* bytes, const size_t* sizes, size_t count,
                             mr_error* error) {
    mr_str* names = calloc(count, sizeof *names);
    mr_status status;
    size_t i;
    if (names == NULL) return MR_OUT_OF_MEMORY;
    for (i = 0; i < count; ++i) {
        names[i].data = bytes;
        names[i].size = sizes[i];
        bytes += sizes[i];
    }
    status = mr_config_set_list(config, "streams", names, count, error);
    free(names);
    return status;
}
*/
import "C"

import (
	"sort"
	"unsafe"
)

// Config says what to connect to, what to consume and how to publish: the keys of docs/configuration.md, each part laid
// over the one before. The zero value has the defaults, or, where one is laid over a client's, changes nothing.
type Config struct {
	URL     string            // redis://[user[:password]@]host[:port][/database][?key=value&...]; of New alone
	JSON    []byte            // a document of keys
	Options map[string]string // a key and its text, as in a URL's query
	Streams []string          // names of streams that may be any bytes
}

func (config Config) isZero() bool {
	return config.URL == "" && config.JSON == nil && config.Options == nil && config.Streams == nil
}

// build lays the configuration over a copy of base, or, of nil, over the defaults. The caller frees it.
func (config Config) build(base *C.mr_config) (made *C.mr_config, err error) {
	e := newError()
	if base != nil && config.URL == "" {
		err = errorOf(C.mr_config_copy(base, &made, &e), &e)
	} else {
		var url *C.char
		if url, err = cText("the URL", config.URL); err != nil {
			return nil, err
		}
		defer cFree(url)
		if config.URL == "" {
			url = nil
		}
		err = errorOf(C.mr_config_new(url, &made, &e), &e)
	}
	if err == nil && config.JSON != nil {
		text := (*C.char)(unsafe.Pointer(first(config.JSON)))
		err = errorOf(C.mr_config_json(made, text, C.size_t(len(config.JSON)), &e), &e)
	}
	keys := make([]string, 0, len(config.Options))
	for key := range config.Options {
		keys = append(keys, key)
	}
	sort.Strings(keys) // so that of several errors always the same one is told
	for _, key := range keys {
		if err == nil {
			err = setKey(made, key, config.Options[key])
		}
	}
	if err == nil && config.Streams != nil {
		flat, sizes := flatten(config.Streams)
		bytes := (*C.char)(unsafe.Pointer(first(flat)))
		err = errorOf(C.set_streams(made, bytes, first(sizes), C.size_t(len(sizes)), &e), &e)
	}
	if err != nil {
		C.mr_config_free(made)
		return nil, err
	}
	return made, nil
}

func setKey(config *C.mr_config, key, text string) error {
	name, err := cText("a key", key)
	if err != nil {
		return err
	}
	defer cFree(name)
	value, err := cText("the value of "+key, text)
	if err != nil {
		return err
	}
	defer cFree(value)
	e := newError()
	return errorOf(C.mr_config_set(config, name, value, &e), &e)
}
