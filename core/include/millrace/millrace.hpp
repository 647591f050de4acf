// The tour. millrace delivers the entries of Redis Streams reliably, and does no I/O: your program owns the sockets,
// the clock and the loop.
//
//   config.hpp   what a client and its sources are told, from a struct, a URL or JSON
//   machine.hpp  the machine: commands and `handle_*` in, `poll_*` out
//   action.hpp   what the host must do with sockets
//   event.hpp    what the host learns: batches, acks, errors, logs
//   entry.hpp    entries and their fields, as views
//   error.hpp    every error code, and what to do about it
//
// A host that wants sockets and a loop of its own uses bindings/native (millrace::Client) instead. One turn of a host's
// loop:
//
//   while (auto action = machine.poll_action()) open_or_close(*action);
//   while (auto event = machine.poll_event()) on_event(*event);            // may call machine.ack, machine.release …
//   while (auto conn = machine.poll_writable()) send_what_fits(*conn, machine.transmit(*conn));
//   wait_for_sockets_until(machine.poll_timeout());                        // then handle_input, handle_timeout …
#pragma once

#include "millrace/action.hpp"
#include "millrace/bytes.hpp"
#include "millrace/config.hpp"
#include "millrace/entry.hpp"
#include "millrace/error.hpp"
#include "millrace/event.hpp"
#include "millrace/machine.hpp"
#include "millrace/metrics.hpp"
#include "millrace/time.hpp"
