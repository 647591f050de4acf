/* millrace: reliable delivery over Redis Streams, for C and for whatever calls C. This file is long because a C
 * programmer includes one, and reads it from top to bottom.
 *
 * A consumer, whole:
 *
 *     mr_config *config;
 *     mr_client *client;
 *     mr_batch *batch;
 *     mr_error error = MR_ERROR_INIT;
 *     if (mr_config_new("redis://localhost:6379?streams=orders&group=billing", &config, &error) != MR_OK ||
 *         mr_client_new(config, NULL, &client, &error) != MR_OK ||
 *         mr_client_open(client, NULL, NULL, &error) != MR_OK) {
 *         fprintf(stderr, "%s\n", error.message);
 *         return 1;
 *     }
 *     while (mr_client_next(client, 0, -1, &batch, &error) == MR_OK) {
 *         mr_batch_view view = MR_BATCH_VIEW_INIT;
 *         mr_batch_read(batch, &view);
 *         for (size_t i = 0; i < view.count; ++i) handle(mr_entry_at(&view, i));
 *         mr_batch_ack(batch, NULL, 0, NULL);
 *         mr_batch_free(batch);
 *     }
 *     mr_client_close(client, 5000000, NULL, NULL);
 *     mr_client_free(client);
 *     mr_config_free(config);
 *
 * What is not acked is delivered again: to this consumer when it is started again under its name, to another of the
 * group once it was idle for claim_min_idle.
 *
 * Errors. Every function that can fail returns an mr_status and, where one was given, fills an mr_error; results come
 * through out parameters, which are NULL or zero after an error. Nothing exits, throws or calls back. NULL, in place of
 * what must be given, is MR_BAD_ARGUMENT, not a crash, and so are sizes and counts beyond reason: 2 GiB of bytes, 64
 * MiB of JSON, 16,777,216 things; of every mr_*_free NULL is allowed.
 *
 * Owned and borrowed. What an out parameter with two stars gives is owned by the caller, until the mr_*_free of its
 * type. An mr_str is borrowed: its function says until when; its bytes are not ended by a zero. An mr_text is owned.
 *
 * Structs begin with their `size`, which says how much of one a caller knows: they only ever grow at their end. Fill
 * those that go in with their _INIT first. A struct that is shorter than its first version is MR_BAD_ARGUMENT.
 *
 * Two layers. An mr_client has sockets, TLS and a clock of ours, and is what most programs want. An mr_machine has
 * none: it is for programs with a network and a loop of their own.
 *
 * Threads. There are no globals. Everything about an mr_client and its batches may be called from any thread, but for
 * mr_client_poll_event and _wait_event, whose answers are borrowed: one thread at a time, as for an mr_config and an
 * mr_machine. After mr_*_free, nothing: libraries that were built for debugging tell it, MR_BAD_ARGUMENT. After fork()
 * only the parent goes on using a client or machine; the child may free them, which leaves the parent's as they are.
 *
 * Times are microseconds. Names of configuration keys, their units and defaults: docs/configuration.md. */
#ifndef MILLRACE_H
#define MILLRACE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define MR_API __attribute__((visibility("default")))
#else
#define MR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- versions ---------------------------------------------------------------------------------------------------- */

/* Of this header. A library of the same ABI version, or a later one, works with what was compiled by it. */
#define MR_ABI_VERSION 1

/* Of the library that is loaded. */
MR_API uint32_t mr_abi_version(void);
/* Like "0.1.0"; static. */
MR_API const char* mr_version(void);

/* ---- statuses ---------------------------------------------------------------------------------------------------- */

/* MR_OK, or what went wrong. Values and names are stable: docs/errors.md has all of them with what to do. */
typedef int32_t mr_status;

enum {
    MR_OK = 0,
    MR_BAD_CONFIG = 1,
    MR_BAD_ARGUMENT = 2,
    MR_CLOSED = 3,
    MR_NOT_HELD = 4,
    MR_LOST = 5,
    MR_QUEUE_FULL = 6,
    MR_WOULD_BLOCK = 7,
    MR_TOO_LARGE = 8,
    MR_UNSUPPORTED = 9,
    MR_CURSOR_NOT_FOUND = 10,
    MR_AUTH = 11,
    MR_NO_PERMISSION = 12,
    MR_WRONG_TYPE = 13,
    MR_NO_GROUP = 14,
    MR_OOM = 15,
    MR_SERVER_BUSY = 16,
    MR_CONNECTION = 17,
    MR_TIMEOUT = 18,
    MR_TLS = 19,
    MR_PROTOCOL = 20,
    MR_SCRIPT = 21,
    MR_OUT_OF_MEMORY = 22
};

/* "not_held": the name in logs, in the agent protocol and in the other bindings. Static; "unknown" for no status of
 * ours. */
MR_API const char* mr_status_name(mr_status status);
/* What it means, in one line. Static. */
MR_API const char* mr_strerror(mr_status status);
/* What the caller should do, in one line. Static. */
MR_API const char* mr_advice(mr_status status);
/* 1: the same call can succeed later without a change by the caller. Where an mr_error is at hand, its own `retryable`
 * knows more. */
MR_API int mr_retryable(mr_status status);
/* 1: what the call was for has ended, and no later call about it succeeds: the client was closed (MR_CLOSED), or the
 * server refuses us until somebody changes something there (MR_AUTH, MR_NO_PERMISSION, MR_WRONG_TYPE, MR_UNSUPPORTED).
 */
MR_API int mr_is_fatal(mr_status status);

#define MR_MESSAGE_MAX 512

/* The detail of an error: copied into the caller's struct, so that it lives as long as that. */
typedef struct mr_error {
    size_t size;
    mr_status status;
    int32_t retryable;            /* 1: the same call can succeed later */
    char message[MR_MESSAGE_MAX]; /* one line that names what is wrong, cut to fit, ended by a zero; never a secret */
} mr_error;

#define MR_ERROR_INIT \
    { sizeof(mr_error), MR_OK, 0, "" }

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* Borrowed bytes; zeroes may be among them, and none ends them. `data` may be NULL where `size` is 0. */
typedef struct mr_str {
    const char* data;
    size_t size;
} mr_str;

/* Of a literal, or of other text that a zero ends; borrowed as that is. */
static inline mr_str mr_str_of(const char* text) {
    mr_str made;
    made.data = text;
    made.size = strlen(text);
    return made;
}

/* Owned text, ended by a zero that `size` does not count. */
typedef struct mr_text {
    char* data;
    size_t size;
} mr_text;

/* Frees it, and makes it empty. */
MR_API void mr_text_free(mr_text* text);

typedef struct mr_field {
    mr_str name;
    mr_str value;
} mr_field;

/* The id of a stream entry, ms-seq. Source: redis.io, Streams, "Entry IDs". */
typedef struct mr_id {
    uint64_t ms;
    uint64_t seq;
} mr_id;

/* "1700000000000-5", ended by a zero; at most 41 characters and that. */
#define MR_ID_TEXT_MAX 42
MR_API void mr_id_format(mr_id id, char text[MR_ID_TEXT_MAX]);
/* MR_BAD_ARGUMENT for anything but ms-seq or ms. */
MR_API mr_status mr_id_parse(const char* text, mr_id* id, mr_error* error);

/* ---- configuration ----------------------------------------------------------------------------------------------- */

/* What a client, its sources and its publishes are configured with: a value. Clients copy what they need of it. One
 * thread at a time. */
typedef struct mr_config mr_config;

/* From a URL: redis://[user[:password]@]host[:port][/database][?key=value&...], rediss://..., unix:///path, host:port;
 * or NULL, for the defaults. MR_BAD_CONFIG names the part. The environment is not looked at. */
MR_API mr_status mr_config_new(const char* url, mr_config** config, mr_error* error);
/* Lays a JSON document of the keys, or a whole configuration file of the agent's shape, over what there is. After an
 * error nothing has changed. */
MR_API mr_status mr_config_json(mr_config* config, const char* json, size_t size, mr_error* error);
/* Sets one key from its text, as in a URL's query: ("flush_interval", "500ms"). MR_BAD_CONFIG names the key, the value,
 * what is allowed and the nearest known key; then nothing has changed. What depends on several keys at once is checked
 * where the configuration is used. */
MR_API mr_status mr_config_set(mr_config* config, const char* key, const char* text, mr_error* error);
/* Sets `streams` or `cursors` to names that may be any bytes; a cursor is "stream=id". */
MR_API mr_status mr_config_set_list(mr_config* config, const char* key, const mr_str* values, size_t count,
                                    mr_error* error);
MR_API mr_status mr_config_copy(const mr_config* config, mr_config** copy, mr_error* error);
MR_API void mr_config_free(mr_config* config);

/* ---- the client: millrace with its own sockets and clock -------------------------------------------------------- */

typedef struct mr_client mr_client;
typedef struct mr_batch mr_batch;

/* Who turns the loop of a client. */
enum {
    /* Whoever waits in mr_client_next, mr_client_wait or mr_client_close; or your own loop: see mr_client_fd. */
    MR_THREAD_NONE = 0,
    /* A thread of the client's own: acks, heartbeats and timers go on while you work for long. */
    MR_THREAD_OWN = 1
};

/* Of logs. */
enum { MR_LOG_DEBUG = 0, MR_LOG_INFO = 1, MR_LOG_WARN = 2, MR_LOG_ERROR = 3 };

typedef struct mr_client_options {
    size_t size;
    uint32_t thread;    /* MR_THREAD_... */
    uint32_t event_max; /* so many events may wait to be polled; 0: none is kept, for programs that do not poll */
    int32_t log_fd;     /* a descriptor that lines of logs are written to, such as 2; 0: none are */
    uint32_t log_level; /* MR_LOG_...: the least that is written; the loss of a connection is a warning */
} mr_client_options;

#define MR_CLIENT_OPTIONS_INIT \
    { sizeof(mr_client_options), MR_THREAD_NONE, 0, 0, MR_LOG_WARN }

/* `options` may be NULL. Opens no connection yet: the first source or publish does. MR_BAD_CONFIG names the key, or the
 * file of TLS that can't be used. The lines are of the form `level=warn msg="127.0.0.1:6379: refused; trying again"
 * code=connection`; of an outage the first loss is told, and of failures what a source goes on without. A line that the
 * descriptor does not take is gone. It stays yours, and open as long as the client. */
MR_API mr_status mr_client_new(const mr_config* config, const mr_client_options* options, mr_client** client,
                               mr_error* error);
/* Sends what the sockets take without waiting, and closes them; mr_client_close waits for answers. Batches may outlive
 * it: their commands answer MR_CLOSED then. */
MR_API void mr_client_free(mr_client* client);

/* Begins to consume, or to tail where the group is empty, as `config` says of sources; NULL: as the client's. `source`,
 * which may be NULL, is never 0. */
MR_API mr_status mr_client_open(mr_client* client, const mr_config* config, uint32_t* source, mr_error* error);
/* Ends a source: what it has not handed over goes back to the group. MR_EVENT_CLOSED follows. */
MR_API mr_status mr_client_close_source(mr_client* client, uint32_t source, mr_error* error);
MR_API mr_status mr_client_pause(mr_client* client, uint32_t source, mr_error* error);
MR_API mr_status mr_client_resume(mr_client* client, uint32_t source, mr_error* error);

/* The next batch of a source, or, of 0, of any. Waits for at most `timeout_us`, and for ever below 0; *batch is NULL
 * when none came. MR_CLOSED once the client was drained or closed; what ended the source (or the last one) where it
 * ended by itself. Several threads may wait: each batch goes to one. */
MR_API mr_status mr_client_next(mr_client* client, uint32_t source, int64_t timeout_us, mr_batch** batch,
                                mr_error* error);

/* What the next AUTH says; an empty username is the default user. After MR_AUTH it starts the client again. */
MR_API mr_status mr_client_replace_credentials(mr_client* client, const char* username, const char* password,
                                               mr_error* error);

/* Begins to end everything and returns: no batch is handed over from now on, what was not handed over goes back to the
 * group, queued publishes go out. What you hold may be settled until MR_EVENT_CLOSED without a source, which comes when
 * all is, or at the timeout. Then call mr_client_close. A timeout below 0 is MR_BAD_ARGUMENT, here and there. */
MR_API mr_status mr_client_drain(mr_client* client, int64_t timeout_us, mr_error* error);
/* Drains, waits for answers, not for what you hold, and closes the sockets. `held`, which may be NULL: entries that
 * stay pending with this client's consumers. Every later call answers MR_CLOSED, but for mr_client_poll_event. */
MR_API mr_status mr_client_close(mr_client* client, int64_t timeout_us, uint64_t* held, mr_error* error);

/* ---- batches ----------------------------------------------------------------------------------------------------- */

typedef struct mr_entry {
    mr_str stream;
    mr_id id;
    const mr_field* fields; /* in order, and with their repeats */
    size_t field_count;
    uint32_t deliveries; /* how often the server has delivered it to the group, this time included; 0 without a group */
    uint32_t reserved;
} mr_entry;

enum { MR_FLUSH_SIZE = 0, MR_FLUSH_INTERVAL = 1, MR_FLUSH_RECOVERY = 2 };

/* The entries of a batch, borrowed: until mr_batch_release or mr_batch_free. */
typedef struct mr_batch_view {
    size_t size;
    const mr_entry* entries;
    size_t count;           /* at least 1; 0 once it was released */
    size_t entry_stride;    /* bytes from one entry to the next, for callers whose mr_entry is older: see mr_entry_at */
    const mr_field* fields; /* of all entries, one entry behind the other: for callers who copy tables as a whole */
    size_t field_count;
    uint32_t source;
    uint32_t reason; /* MR_FLUSH_... */
    uint64_t batch;  /* its number, as events name it */
} mr_batch_view;

#define MR_BATCH_VIEW_INIT \
    { sizeof(mr_batch_view), NULL, 0, 0, NULL, 0, 0, 0, 0 }

MR_API mr_status mr_batch_read(const mr_batch* batch, mr_batch_view* view);

/* Entry `index`, which must be below `view->count`. */
static inline const mr_entry* mr_entry_at(const mr_batch_view* view, size_t index) {
    return (const mr_entry*)(const void*)((const char*)view->entries + index * view->entry_stride);
}

/* The value of the first field of that name; data is NULL where there is none. Borrowed as the entry is. */
MR_API mr_str mr_entry_field(const mr_entry* entry, const char* name);

/* For all of these, `indices` are positions in the batch, each at most once, `count` of them; NULL and 0: everything
 * that this batch has not settled yet, which may be nothing. MR_NOT_HELD, MR_LOST or MR_BAD_ARGUMENT when one of the
 * named can't be settled: then none is. Of everything MR_LOST: some are another consumer's by now, the rest was
 * settled; MR_NOT_HELD: for the second time. */

/* XACK, on its way when the loop turns next; MR_EVENT_ACKED tells that the server did it. */
MR_API mr_status mr_batch_ack(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error);
/* Delivered here again after `delay_us`; below 0: after nack_delay. */
MR_API mr_status mr_batch_nack(mr_batch* batch, const uint32_t* indices, size_t count, int64_t delay_us,
                               mr_error* error);
/* Left to the group: whoever sweeps it next may take them over. */
MR_API mr_status mr_batch_give_back(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error);
/* To the dead stream, with `reason` in its field, and acked then; MR_EVENT_DEAD or MR_EVENT_DEAD_FAILED tells of each.
 * MR_QUEUE_FULL: too many wait to be written; none was taken. */
MR_API mr_status mr_batch_reject(mr_batch* batch, const uint32_t* indices, size_t count, const char* reason,
                                 mr_error* error);

/* Frees the bytes; the batch can be settled as before. Views of it, and what is borrowed from them, end. */
MR_API void mr_batch_release(mr_batch* batch);
/* One more owner; each calls mr_batch_free. Answers `batch`. */
MR_API mr_batch* mr_batch_retain(mr_batch* batch);
/* Entries that were not settled stay pending with this consumer. */
MR_API void mr_batch_free(mr_batch* batch);

/* ---- publishing -------------------------------------------------------------------------------------------------- */

typedef struct mr_publish_entry {
    const mr_field* fields; /* any bytes, in order, repeats allowed; at least one */
    size_t field_count;
} mr_publish_entry;

typedef struct mr_publish {
    size_t size;
    mr_str stream;
    const mr_publish_entry* entries;
    size_t entry_count;
    const mr_config* config; /* what it says of publishes (max_len, idempotent, ...); NULL: the client's */
} mr_publish;

#define MR_PUBLISH_INIT \
    { sizeof(mr_publish), {NULL, 0}, NULL, 0, NULL }

/* What became of an entry. It does not grow: results stand in arrays. */
typedef struct mr_publish_result {
    mr_id id; /* 0-0 on an error and in Pub/Sub */
    mr_status status;
    uint32_t flags; /* MR_PUBLISH_... */
} mr_publish_result;

enum {
    MR_PUBLISH_MAYBE_DUPLICATE = 1, /* sent again after an answer was lost */
    MR_PUBLISH_MAYBE_WRITTEN = 2,   /* ended without an answer: it may be there */
    MR_PUBLISH_REORDERED = 4        /* entries that were published later went in before it */
};

/* Writes the entries and waits for the answers, for at most `timeout_us`. `results`, which may be NULL, has room for
 * one of each entry. Answers what became of the first entry that failed; MR_TIMEOUT: no answer in time, they may have
 * been written, as each result says then. */
MR_API mr_status mr_client_publish(mr_client* client, const mr_publish* publish, int64_t timeout_us,
                                   mr_publish_result* results, mr_error* error);
/* Queues a copy of the entries and returns; MR_EVENT_PUBLISHED with `ticket` brings the results, so event_max must not
 * be 0. MR_WOULD_BLOCK when publish_queue_bytes are queued: nothing of it was taken; try again after an
 * MR_EVENT_PUBLISHED. */
MR_API mr_status mr_client_publish_async(mr_client* client, const mr_publish* publish, uint64_t* ticket,
                                         mr_error* error);

/* ---- dead letters and groups ------------------------------------------------------------------------------------- */

/* Each queues a request, which needs no source, and returns; the event with `ticket`, which may be NULL, answers. So
 * event_max must not be 0. MR_QUEUE_FULL while 64 wait. */

/* Lists dead letters of the stream that they came from, the oldest first, behind `after` (0-0: from the first), at most
 * `count`, 1 to 1,000. MR_EVENT_DEAD_LISTED. */
MR_API mr_status mr_client_dead(mr_client* client, mr_str stream, mr_id after, uint32_t count, uint64_t* ticket,
                                mr_error* error);
/* Puts dead letters back at the end of the stream that they came from; only the group that gave them up is handed them
 * again. MR_EVENT_REDRIVEN. */
MR_API mr_status mr_client_redrive(mr_client* client, mr_str stream, const mr_id* dead_ids, size_t count,
                                   uint64_t* ticket, mr_error* error);

enum {
    MR_GROUP_CREATE = 0, /* with its stream, where that is missing; a group that exists is left as it is */
    MR_GROUP_MOVE = 1,   /* back for a replay, or on; what is pending stays so */
    MR_GROUP_DESTROY = 2 /* with all that is pending in it */
};

typedef struct mr_group_change {
    size_t size;
    uint32_t what; /* MR_GROUP_... */
    uint32_t reserved;
    mr_str stream;
    mr_str group;
    const char* at;   /* "0", "$" or the id behind which the group reads on; NULL: "0" */
    int64_t since_us; /* in place of `at`: entries added from this Unix time on, by their ids; below 0: not so */
} mr_group_change;

#define MR_GROUP_CHANGE_INIT \
    { sizeof(mr_group_change), MR_GROUP_CREATE, 0, {NULL, 0}, {NULL, 0}, NULL, -1 }

/* MR_EVENT_GROUP_CHANGED. */
MR_API mr_status mr_client_change_group(mr_client* client, const mr_group_change* change, uint64_t* ticket,
                                        mr_error* error);

/* ---- events ------------------------------------------------------------------------------------------------------ */

enum {
    MR_EVENT_NONE = 0,
    MR_EVENT_READY = 1, /* source, consumer, text: streams, pubsub or tail; version, protocol; fields: of a tail, where
                           it begins, stream and id */
    MR_EVENT_ACKED = 2, /* source, batch, indices: entries that the server has acked */
    MR_EVENT_LOST = 3,  /* source, stream, ids: another consumer's by now, or gone */
    MR_EVENT_DUPLICATE = 4,       /* source, stream, id, text: the canonical id. Acked unseen */
    MR_EVENT_GROUP_RECREATED = 5, /* source, stream, text: read from that id on. The group had been lost */
    MR_EVENT_PUBLISHED = 6,       /* ticket, results; message: of the first that failed */
    MR_EVENT_MODE = 7,            /* text: streams, pubsub; version */
    MR_EVENT_DISCONNECTED = 8,    /* text: the lane; reason; status, message, retryable: it is tried again */
    MR_EVENT_RECONNECTED = 9,     /* text: the lane; count: connections tried since the loss */
    MR_EVENT_GAP = 10,         /* source, stream, id: read so far; other_id: goes on there; count missed, 0: unknown */
    MR_EVENT_RESET = 11,       /* source, stream, id: read so far; other_id: the last that the stream has given */
    MR_EVENT_INTERRUPTED = 12, /* source, stream, count: microseconds of Pub/Sub that were missed */
    MR_EVENT_TOO_LARGE = 13,   /* source, stream, id, count: bytes. Stays pending, and is handed over nowhere */
    MR_EVENT_DEAD = 14, /* source, stream, id; text: the dead stream, other_id: there; count: deliveries; message */
    MR_EVENT_DEAD_FAILED = 15,   /* source, stream, id, text: the dead stream; status, message. Tried again */
    MR_EVENT_FAILED = 16,        /* source or 0, status, message, retryable; closed: 1, the source reads no more */
    MR_EVENT_LOG = 17,           /* level, message, fields */
    MR_EVENT_CLOSED = 18,        /* source, or 0 for the client: count entries stay pending. The last one of it */
    MR_EVENT_LOGS_DROPPED = 19,  /* count: so many logs had no room since the last event of this kind */
    MR_EVENT_DEAD_LISTED = 20,   /* ticket, stream, text: the dead stream; letters, or status and message */
    MR_EVENT_REDRIVEN = 21,      /* ticket, stream, ids: the dead ones; results: the new ones; message: first failure */
    MR_EVENT_GROUP_CHANGED = 22, /* ticket, stream, text: the group; count: 0, it was so already; status, message */
    MR_EVENT_BATCH = 23          /* of machines alone: view, which lives until mr_machine_release */
};

/* Why a connection ended. */
enum {
    MR_DISCONNECT_CLOSED = 0,  /* the peer ended it */
    MR_DISCONNECT_DROPPED = 1, /* we did: silence, a broken protocol or a refusal, as the message says */
    MR_DISCONNECT_REFUSED = 2, /* nobody listens */
    MR_DISCONNECT_RESET = 3,   /* reset, broken pipe, or another error of the socket */
    MR_DISCONNECT_UNREACHABLE = 4,
    MR_DISCONNECT_DNS = 5,
    MR_DISCONNECT_TIMEOUT = 6,
    MR_DISCONNECT_TLS_EXPIRED = 7,
    MR_DISCONNECT_TLS_UNKNOWN_AUTHORITY = 8,
    MR_DISCONNECT_TLS_WRONG_HOST = 9,
    MR_DISCONNECT_TLS_CERTIFICATE_WANTED = 10,
    MR_DISCONNECT_TLS_FAILED = 11
};

/* A dead letter in a list. */
typedef struct mr_dead_letter {
    mr_id dead_id;
    mr_id id; /* of the entry, when it was alive; 0-0 and nothing more where somebody else put it there */
    mr_str stream;
    mr_str group;
    mr_str consumer;
    mr_str reason;
    const mr_field* fields; /* the entry's own */
    size_t field_count;
    uint32_t deliveries;
    uint32_t is_cut; /* 1: past 64 KiB fields are left out */
} mr_dead_letter;

/* Something that happened. What a kind does not name above is zero or empty; all that it points to is borrowed, until
 * the next mr_client_poll_event of the client, or its end. */
typedef struct mr_event {
    size_t size;
    uint32_t kind; /* MR_EVENT_... */
    uint32_t source;
    uint64_t batch;
    uint64_t ticket;
    uint64_t count;
    mr_status status;
    int32_t retryable;
    uint32_t closed;
    uint32_t level;    /* MR_LOG_... */
    uint32_t protocol; /* of RESP: 2 or 3 */
    uint32_t reason;   /* MR_DISCONNECT_... */
    mr_str stream;
    mr_str consumer;
    mr_str text;
    mr_str message;
    mr_str version; /* of the server, as it tells it */
    mr_id id;
    mr_id other_id;
    const mr_id* ids;
    size_t id_count;
    const uint32_t* indices; /* positions in the batch */
    size_t index_count;
    const mr_field* fields;
    size_t field_count;
    const mr_publish_result* results; /* as many and in the order as the entries were */
    size_t result_count;
    const mr_dead_letter* letters;
    size_t letter_count;
    size_t letter_stride; /* bytes from one to the next */
    const mr_batch_view* view;
} mr_event;

#define MR_EVENT_INIT                                                                                                  \
    {                                                                                                                  \
        sizeof(mr_event), MR_EVENT_NONE, 0, 0, 0, 0, MR_OK, 0, 0, 0, 0, 0, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, \
            {NULL, 0}, {0, 0}, {0, 0}, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, NULL                            \
    }

/* In words, as logs and the other bindings have them: "reconnected", "tls_expired", "recovery", "warn". Static;
 * "unknown" of others. */
MR_API const char* mr_event_name(uint32_t kind);
MR_API const char* mr_disconnect_name(uint32_t reason);
MR_API const char* mr_flush_name(uint32_t reason);
MR_API const char* mr_log_name(uint32_t level);

/* The oldest event that waits; kind is MR_EVENT_NONE when there is none. Poll until then whenever the loop has turned.
 * While event_max of them wait logs are dropped, and counted, and the sources read nothing: whoever keeps events must
 * poll them. */
MR_API mr_status mr_client_poll_event(mr_client* client, mr_event* event);
/* The same, but waits for one, for at most `timeout_us`, and for ever below 0; for threads beside the one that turns
 * the loop (MR_THREAD_OWN). MR_CLOSED once the client was closed and all events are polled. */
MR_API mr_status mr_client_wait_event(mr_client* client, int64_t timeout_us, mr_event* event);

/* ---- a loop of your own ------------------------------------------------------------------------------------------ */

/* Of MR_THREAD_NONE: in a loop, wait until mr_client_fd is readable, for at most mr_client_timeout_us, then call
 * mr_client_process, and mr_client_next with a timeout of 0 and mr_client_poll_event until nothing is left. A thread
 * that waits beside it, in mr_client_publish or another call, turns the loop meanwhile, and makes the descriptor
 * readable at its end where something came. */

/* Readable when mr_client_process has something to do. -1: not to be had on this system; see mr_client_wait. */
MR_API int mr_client_fd(const mr_client* client);
/* How long to wait at most; 0 while something is left to be sent, -1: until something happens. */
MR_API int64_t mr_client_timeout_us(const mr_client* client);
/* Does what is to be done, and does not wait. */
MR_API mr_status mr_client_process(mr_client* client, mr_error* error);
/* Waits until something happens, for at most `timeout_us`, and does what is to be done; where another thread does that,
 * until it has. */
MR_API mr_status mr_client_wait(mr_client* client, int64_t timeout_us, mr_error* error);
/* Makes mr_client_fd readable, and ends an mr_client_wait, once: for threads that ack or publish beside a loop of your
 * own, which sends it when it turns. A signal handler may call it. */
MR_API void mr_client_wake(mr_client* client);
/* Ends the wait of another thread in mr_client_next, for good: it answers MR_CLOSED. A signal handler may call it. */
MR_API void mr_client_stop(mr_client* client);

/* ---- what an operator sees --------------------------------------------------------------------------------------- */

typedef struct mr_health {
    size_t size;
    int32_t healthy;
    uint32_t reserved;
    char message[MR_MESSAGE_MAX]; /* why it is not healthy */
    uint64_t held;                /* entries that were read here and are not settled */
    int64_t since_heard_us;       /* since the server was last heard */
    int64_t since_looked_us;      /* since it told the figures below; below 0: unknown, as everything below */
    int64_t stream_length;        /* of the streams */
    int64_t pending;              /* entries pending in the whole group */
    int64_t lag;                  /* entries that the group has not read; unknown up to Redis 6.2 */
    int64_t oldest_pending_us;    /* how long ago the oldest pending entry was added */
} mr_health;

#define MR_HEALTH_INIT \
    { sizeof(mr_health), 0, 0, "", 0, 0, -1, -1, -1, -1, -1 }

/* With `timeout_us` above 0 the server is asked for the figures first, and waited for. MR_CLOSED: no such source. */
MR_API mr_status mr_client_health(mr_client* client, uint32_t source, int64_t timeout_us, mr_health* health,
                                  mr_error* error);
/* The same as a JSON object, with the mode, the group and our name, for an operator to read. */
MR_API mr_status mr_client_health_json(mr_client* client, uint32_t source, int64_t timeout_us, mr_text* text,
                                       mr_error* error);
/* All metrics as Prometheus text, version 0.0.4 (prometheus.io, "Exposition formats"); docs/metrics.md. */
MR_API mr_status mr_client_metrics(mr_client* client, mr_text* text, mr_error* error);

/* ---- the machine: millrace without sockets, threads and a clock -------------------------------------------------- */

/* For programs with an event loop, a network or a clock of their own. A machine is a function of its configuration, a
 * seed and what it is told, in order; it never blocks, and the same inputs give the same outputs. A host does what
 * actions say, carries bytes, and tells the time: `now_us` is monotonic, of any origin, and goes on while the host
 * sleeps where that can be had (CLOCK_BOOTTIME on Linux). After whatever was told, poll until nothing is left, events
 * first and what is to be sent last. In a loop (examples/machine.c is a whole one):
 *
 *     while (mr_machine_poll_action(machine, &action) == MR_OK && action.kind != MR_ACTION_NONE) act(&action);
 *     while (mr_machine_poll_event(machine, &event) == MR_OK && event.kind != MR_EVENT_NONE) handle(&event);
 *     while ((conn = mr_machine_poll_writable(machine)) != 0) send_some(conn);     ...transmit, ...advance_transmit
 *     poll(sockets, until mr_machine_timeout_at(machine));
 *     for each socket that is readable: recv into mr_machine_input_room, then mr_machine_handle_input
 *     if (now() >= mr_machine_timeout_at(machine)) mr_machine_handle_timeout(machine, now());
 *
 * One thread at a time: a call that meets another one is MR_BAD_ARGUMENT, and does nothing. */
typedef struct mr_machine mr_machine;

/* `seed` is 16 bytes of your system's randomness, from which names and jitter come; `unix_us` the time of day. Both
 * times are from 0 to INT64_MAX / 2, here and wherever they are told, else MR_BAD_ARGUMENT. */
MR_API mr_status mr_machine_new(const mr_config* config, const uint8_t seed[16], int64_t now_us, int64_t unix_us,
                                mr_machine** machine, mr_error* error);
/* Whatever was not sent stays unsent: drain it before. */
MR_API void mr_machine_free(mr_machine* machine);

/* Commands: as those of a client and of a batch above. Batches are named by their numbers. */

MR_API mr_status mr_machine_open(mr_machine* machine, const mr_config* config, int64_t now_us, uint32_t* source,
                                 mr_error* error);
MR_API mr_status mr_machine_close_source(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_pause(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_resume(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_ack(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count,
                                int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_nack(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count,
                                 int64_t delay_us, int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_give_back(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count,
                                      int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_reject(mr_machine* machine, uint64_t batch, const uint32_t* indices, size_t count,
                                   const char* reason, int64_t now_us, mr_error* error);
/* Frees the bytes of a batch, once its view is not looked at any more; it can be settled as before. */
MR_API mr_status mr_machine_release(mr_machine* machine, uint64_t batch, int64_t now_us, mr_error* error);
/* MR_EVENT_PUBLISHED with `ticket`. */
MR_API mr_status mr_machine_publish(mr_machine* machine, const mr_publish* publish, int64_t now_us, uint64_t* ticket,
                                    mr_error* error);
MR_API mr_status mr_machine_dead(mr_machine* machine, mr_str stream, mr_id after, uint32_t count, int64_t now_us,
                                 uint64_t* ticket, mr_error* error);
MR_API mr_status mr_machine_redrive(mr_machine* machine, mr_str stream, const mr_id* dead_ids, size_t count,
                                    int64_t now_us, uint64_t* ticket, mr_error* error);
MR_API mr_status mr_machine_change_group(mr_machine* machine, const mr_group_change* change, int64_t now_us,
                                         uint64_t* ticket, mr_error* error);
/* Asks the server for what mr_machine_health tells. */
MR_API mr_status mr_machine_look(mr_machine* machine, uint32_t source, int64_t now_us, mr_error* error);
MR_API mr_status mr_machine_replace_credentials(mr_machine* machine, const char* username, const char* password,
                                                int64_t now_us, mr_error* error);
/* As mr_client_drain; with `awaits_acks` 0 only until what was sent is answered. MR_EVENT_CLOSED without a source is
 * the last event. */
MR_API mr_status mr_machine_drain(mr_machine* machine, int64_t timeout_us, int awaits_acks, int64_t now_us,
                                  mr_error* error);

/* What happened outside. Of a connection that the machine knows no more, nothing is heard. */

MR_API mr_status mr_machine_handle_connected(mr_machine* machine, uint32_t conn, int64_t now_us);
/* `reason` is MR_DISCONNECT_...; also of a connection that could not be made. */
MR_API mr_status mr_machine_handle_disconnected(mr_machine* machine, uint32_t conn, uint32_t reason, int64_t now_us);
/* Where to put bytes that are read, at least `hint` of them if that is above 0 (and up to 64 MiB), `*size` in all;
 * until the next call. NULL of a connection that is dead, or where memory was refused. */
MR_API char* mr_machine_input_room(mr_machine* machine, uint32_t conn, size_t hint, size_t* size);
/* The first `written` bytes of that room were filled. */
MR_API mr_status mr_machine_handle_input(mr_machine* machine, uint32_t conn, size_t written, int64_t now_us);
/* Late, repeated and spurious calls do no harm. */
MR_API mr_status mr_machine_handle_timeout(mr_machine* machine, int64_t now_us);
/* The time of day, once a second or where it was set: of what refers to it, such as idempotence. */
MR_API mr_status mr_machine_handle_wall_clock(mr_machine* machine, int64_t unix_us, int64_t now_us);

/* What to do next. */

enum {
    MR_ACTION_NONE = 0,
    /* Connect, and with `tls` do its handshake and verify the peer: then mr_machine_handle_connected, or, when that
     * fails or `deadline_us` has passed, mr_machine_handle_disconnected. */
    MR_ACTION_CONNECT = 1,
    MR_ACTION_CLOSE = 2,       /* close it; nothing about it needs to be told any more */
    MR_ACTION_SET_READABLE = 3 /* read the socket, or do not, as `readable` says: backpressure */
};

enum { MR_LANE_READ = 0, MR_LANE_CONTROL = 1, MR_LANE_PUBLISH = 2, MR_LANE_PUSH = 3, MR_LANE_PROBE = 4 };

typedef struct mr_action {
    size_t size;
    uint32_t kind; /* MR_ACTION_... */
    uint32_t conn; /* above 0, and never used again */
    uint32_t lane; /* MR_LANE_...: what the connection is for */
    uint32_t readable;
    int64_t deadline_us;
    mr_str host;      /* until the next mr_machine_poll_action, as all that follows */
    mr_str unix_path; /* of a unix socket, in place of host and port */
    uint32_t port;
    uint32_t tls;        /* 1: TLS, with the fields below, as the keys of docs/configuration.md */
    uint32_t tls_verify; /* 0: take any certificate */
    uint32_t reserved;
    mr_str tls_ca;
    mr_str tls_cert;
    mr_str tls_key;
    mr_str tls_server_name; /* the name that the certificate must have */
} mr_action;

#define MR_ACTION_INIT                                                                                         \
    {                                                                                                          \
        sizeof(mr_action), MR_ACTION_NONE, 0, 0, 0, 0, {NULL, 0}, {NULL, 0}, 0, 0, 0, 0, {NULL, 0}, {NULL, 0}, \
            {NULL, 0}, {                                                                                       \
            NULL, 0                                                                                            \
        }                                                                                                      \
    }

MR_API mr_status mr_machine_poll_action(mr_machine* machine, mr_action* action);
/* MR_EVENT_BATCH, and all that a client tells. What an event points to lives until the next poll; a batch's view until
 * its mr_machine_release. */
MR_API mr_status mr_machine_poll_event(mr_machine* machine, mr_event* event);
/* A connection that has something new to send, each once for what was written since; 0: none. Where a socket took only
 * a part, ask mr_machine_transmit again when it is writable. */
MR_API uint32_t mr_machine_poll_writable(mr_machine* machine);
/* When to call mr_machine_handle_timeout; INT64_MAX: not before something else happens. */
MR_API int64_t mr_machine_timeout_at(const mr_machine* machine);
/* Bytes to send, in order, until the next call: fills at most `room` of `chunks`, and answers how many. */
MR_API size_t mr_machine_transmit(mr_machine* machine, uint32_t conn, mr_str* chunks, size_t room);
/* The first `sent` bytes of these went out. */
MR_API mr_status mr_machine_advance_transmit(mr_machine* machine, uint32_t conn, size_t sent);

MR_API mr_status mr_machine_health(mr_machine* machine, uint32_t source, int64_t now_us, mr_health* health,
                                   mr_error* error);
MR_API mr_status mr_machine_metrics(mr_machine* machine, int64_t now_us, mr_text* text, mr_error* error);
/* 1: a drain has ended. */
MR_API int mr_machine_finished(const mr_machine* machine);

#ifdef __cplusplus
}
#endif

#endif
