// What delivery means, line by line: the specification that cases, findings and comments point into. docs/delivery.md
// is printed from it, and so is `millrace-harness spec`.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::harness {

// A line's text is Markdown of one paragraph; its line breaks stand where the source needed them and mean a space.
struct SpecLine {
    std::string_view id;  // AREA-number; a number is never given to another meaning
    std::string_view text;
    std::string_view shown_by = {};  // where no case can: what shows it instead
};

struct SpecSection {
    std::string_view title;
    std::span<const SpecLine> lines;
};

// In the order of the page.
std::span<const SpecSection> specification();
const SpecLine* find_spec_line(std::string_view id);

// A text on one line, without the marks of Markdown: for terminals and hints.
std::string plain(std::string_view markdown);

// The sections, by file.
extern const std::span<const SpecLine> detection_lines;
extern const std::span<const SpecLine> configuration_lines;
extern const std::span<const SpecLine> retry_lines;
extern const std::span<const SpecLine> security_lines;
extern const std::span<const SpecLine> observation_lines;
extern const std::span<const SpecLine> batch_lines;
extern const std::span<const SpecLine> ack_lines;
extern const std::span<const SpecLine> recovery_lines;
extern const std::span<const SpecLine> dead_letter_lines;
extern const std::span<const SpecLine> dedupe_lines;
extern const std::span<const SpecLine> backpressure_lines;
extern const std::span<const SpecLine> drain_lines;
extern const std::span<const SpecLine> publish_lines;
extern const std::span<const SpecLine> tail_lines;
extern const std::span<const SpecLine> many_lines;
extern const std::span<const SpecLine> pubsub_lines;

}  // namespace millrace::harness
