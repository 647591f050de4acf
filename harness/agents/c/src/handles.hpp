// Handles of millrace.h that free themselves, and its errors as refusals of a request.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace.h"
#include "requests.hpp"

namespace millrace::agent {

struct Free {
    void operator()(mr_config* config) const { mr_config_free(config); }
    void operator()(mr_client* client) const { mr_client_free(client); }
    void operator()(mr_batch* batch) const { mr_batch_free(batch); }
};
using OwnedConfig = std::unique_ptr<mr_config, Free>;
using OwnedClient = std::unique_ptr<mr_client, Free>;
using OwnedBatch = std::unique_ptr<mr_batch, Free>;

inline std::string_view view_of(mr_str bytes) {
    return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size);
}
/// Borrowed as the text is.
inline mr_str bytes_of(std::string_view text) {
    return {text.data(), text.size()};
}
inline std::string id_text(mr_id id) {
    char text[MR_ID_TEXT_MAX];
    mr_id_format(id, text);
    return text;
}
/// Messages of Pub/Sub have none.
inline std::string id_text_or_empty(mr_id id) {
    return id.ms == 0 && id.seq == 0 ? std::string() : id_text(id);
}

/// The error of a call, as the answer to the request that made it.
class Call {
  public:
    [[nodiscard]] mr_error* error() { return &error_; }
    void check(mr_status status) const {
        if (status != MR_OK) throw BadRequest{mr_status_name(status), error_.message, error_.retryable != 0};
    }

  private:
    mr_error error_ = MR_ERROR_INIT;
};

}  // namespace millrace::agent
