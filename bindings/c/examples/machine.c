/* Consumes a stream of a group as consumer.c does, with sockets and a loop of its own: the machine does no I/O.
 *
 *     cc machine.c $(pkg-config --cflags --libs millrace) -o machine
 *     ./machine 'redis://localhost:6379?streams=orders&group=billing&consumer=billing-1'
 *
 * A host of a machine has three jobs: sockets as actions ask for them, bytes in and out of them, and time. TLS is left
 * out here. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "millrace.h"

enum { CONNECTIONS_MAX = 16, CHUNKS_MAX = 16, CONNECTING = 1000 };

typedef struct connection {
    uint32_t id; /* 0: a free place */
    int fd;
    unsigned address; /* which one of its host's it is tried at */
    int connected;
    int reads;           /* the machine wants bytes from it */
    int blocked;         /* the socket took only a part */
    int64_t deadline_us; /* of the connecting */
} connection;

static mr_machine* machine;
static int lost;         /* a connection was */
static unsigned address; /* which one of a host's is tried: the next one, where it fails */
static connection connections[CONNECTIONS_MAX];
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static int64_t clock_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t now_us(void) {
#ifdef CLOCK_BOOTTIME
    return clock_us(CLOCK_BOOTTIME); /* goes on while the machine sleeps */
#else
    return clock_us(CLOCK_MONOTONIC);
#endif
}

/* ---- sockets ---- */

static connection* find(uint32_t id) {
    int i;
    for (i = 0; i < CONNECTIONS_MAX; ++i) {
        if (connections[i].id == id) return &connections[i];
    }
    return NULL;
}

static void forget(connection* it) {
    if (it->fd >= 0) close(it->fd);
    if (!it->connected && it->address == address) ++address;
    memset(it, 0, sizeof *it);
    it->fd = -1;
}

static void lose(connection* it, uint32_t reason) {
    const uint32_t id = it->id;
    forget(it);
    lost = 1;
    mr_machine_handle_disconnected(machine, id, reason, now_us());
}

static uint32_t reason_of(int error) {
    return error == ECONNREFUSED ? MR_DISCONNECT_REFUSED : MR_DISCONNECT_RESET; /* told in logs, and tried again */
}

/* Begins to connect to an address of the host; CONNECTING, or why it can't. */
static uint32_t start_connecting(connection* it, const mr_action* action) {
    char host[256], port[8];
    struct addrinfo hints, *found = NULL, *at;
    int yes = 1, error = 0;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    snprintf(host, sizeof host, "%.*s", (int)action->host.size, action->host.data);
    snprintf(port, sizeof port, "%" PRIu32, action->port);
    if (getaddrinfo(host, port, &hints, &found) != 0) return MR_DISCONNECT_DNS;
    for (at = found; it->address < address; ++it->address) at = at->ai_next != NULL ? at->ai_next : found;
    it->fd = socket(at->ai_family, SOCK_STREAM, 0);
    if (it->fd < 0 || it->fd >= FD_SETSIZE) {
        error = EMFILE;
    } else {
        fcntl(it->fd, F_SETFL, O_NONBLOCK);
        fcntl(it->fd, F_SETFD, FD_CLOEXEC);
        setsockopt(it->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (connect(it->fd, at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS) error = errno;
    }
    freeaddrinfo(found);
    return error == 0 ? CONNECTING : reason_of(error);
}

static void finish_connecting(connection* it) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(it->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    it->connected = error == 0;
    if (it->connected) mr_machine_handle_connected(machine, it->id, now_us());
    if (!it->connected) lose(it, reason_of(error));
}

static void receive(connection* it) {
    size_t room = 0;
    char* bytes = mr_machine_input_room(machine, it->id, 0, &room);
    ssize_t count;
    if (bytes == NULL) return;
    count = recv(it->fd, bytes, room, 0);
    if (count > 0) mr_machine_handle_input(machine, it->id, (size_t)count, now_us());
    if (count == 0) lose(it, MR_DISCONNECT_CLOSED);
    if (count < 0 && errno != EAGAIN && errno != EINTR) lose(it, reason_of(errno));
}

static void send_some(connection* it) {
    mr_str chunks[CHUNKS_MAX];
    struct iovec parts[CHUNKS_MAX];
    size_t i, count;
    it->blocked = 0;
    while ((count = mr_machine_transmit(machine, it->id, chunks, CHUNKS_MAX)) > 0) {
        struct msghdr message;
        ssize_t sent;
        memset(&message, 0, sizeof message);
        for (i = 0; i < count; ++i) {
            parts[i].iov_base = (void*)(uintptr_t)chunks[i].data;
            parts[i].iov_len = chunks[i].size;
        }
        message.msg_iov = parts;
        message.msg_iovlen = count;
        sent = sendmsg(it->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) {
            it->blocked = errno == EAGAIN;
            if (!it->blocked) lose(it, reason_of(errno));
            return;
        }
        mr_machine_advance_transmit(machine, it->id, (size_t)sent);
    }
}

/* ---- the machine ---- */

static void act(const mr_action* action) {
    connection* it = find(action->kind == MR_ACTION_CONNECT ? 0 : action->conn);
    if (action->kind == MR_ACTION_CONNECT) {
        uint32_t reason = MR_DISCONNECT_TLS_FAILED; /* for want of TLS, or of a place */
        if (it != NULL) {
            it->id = action->conn;
            it->fd = -1;
            it->reads = 1;
            it->deadline_us = action->deadline_us;
            if (!action->tls) reason = start_connecting(it, action);
        }
        if (reason != CONNECTING && it != NULL) forget(it);
        if (reason != CONNECTING) mr_machine_handle_disconnected(machine, action->conn, reason, now_us());
    } else if (it != NULL && action->kind == MR_ACTION_CLOSE) {
        forget(it);
    } else if (it != NULL) {
        it->reads = (int)action->readable;
    }
}

static void print_batch(const mr_batch_view* view) {
    size_t i, k;
    for (i = 0; i < view->count; ++i) {
        const mr_entry* entry = mr_entry_at(view, i);
        char id[MR_ID_TEXT_MAX];
        mr_id_format(entry->id, id);
        printf("%.*s %s", (int)entry->stream.size, entry->stream.data, id);
        for (k = 0; k < entry->field_count; ++k) {
            const mr_field* field = &entry->fields[k];
            printf(" %.*s=%.*s", (int)field->name.size, field->name.data, (int)field->value.size, field->value.data);
        }
        printf("\n");
    }
    fflush(stdout);
}

/* 0: the machine has ended. */
static int handle(const mr_event* event, int* failed) {
    if (event->kind == MR_EVENT_BATCH) {
        print_batch(event->view);
        mr_machine_ack(machine, event->batch, NULL, 0, now_us(), NULL);
        mr_machine_release(machine, event->batch, now_us(), NULL);
    }
    if (event->kind == MR_EVENT_FAILED) {
        fprintf(stderr, "%s: %.*s\n", mr_status_name(event->status), (int)event->message.size, event->message.data);
        if (event->closed) {
            *failed = 1;
            return 0;
        }
    }
    return !(event->kind == MR_EVENT_CLOSED && event->source == 0);
}

/* Until nothing is left to do; 0: the machine has ended. */
static int poll_machine(int* failed) {
    mr_action action = MR_ACTION_INIT;
    mr_event event = MR_EVENT_INIT;
    uint32_t id;
    do {
        while (mr_machine_poll_action(machine, &action) == MR_OK && action.kind != MR_ACTION_NONE) act(&action);
        while (mr_machine_poll_event(machine, &event) == MR_OK && event.kind != MR_EVENT_NONE) {
            if (!handle(&event, failed)) return 0;
        }
        lost = 0;
        while ((id = mr_machine_poll_writable(machine)) != 0) {
            connection* it = find(id);
            if (it != NULL && it->connected && !it->blocked) send_some(it);
        }
    } while (lost); /* in sending: the machine has something to say again */
    return 1;
}

/* Waits for a socket, a signal or the time, and tells the machine. */
static void wait_once(const sigset_t* unblocked) {
    fd_set readable, writable;
    int64_t now = now_us(), until = mr_machine_timeout_at(machine);
    struct timespec wait;
    int i, top = -1;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    for (i = 0; i < CONNECTIONS_MAX; ++i) {
        const connection* it = &connections[i];
        if (it->id == 0) continue;
        if (it->connected && it->reads) FD_SET(it->fd, &readable);
        if (!it->connected || it->blocked) FD_SET(it->fd, &writable);
        if (!it->connected && it->deadline_us < until) until = it->deadline_us;
        if (it->fd > top) top = it->fd;
    }
    until = until < now ? 0 : until - now < 60000000 ? until - now : 60000000;
    wait.tv_sec = until / 1000000;
    wait.tv_nsec = until % 1000000 * 1000;
    if (pselect(top + 1, &readable, &writable, NULL, &wait, unblocked) <= 0) {
        FD_ZERO(&readable);
        FD_ZERO(&writable);
    }
    now = now_us();
    for (i = 0; i < CONNECTIONS_MAX; ++i) {
        connection* it = &connections[i];
        const int fd = it->id == 0 ? -1 : it->fd;
        if (fd < 0) continue;
        if (!it->connected && FD_ISSET(fd, &writable))
            finish_connecting(it);
        else if (!it->connected && now >= it->deadline_us)
            lose(it, MR_DISCONNECT_TIMEOUT);
        else if (it->connected && FD_ISSET(fd, &writable))
            send_some(it);
        if (it->id != 0 && it->connected && FD_ISSET(fd, &readable)) receive(it);
    }
    if (now >= mr_machine_timeout_at(machine)) mr_machine_handle_timeout(machine, now);
    mr_machine_handle_wall_clock(machine, clock_us(CLOCK_REALTIME), now);
}

int main(int argc, char** argv) {
    const char* url = argc > 1 ? argv[1] : "redis://localhost:6379?streams=orders&group=billing&consumer=billing-1";
    mr_error error = MR_ERROR_INIT;
    mr_config* config = NULL;
    uint8_t seed[16];
    sigset_t ours, unblocked;
    int failed = 0, draining = 0;
    FILE* random = fopen("/dev/urandom", "rb");
    const int drawn = random != NULL && fread(seed, sizeof seed, 1, random) == 1;
    if (random != NULL) fclose(random);
    if (!drawn || mr_config_new(url, &config, &error) != MR_OK ||
        mr_machine_new(config, seed, now_us(), clock_us(CLOCK_REALTIME), &machine, &error) != MR_OK ||
        mr_machine_open(machine, NULL, now_us(), NULL, &error) != MR_OK) {
        fprintf(stderr, "%s: %s\n", mr_status_name(error.status), drawn ? error.message : "no randomness");
        return 1;
    }
    /* Blocked but for the wait, so that none comes between the look at `interrupted` and the wait. */
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &unblocked);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    while (poll_machine(&failed)) {
        if (!interrupted || draining) wait_once(&unblocked);
        if (interrupted && !draining) mr_machine_drain(machine, 5000000, 0, now_us(), NULL);
        draining = interrupted;
    }
    mr_machine_free(machine);
    mr_config_free(config);
    return failed;
}
