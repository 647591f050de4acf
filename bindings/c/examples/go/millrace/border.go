// Ids and text on their way to C and back.

package millrace

/*
#include <stdlib.h>
#include <millrace.h>
*/
import "C"

import (
	"strconv"
	"strings"
	"unsafe"
)

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
