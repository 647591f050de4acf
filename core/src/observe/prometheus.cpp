// One function for each row of the table says which samples it has; the table says everything else.
#include "observe/prometheus.hpp"

#include <array>
#include <cstddef>
#include <string_view>

#include "base/format.hpp"
#include "event/utf8.hpp"

namespace millrace {

namespace observe {

namespace {

using enum MetricType;

/// Labels of one sample: names and values in turn.
class Labels {
  public:
    /// The names of streams and groups are any bytes, and labels are UTF-8: over one that is none a scraper refuses
    /// all. Of such a value each byte that is no ASCII is told as `\xff`, as Redis shows it.
    Labels& add(std::string_view name, std::string_view value) {
        constexpr std::string_view hex = "0123456789abcdef";
        const bool utf8 = is_utf8(value);
        text_ += text_.empty() ? "" : ",";
        text_.append(name).append("=\"");
        for (const char c : value) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '\\' || c == '"') text_ += '\\';
            if (c == '\n') {
                text_ += "\\n";
            } else if (byte > 0x7f && !utf8) {
                text_ += "\\\\x";
                text_ += hex[byte >> 4];
                text_ += hex[byte & 15];
            } else {
                text_ += c;
            }
        }
        text_ += '"';
        return *this;
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

Labels of(const Figures::Source& source) {
    return Labels()
        .add("source", std::to_string(static_cast<uint32_t>(source.id)))
        .add("stream", source.stream)
        .add("group", source.group);
}

/// Microseconds as seconds, without floating point: the same text everywhere.
std::string in_seconds(uint64_t us) {
    std::string text = std::to_string(us / 1'000'000);
    if (us % 1'000'000 == 0) return text;
    std::string part = std::to_string(1'000'000 + us % 1'000'000);
    part[0] = '.';
    part.erase(part.find_last_not_of('0') + 1);
    return text + part;
}

class Writer {
  public:
    Writer(const Figures& figures, const MetricsOptions& options) : figures_(figures), options_(options) {}

    void begin(const Metric& metric) {
        is_named_ = !(options_.names == MetricNames::deltaforge ? metric.deltaforge : metric.name).empty();
        has_head_ = false;
        metric_ = &metric;
        switch (options_.names) {
            case MetricNames::millrace:
                name_ = "millrace_" + std::string(metric.name);
                break;
            case MetricNames::redis_streams:
                name_ = "redis_streams_" + std::string(metric.name);
                break;
            case MetricNames::deltaforge:
                name_ = "deltaforge_" + std::string(metric.deltaforge);
                break;
        }
    }
    void sample(Labels labels, std::string_view value) { line({}, std::move(labels), value); }
    void sample(Labels labels, uint64_t value) { line({}, std::move(labels), std::to_string(value)); }
    void sample(Labels labels, const std::optional<uint64_t>& value) {
        if (value.has_value()) sample(std::move(labels), *value);
    }
    void sample(Labels labels, const Histogram& histogram) {
        uint64_t sum = 0;
        for (size_t i = 0; i < histogram.counts.size(); ++i) {
            sum += histogram.counts[i];
            const bool is_last = i == Histogram::bounds_us.size();
            Labels bucket = labels;
            line("_bucket",
                 bucket.add("le", is_last ? "+Inf" : in_seconds(static_cast<uint64_t>(Histogram::bounds_us[i]))),
                 std::to_string(sum));
        }
        line("_sum", labels, in_seconds(histogram.sum_us));
        line("_count", std::move(labels), std::to_string(sum));
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

    const Figures& figures() const { return figures_; }

  private:
    void line(std::string_view suffix, Labels labels, std::string_view value) {
        if (!is_named_) return;
        if (!has_head_) {
            has_head_ = true;
            constexpr std::array<std::string_view, 3> types{"counter", "gauge", "histogram"};
            text_.append("# HELP ").append(name_).append(" ").append(metric_->help).append("\n");
            text_.append("# TYPE ").append(name_).append(" ").append(types[static_cast<size_t>(metric_->type)]);
            text_ += '\n';
        }
        if (options_.names == MetricNames::deltaforge) labels = deltaforge_labels(labels);
        text_.append(name_).append(suffix);
        if (!labels.text().empty()) text_.append("{").append(labels.text()).append("}");
        text_.append(" ").append(value).append("\n");
    }
    /// In place of ours; the bound of a bucket stays.
    [[nodiscard]] Labels deltaforge_labels(const Labels& ours) const {
        Labels labels;
        labels.add("pipeline", options_.pipeline);
        if (metric_->deltaforge == "stage_latency_seconds") {
            labels.add("stage", "sink");
        } else {
            labels.add("sink", options_.sink);
        }
        const size_t bound = ours.text().find("le=\"");
        if (bound != std::string::npos) labels.add("le", ours.text().substr(bound + 4, ours.text().size() - bound - 5));
        return labels;
    }

    const Figures& figures_;
    const MetricsOptions& options_;
    const Metric* metric_ = nullptr;
    bool is_named_ = false;
    bool has_head_ = false;
    std::string name_;
    std::string text_;
};

using Write = void (*)(Writer&);

template <uint64_t SourceRegisters::*member>
void of_source(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) {
        const SourceRegisters* const registers = writer.figures().registers.find(source.id);
        writer.sample(of(source), registers != nullptr ? registers->*member : 0);
    }
}

template <uint64_t Registers::*member>
void of_client(Writer& writer) {
    writer.sample({}, writer.figures().registers.*member);
}

template <std::array<uint64_t, lane_roles> Registers::*member>
void of_lanes(Writer& writer) {
    for (size_t role = 0; role < lane_roles; ++role) {
        writer.sample(Labels().add("lane", name(static_cast<LaneRole>(role))),
                      (writer.figures().registers.*member)[role]);
    }
}

template <std::optional<uint64_t> Health::*member>
void of_health(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) writer.sample(of(source), source.health.*member);
}

void batches(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) {
        const SourceRegisters* const registers = writer.figures().registers.find(source.id);
        for (size_t reason = 0; reason < 3; ++reason) {
            writer.sample(of(source).add("reason", name(static_cast<FlushReason>(reason))),
                          registers != nullptr ? registers->batches[reason] : 0);
        }
    }
}

void delivery(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) {
        const SourceRegisters* const registers = writer.figures().registers.find(source.id);
        writer.sample(of(source), registers != nullptr ? registers->delivery : Histogram{});
    }
}

void held(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) writer.sample(of(source), source.health.held);
}

void oldest_pending(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) {
        if (!source.health.oldest_pending.has_value()) continue;
        writer.sample(of(source), in_seconds(static_cast<uint64_t>(source.health.oldest_pending->us)));
    }
}

void healthy(Writer& writer) {
    for (const Figures::Source& source : writer.figures().sources) {
        writer.sample(of(source), uint64_t{source.health.healthy ? 1U : 0U});
    }
}

void mode(Writer& writer) {
    for (const Delivery known : {Delivery::streams, Delivery::pubsub}) {
        writer.sample(Labels().add("mode", name(known)), uint64_t{writer.figures().mode == known ? 1U : 0U});
    }
}

void silence(Writer& writer) {
    if (!writer.figures().silence.has_value()) return;
    writer.sample({}, in_seconds(static_cast<uint64_t>(writer.figures().silence->us)));
}

void publish_latency(Writer& writer) {
    writer.sample({}, writer.figures().registers.publish);
}

struct Row {
    Metric metric;
    Write write;
};

constexpr std::string_view by_source = "source, stream, group";
using S = SourceRegisters;
using R = Registers;

constexpr std::array rows{
    Row{{"delivered_total", counter, by_source, "Entries handed to the application, each time.", ""},
        of_source<&S::delivered>},
    Row{{"redelivered_total", counter, by_source, "Entries handed over that had been delivered before.", ""},
        of_source<&S::redelivered>},
    Row{{"acked_total", counter, by_source, "Entries whose ack the server has answered.", ""}, of_source<&S::acked>},
    Row{{"claimed_total", counter, by_source, "Entries taken over from a consumer that had left them.", ""},
        of_source<&S::claimed>},
    Row{{"lost_total", counter, by_source, "Entries held here that became another consumer's, or are gone.", ""},
        of_source<&S::lost>},
    Row{{"dead_lettered_total", counter, by_source, "Entries written to a dead stream.", ""}, of_source<&S::dead>},
    Row{{"dead_letter_failures_total", counter, by_source, "Tries to write a dead letter that failed.", ""},
        of_source<&S::dead_failed>},
    Row{{"duplicates_total", counter, by_source, "Entries acked unseen, since their id had been acked before.", ""},
        of_source<&S::duplicates>},
    Row{{"too_large_total", counter, by_source, "Entries past max_message_bytes, which were not kept.", ""},
        of_source<&S::too_large>},
    Row{{"gaps_total", counter, by_source, "Interruptions in which a tail or subscription may have missed entries.",
         ""},
        of_source<&S::gaps>},
    Row{{"groups_recreated_total", counter, by_source, "Groups that were lost and made again.", ""},
        of_source<&S::groups_recreated>},
    Row{{"failures_total", counter, by_source, "Errors that a source has told of.", ""}, of_source<&S::failures>},
    Row{{"batches_total", counter, "source, stream, group, reason", "Batches handed over, by why.", ""}, batches},
    Row{{"delivery_seconds", histogram, by_source, "From an entry's arrival until it is handed over.", ""}, delivery},
    Row{{"held", gauge, by_source, "Entries read here and not settled.", ""}, held},
    Row{{"healthy", gauge, by_source, "1 when the source reads and the server was heard in time.", ""}, healthy},
    Row{{"stream_entries", gauge, by_source, "Entries in the streams, at the last look.", ""},
        of_health<&Health::stream_length>},
    Row{{"pending", gauge, by_source, "Entries pending in the whole group, at the last look.", ""},
        of_health<&Health::pending>},
    Row{{"lag", gauge, by_source, "Entries the group has not read, at the last look; from Redis 7.0 on.", ""},
        of_health<&Health::lag>},
    Row{{"oldest_pending_seconds", gauge, by_source, "Age of the oldest pending entry, by its id.", ""},
        oldest_pending},
    Row{{"published_total", counter, "", "Entries whose writing was confirmed.", "sink_events_total"},
        of_client<&R::published>},
    Row{{"publishes_total", counter, "", "Publishes that were answered, of one entry or many.", "sink_batch_total"},
        of_client<&R::publishes>},
    Row{{"publish_failures_total", counter, "", "Entries that were not written, or whose writing is not known.", ""},
        of_client<&R::publish_failed>},
    Row{{"publish_maybe_duplicates_total", counter, "", "Entries sent again after a lost reply.", ""},
        of_client<&R::maybe_duplicate>},
    Row{{"publish_seconds", histogram, "", "From a publish until all its results are there.", "sink_latency_seconds"},
        publish_latency},
    Row{{"", histogram, "", "publish_seconds, as a stage of a pipeline.", "stage_latency_seconds"}, publish_latency},
    Row{{"retries_total", counter, "", "Requests tried again after a delay.", ""}, of_client<&R::retries>},
    Row{{"disconnects_total", counter, "lane", "Connections that were lost or not made.", ""},
        of_lanes<&R::disconnects>},
    Row{{"reconnects_total", counter, "lane", "Lanes that came back after a loss.", ""}, of_lanes<&R::reconnects>},
    Row{{"mode_changes_total", counter, "", "Times that the server turned out to be of another kind.", ""},
        of_client<&R::mode_changes>},
    Row{{"mode", gauge, "mode", "1 for how sources are served.", ""}, mode},
    Row{{"server_silence_seconds", gauge, "", "Since the server was last heard.", ""}, silence},
};

constexpr auto public_rows = [] {
    std::array<Metric, rows.size()> metrics{};
    for (size_t i = 0; i < rows.size(); ++i) metrics[i] = rows[i].metric;
    return metrics;
}();

}  // namespace

std::string prometheus_text(const Figures& figures, const MetricsOptions& options) {
    Writer writer(figures, options);
    for (const Row& row : rows) {
        writer.begin(row.metric);
        row.write(writer);
    }
    return writer.take();
}

}  // namespace observe

std::span<const Metric> metric_table() {
    return observe::public_rows;
}

}  // namespace millrace
