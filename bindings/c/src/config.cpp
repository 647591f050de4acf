// Configurations, as values.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "border.hpp"

using namespace millrace;

namespace {

template <class Body>
mr_status change(mr_config* config, mr_error* error, Body body) {
    const c::Alone here(config->entered);
    return here.alone() ? c::guard(error, body) : c::tell_not_alone(error, "configuration");
}

}  // namespace

extern "C" {

mr_status mr_config_new(const char* url, mr_config** config, mr_error* error) {
    if (config == nullptr) return c::tell_missing(error, "config");
    *config = nullptr;
    return c::guard(error, [&] {
        Result<Config> parsed = url == nullptr ? Result<Config>(Config{}) : parse_url(url);
        if (!parsed) return c::tell(error, parsed.error());
        *config = std::make_unique<mr_config>(std::move(parsed).value()).release();
        c::born(*config);
        return c::tell_ok(error);
    });
}

mr_status mr_config_json(mr_config* config, const char* json, size_t size, mr_error* error) {
    if (c::is_gone(config)) return c::tell_gone(error, "config");
    if (json == nullptr || size > c::json_bytes_max) return c::tell_missing(error, "json");
    return change(config, error, [&] {
        Result<Config> laid = parse_json({json, size}, {}, config->config);
        if (!laid) return c::tell(error, laid.error());
        config->config = std::move(laid).value();
        return c::tell_ok(error);
    });
}

mr_status mr_config_set(mr_config* config, const char* key, const char* text, mr_error* error) {
    if (c::is_gone(config)) return c::tell_gone(error, "config");
    if (key == nullptr) return c::tell_missing(error, "key");
    if (text == nullptr) return c::tell_missing(error, "text");
    return change(config, error, [&] { return c::tell(error, set_key(config->config, key, text)); });
}

mr_status mr_config_set_list(mr_config* config, const char* key, const mr_str* values, size_t count, mr_error* error) {
    if (c::is_gone(config)) return c::tell_gone(error, "config");
    if (key == nullptr) return c::tell_missing(error, "key");
    if (c::is_hole(values, count)) return c::tell_missing(error, "values");
    return change(config, error, [&] {
        std::vector<std::string> list;
        for (size_t i = 0; i < count; ++i) {
            if (c::is_hole(values[i])) return c::tell_missing(error, "one of the values");
            list.emplace_back(c::view(values[i]));
        }
        return c::tell(error, set_key(config->config, key, std::move(list)));
    });
}

mr_status mr_config_copy(const mr_config* config, mr_config** copy, mr_error* error) {
    if (copy == nullptr) return c::tell_missing(error, "copy");
    *copy = nullptr;
    if (c::is_gone(config)) return c::tell_gone(error, "config");
    return c::guard(error, [&] {
        *copy = std::make_unique<mr_config>(config->config).release();
        c::born(*copy);
        return c::tell_ok(error);
    });
}

void mr_config_free(mr_config* config) {
    if (c::is_gone(config)) return;
    c::died(config);
    delete config;
}
}
