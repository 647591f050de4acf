// What the agent needs of millrace.h beside the package: texts, ids and lists on their way to C and back.

package main

/*
#cgo pkg-config: millrace
#include <stdlib.h>
#include <millrace.h>
*/
import "C"

import (
	"strconv"
	"strings"
	"unsafe"

	"millrace"
)

// memory is C's: what C is given may not point from Go's memory to more of it.
type memory []unsafe.Pointer

func (m *memory) free() {
	for _, taken := range *m {
		C.free(taken)
	}
}

func (m *memory) take(size int) unsafe.Pointer {
	*m = append(*m, C.malloc(C.size_t(size)))
	return (*m)[len(*m)-1]
}

func (m *memory) str(text value) C.mr_str {
	bytes := unsafe.Slice((*byte)(m.take(len(text)+1)), len(text)+1)
	bytes[copy(bytes, text)] = 0
	return C.mr_str{data: (*C.char)(unsafe.Pointer(&bytes[0])), size: C.size_t(len(text))}
}

// text is for what C ends by a zero.
func (m *memory) text(what string, text value) (*C.char, error) {
	if strings.IndexByte(string(text), 0) >= 0 {
		return nil, badRequest("%s: zeroes can't be in it", what)
	}
	return m.str(text).data, nil
}

func (m *memory) strs(texts []value) *C.mr_str {
	list := (*C.mr_str)(m.take(len(texts) * C.sizeof_mr_str))
	for i, text := range texts {
		unsafe.Slice(list, len(texts))[i] = m.str(text)
	}
	return list
}

func (m *memory) entries(given [][]pair) *C.mr_publish_entry {
	entries := (*C.mr_publish_entry)(m.take(len(given) * C.sizeof_mr_publish_entry))
	for i, pairs := range given {
		fields := (*C.mr_field)(m.take(len(pairs) * C.sizeof_mr_field))
		for k, field := range pairs {
			unsafe.Slice(fields, len(pairs))[k] = C.mr_field{name: m.str(field[0]), value: m.str(field[1])}
		}
		unsafe.Slice(entries, len(given))[i] = C.mr_publish_entry{fields: fields, field_count: C.size_t(len(pairs))}
	}
	return entries
}

func try(call func(*C.mr_error) C.mr_status) error {
	e := C.mr_error{size: C.sizeof_mr_error}
	if status := call(&e); status != C.MR_OK {
		message := C.GoString(&e.message[0])
		return &millrace.Error{Code: codeOf(status), Retryable: e.retryable != 0, Message: message}
	}
	return nil
}

func codeOf(status C.mr_status) millrace.Code {
	return millrace.Code(C.GoString(C.mr_status_name(status)))
}

func valueOf(text C.mr_str) value { return value(C.GoStringN(text.data, C.int(text.size))) }

func pairsOf(fields *C.mr_field, count C.size_t) []pair {
	pairs := make([]pair, count)
	for i, field := range unsafe.Slice(fields, len(pairs)) {
		pairs[i] = pair{valueOf(field.name), valueOf(field.value)}
	}
	return pairs
}

// idText is empty for 0-0, which is no entry: that of a Pub/Sub message, or of what was not written.
func idText(id C.mr_id) string {
	if id.ms == 0 && id.seq == 0 {
		return ""
	}
	return placeText(id)
}

// placeText is for ids where 0-0 is the beginning.
func placeText(id C.mr_id) string {
	return strconv.FormatUint(uint64(id.ms), 10) + "-" + strconv.FormatUint(uint64(id.seq), 10)
}

func (m *memory) id(text value) (id C.mr_id, err error) {
	given, err := m.text("an id", text)
	if err == nil {
		err = try(func(e *C.mr_error) C.mr_status { return C.mr_id_parse(given, &id, e) })
	}
	return id, err
}
