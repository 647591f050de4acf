#include "proxy/resp_scanner.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

constexpr size_t line_bytes_max = size_t{64} << 10U;
constexpr int64_t length_max = int64_t{1} << 40U;
constexpr std::string_view simple_types = "+-:_#,(";
constexpr std::string_view bulk_types = "$=!";
constexpr std::string_view aggregate_types = "*~>%|";

}  // namespace

size_t RespScanner::feed(std::string_view bytes) {
    if (ended_) begun_ = ended_ = false;
    size_t taken = 0;
    while (taken < bytes.size() && !ended_) {
        if (broken_) return bytes.size();
        if (!begun_) {
            begun_ = true;
            type_ = bytes[taken];
        }
        if (bulk_left_ > 0) {
            const auto part = static_cast<size_t>(std::min<uint64_t>(bulk_left_, bytes.size() - taken));
            taken += part;
            bulk_left_ -= part;
            if (bulk_left_ == 0) finish_item();
            continue;
        }
        line_ += bytes[taken++];
        if (line_.ends_with("\r\n")) take_line();
        if (line_.size() > line_bytes_max) broken_ = true;
    }
    return taken;
}

void RespScanner::take_line() {
    const char type = line_.front();
    const auto length = parse_integer(std::string_view(line_).substr(1, line_.size() - 3));
    line_.clear();
    if (simple_types.find(type) != std::string_view::npos) return finish_item();
    const bool is_bulk = bulk_types.find(type) != std::string_view::npos;
    const bool is_aggregate = aggregate_types.find(type) != std::string_view::npos;
    if ((!is_bulk && !is_aggregate) || !length || *length < -1 || *length > length_max) {
        broken_ = true;
        return;
    }
    if (is_bulk) {
        if (*length == -1) return finish_item();
        bulk_left_ = static_cast<uint64_t>(*length) + 2;
        return;
    }
    // An attribute comes before the value that it is about: one item more.
    const bool pairs = type == '%' || type == '|';
    const uint64_t items = (*length < 0 ? 0 : static_cast<uint64_t>(*length)) * (pairs ? 2 : 1) + (type == '|' ? 1 : 0);
    if (items == 0) return finish_item();
    owed_.push_back(items);
}

void RespScanner::finish_item() {
    while (!owed_.empty()) {
        if (--owed_.back() > 0) return;
        owed_.pop_back();
    }
    ended_ = true;
}

std::vector<std::string> parse_request(std::string_view bytes) {
    std::vector<std::string> arguments;
    if (!bytes.starts_with('*')) return arguments;
    size_t at = bytes.find("\r\n");
    while (at != std::string_view::npos && at + 2 < bytes.size()) {
        at += 2;
        const size_t end = bytes.find("\r\n", at);
        if (bytes[at] != '$' || end == std::string_view::npos) break;
        const auto length = parse_integer(bytes.substr(at + 1, end - at - 1));
        if (!length || *length < 0 || end + 2 + static_cast<size_t>(*length) > bytes.size()) break;
        arguments.emplace_back(bytes.substr(end + 2, static_cast<size_t>(*length)));
        at = end + 2 + static_cast<size_t>(*length);
    }
    return arguments;
}

}  // namespace millrace::harness
