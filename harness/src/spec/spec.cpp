#include "spec/spec.hpp"

#include <algorithm>
#include <iterator>

namespace millrace::harness {

std::span<const SpecSection> specification() {
    static const SpecSection sections[] = {
        {"Batches", batch_lines},
        {"Acks", ack_lines},
        {"Recovery", recovery_lines},
        {"Dead letters", dead_letter_lines},
        {"Duplicates", dedupe_lines},
        {"Backpressure", backpressure_lines},
        {"Drain", drain_lines},
        {"Publishing", publish_lines},
        {"Tails", tail_lines},
        {"Many streams", many_lines},
        {"Pub/Sub", pubsub_lines},
        {"Detection", detection_lines},
        {"Retries and refusals", retry_lines},
        {"Configuration", configuration_lines},
        {"Health and metrics", observation_lines},
        {"Security", security_lines},
    };
    return sections;
}

const SpecLine* find_spec_line(std::string_view id) {
    for (const SpecSection& section : specification()) {
        const auto line = std::ranges::find(section.lines, id, &SpecLine::id);
        if (line != section.lines.end()) return &*line;
    }
    return nullptr;
}

std::string plain(std::string_view markdown) {
    std::string text;
    for (size_t at = 0; at < markdown.size(); ++at) {
        const char c = markdown[at];
        if (c == ']' && markdown.substr(at).starts_with("](")) {  // the target of a link
            at = markdown.find(')', at);
        } else if (c == '\n') {
            text += ' ';
        } else if (c != '`' && c != '[') {
            text += c;
        }
    }
    return text;
}

}  // namespace millrace::harness
