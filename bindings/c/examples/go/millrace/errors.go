// Errors, by their codes.

package millrace

/*
#include <millrace.h>
*/
import "C"

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
