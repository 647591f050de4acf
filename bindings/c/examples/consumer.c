/* Consumes a stream of a group until it is interrupted, and prints each entry:
 *
 *     cc consumer.c $(pkg-config --cflags --libs millrace) -o consumer
 *     ./consumer 'redis://localhost:6379?streams=orders&group=billing&consumer=billing-1' */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "millrace.h"

static mr_client* client;

static void interrupt(int signal_number) {
    (void)signal_number;
    mr_client_stop(client); /* may be called here: mr_client_next answers MR_CLOSED then */
}

static void print(const mr_entry* entry) {
    char id[MR_ID_TEXT_MAX];
    size_t i;
    mr_id_format(entry->id, id);
    printf("%.*s %s", (int)entry->stream.size, entry->stream.data, id);
    for (i = 0; i < entry->field_count; ++i) {
        const mr_field* field = &entry->fields[i];
        printf(" %.*s=%.*s", (int)field->name.size, field->name.data, (int)field->value.size, field->value.data);
    }
    printf("\n");
}

int main(int argc, char** argv) {
    const char* url = argc > 1 ? argv[1] : "redis://localhost:6379?streams=orders&group=billing&consumer=billing-1";
    mr_error error = MR_ERROR_INIT;
    mr_client_options options = MR_CLIENT_OPTIONS_INIT;
    mr_config* config = NULL;
    mr_batch* batch = NULL;
    uint64_t pending = 0;
    mr_status status = mr_config_new(url, &config, &error);
    options.log_fd = 2; /* warnings, such as of a server that is not there */
    if (status == MR_OK) status = mr_client_new(config, &options, &client, &error);
    if (status == MR_OK) status = mr_client_open(client, NULL, NULL, &error);
    if (status == MR_OK) signal(SIGINT, interrupt);
    if (status == MR_OK) signal(SIGTERM, interrupt);
    while (status == MR_OK && (status = mr_client_next(client, 0, -1, &batch, &error)) == MR_OK) {
        mr_batch_view view = MR_BATCH_VIEW_INIT;
        size_t i;
        mr_batch_read(batch, &view);
        for (i = 0; i < view.count; ++i) print(mr_entry_at(&view, i));
        fflush(stdout);
        mr_batch_ack(batch, NULL, 0, NULL); /* what is not acked is delivered again */
        mr_batch_free(batch);
    }
    if (status != MR_CLOSED) fprintf(stderr, "%s: %s; %s\n", mr_status_name(status), error.message, mr_advice(status));
    if (mr_client_close(client, 5000000, &pending, NULL) == MR_OK && pending > 0) {
        fprintf(stderr, "%" PRIu64 " entries stay pending\n", pending);
    }
    mr_client_free(client);
    mr_config_free(config);
    return status == MR_CLOSED ? 0 : 1;
}
