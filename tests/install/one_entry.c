/* Publishes an entry by the C interface of an installation, consumes and acks it, and prints what came. */
#include <stdio.h>
#include <string.h>

#include "millrace.h"

static int failed(mr_status status, const mr_error* error) {
    fprintf(stderr, "%s: %s\n", mr_status_name(status), error->message);
    return 1;
}

int main(int argc, char** argv) {
    mr_error error = MR_ERROR_INIT;
    mr_config* config = NULL;
    mr_client* client = NULL;
    mr_batch* batch = NULL;
    mr_batch_view view = MR_BATCH_VIEW_INIT;
    mr_publish publish = MR_PUBLISH_INIT;
    mr_publish_entry entry;
    mr_field field = {{"item", 4}, {"tea", 3}};
    mr_str item;
    uint64_t pending = 0;
    mr_status status = mr_config_new(argc > 1 ? argv[1] : NULL, &config, &error);
    if (status == MR_OK) status = mr_client_new(config, NULL, &client, &error);
    if (status != MR_OK) return failed(status, &error);
    entry.fields = &field;
    entry.field_count = 1;
    publish.stream.data = "orders";
    publish.stream.size = strlen("orders");
    publish.entries = &entry;
    publish.entry_count = 1;
    status = mr_client_publish(client, &publish, 20000000, NULL, &error);
    if (status == MR_OK) status = mr_client_open(client, NULL, NULL, &error);
    if (status == MR_OK) status = mr_client_next(client, 0, 20000000, &batch, &error);
    if (status == MR_OK && batch == NULL) status = MR_TIMEOUT;
    if (status == MR_OK) status = mr_batch_read(batch, &view);
    if (status != MR_OK) return failed(status, &error);
    item = mr_entry_field(mr_entry_at(&view, 0), "item");
    printf("%s: %.*s\n", mr_version(), (int)item.size, item.data);
    status = mr_batch_ack(batch, NULL, 0, &error);
    mr_batch_free(batch);
    if (status == MR_OK) status = mr_client_close(client, 20000000, &pending, &error);
    mr_client_free(client);
    mr_config_free(config);
    if (status != MR_OK) return failed(status, &error);
    return pending == 0 ? 0 : 1;
}
