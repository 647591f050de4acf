/* How fast a C program consumes through millrace.h: `client millrace URL STREAM GROUP COUNT BATCH` takes COUNT entries,
 * adds up the lengths of their field `payload`, acks every batch, and prints {"entries":n,"bytes":n,"seconds":s}: from
 * the first read to the last ack confirmed. Its C++ twin, client.cpp, does the same without the C ABI between. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "millrace.h"

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static mr_status open_client(char** argv, mr_client** client, mr_error* error) {
    const mr_str stream = mr_str_of(argv[3]);
    mr_config* config = NULL;
    mr_status status = mr_config_new(argv[2], &config, error);
    if (status == MR_OK) status = mr_config_set_list(config, "streams", &stream, 1, error);
    if (status == MR_OK) status = mr_config_set(config, "group", argv[4], error);
    if (status == MR_OK) status = mr_config_set(config, "consumer", "bench", error);
    if (status == MR_OK) status = mr_config_set(config, "batch_size", argv[6], error);
    if (status == MR_OK) status = mr_client_new(config, NULL, client, error);
    mr_config_free(config);
    return status;
}

static mr_status consume(mr_client* client, uint64_t wanted, uint64_t* entries, uint64_t* bytes, mr_error* error) {
    mr_batch* batch = NULL;
    mr_status status = mr_client_open(client, NULL, NULL, error);
    while (status == MR_OK && *entries < wanted) {
        mr_batch_view view = MR_BATCH_VIEW_INIT;
        size_t i;
        if ((status = mr_client_next(client, 0, -1, &batch, error)) != MR_OK) break;
        mr_batch_read(batch, &view);
        for (i = 0; i < view.count; ++i) *bytes += mr_entry_field(mr_entry_at(&view, i), "payload").size;
        *entries += view.count;
        status = mr_batch_ack(batch, NULL, 0, error);
        mr_batch_free(batch);
    }
    return status;
}

int main(int argc, char** argv) {
    mr_error error = MR_ERROR_INIT;
    mr_client* client = NULL;
    uint64_t entries = 0;
    uint64_t bytes = 0;
    double began;
    mr_status status;
    if (argc != 7) {
        fprintf(stderr, "usage: client millrace URL STREAM GROUP COUNT BATCH\n");
        return 2;
    }
    if (strcmp(argv[1], "millrace") != 0) {
        fprintf(stderr, "%s: not here; millrace alone is\n", argv[1]);
        return 3;
    }
    status = open_client(argv, &client, &error);
    began = now();
    if (status == MR_OK) status = consume(client, strtoull(argv[5], NULL, 10), &entries, &bytes, &error);
    if (status == MR_OK) status = mr_client_close(client, 10000000, NULL, &error);
    if (status == MR_OK) {
        printf("{\"entries\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.6f}\n", entries, bytes, now() - began);
    } else {
        fprintf(stderr, "%s: %s\n", mr_status_name(status), error.message);
    }
    mr_client_free(client);
    return status == MR_OK ? 0 : 1;
}
