// Configurations, errors, ids and text on their way to C and back.

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
	"strconv"
	"strings"
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

// Code says what kind of error it is: errors.Is(err, millrace.ErrLost). docs/errors.md has all of them.
type Code int32

// Codes by their names in docs/errors.md.
const (
	ErrBadConfig      Code = C.MR_BAD_CONFIG
	ErrBadArgument    Code = C.MR_BAD_ARGUMENT
	ErrClosed         Code = C.MR_CLOSED
	ErrNotHeld        Code = C.MR_NOT_HELD
	ErrLost           Code = C.MR_LOST
	ErrQueueFull      Code = C.MR_QUEUE_FULL
	ErrWouldBlock     Code = C.MR_WOULD_BLOCK
	ErrTooLarge       Code = C.MR_TOO_LARGE
	ErrUnsupported    Code = C.MR_UNSUPPORTED
	ErrCursorNotFound Code = C.MR_CURSOR_NOT_FOUND
	ErrAuth           Code = C.MR_AUTH
	ErrNoPermission   Code = C.MR_NO_PERMISSION
	ErrWrongType      Code = C.MR_WRONG_TYPE
	ErrNoGroup        Code = C.MR_NO_GROUP
	ErrOOM            Code = C.MR_OOM
	ErrServerBusy     Code = C.MR_SERVER_BUSY
	ErrConnection     Code = C.MR_CONNECTION
	ErrTimeout        Code = C.MR_TIMEOUT
	ErrTLS            Code = C.MR_TLS
	ErrProtocol       Code = C.MR_PROTOCOL
	ErrScript         Code = C.MR_SCRIPT
	ErrOutOfMemory    Code = C.MR_OUT_OF_MEMORY
)

// String is the code's name: "not_held".
func (c Code) String() string { return C.GoString(C.mr_status_name(C.mr_status(c))) }

// Error says what it means, in one line.
func (c Code) Error() string { return C.GoString(C.mr_strerror(C.mr_status(c))) }

// Advice says what to do, in one line.
func (c Code) Advice() string { return C.GoString(C.mr_advice(C.mr_status(c))) }

// Error is every error of this package but those of contexts; errors.As finds it.
type Error struct {
	Code      Code
	Retryable bool // the same call can succeed later, without a change by the caller
	Message   string
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Message }

// Unwrap makes errors.Is(err, ErrClosed) true for the error's code.
func (e *Error) Unwrap() error { return e.Code }

func codeOf(err error) Code {
	if e, ok := err.(*Error); ok {
		return e.Code
	}
	return 0
}

func closedError() error {
	return &Error{Code: ErrClosed, Message: "the client is closed"}
}

func newError() C.mr_error {
	return C.mr_error{size: C.sizeof_mr_error}
}

func errorOf(status C.mr_status, e *C.mr_error) error {
	if status == C.MR_OK {
		return nil
	}
	return &Error{Code: Code(status), Retryable: e.retryable != 0, Message: C.GoString(&e.message[0])}
}

// ID is the id of an entry.
type ID struct{ Millis, Seq uint64 }

func (id ID) String() string {
	return strconv.FormatUint(id.Millis, 10) + "-" + strconv.FormatUint(id.Seq, 10)
}

// ParseID reads "1700000000000-5", or a time without the rest.
func ParseID(text string) (ID, error) {
	given, err := cText("an id", text)
	if err != nil {
		return ID{}, err
	}
	defer cFree(given)
	var id C.mr_id
	e := newError()
	err = errorOf(C.mr_id_parse(given, &id, &e), &e)
	return idOf(id), err
}

func idOf(id C.mr_id) ID { return ID{uint64(id.ms), uint64(id.seq)} }
func cID(id ID) C.mr_id  { return C.mr_id{ms: C.uint64_t(id.Millis), seq: C.uint64_t(id.Seq)} }

// A zero would end the text in C.
func cText(what, text string) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, &Error{Code: ErrBadArgument, Message: what + " has a zero byte"}
	}
	return C.CString(text), nil
}

func cFree(text *C.char) { C.free(unsafe.Pointer(text)) }

func bytesOf(text C.mr_str) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(text.data)), int(text.size))
}

func goText(text C.mr_str) string { return string(bytesOf(text)) }

func sameText(text string, other C.mr_str) bool { return text == string(bytesOf(other)) }

func cStr(text string) (made C.mr_str, free func()) {
	bytes := C.CString(text)
	return C.mr_str{data: bytes, size: C.size_t(len(text))}, func() { cFree(bytes) }
}

func flatten(texts []string) (flat []byte, sizes []C.size_t) {
	for _, text := range texts {
		flat = append(flat, text...)
		sizes = append(sizes, C.size_t(len(text)))
	}
	return flat, sizes
}

func first[T any](items []T) *T {
	if len(items) == 0 {
		return nil
	}
	return &items[0]
}

func toInt(is bool) C.int {
	if is {
		return 1
	}
	return 0
}
