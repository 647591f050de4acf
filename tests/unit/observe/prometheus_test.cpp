// OBS-1: what is counted, and how the text looks.
#include "observe/prometheus.hpp"

#include <gtest/gtest.h>

#include <set>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// The samples of one name, without its head.
std::string samples(const std::string& text, const std::string& name) {
    std::string found;
    for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        if (line.rfind(name + "{", 0) == 0 || line.rfind(name + " ", 0) == 0) found += line + "\n";
        at = end + 1;
    }
    return found;
}

std::string metrics(const ScriptedHost& host, const MetricsOptions& options = {}) {
    return host.machine.metrics(options, host.now());
}

const std::string labels = R"({source="1",stream="s",group="g"})";

TEST(Metrics, CountWhatWasDeliveredAndAcked) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    host.wait(2000);
    ASSERT_TRUE(host.ack(1, {0, 2}).ok());
    EXPECT_EQ(samples(metrics(host), "millrace_acked_total"), "millrace_acked_total" + labels + " 0\n");
    host.reply("control", integer(2));
    const std::string text = metrics(host);
    EXPECT_EQ(samples(text, "millrace_delivered_total"), "millrace_delivered_total" + labels + " 3\n");
    EXPECT_EQ(samples(text, "millrace_redelivered_total"), "millrace_redelivered_total" + labels + " 0\n");
    EXPECT_EQ(samples(text, "millrace_acked_total"), "millrace_acked_total" + labels + " 2\n");
    EXPECT_EQ(samples(text, "millrace_held"), "millrace_held" + labels + " 1\n");
    EXPECT_EQ(samples(text, "millrace_healthy"), "millrace_healthy" + labels + " 1\n");
    const std::string own = R"(millrace_batches_total{source="1",stream="s",group="g",reason=")";
    EXPECT_EQ(samples(text, "millrace_batches_total"),
              own + "size\"} 0\n" + own + "flush\"} 1\n" + own + "recovery\"} 0\n");
}

/// Over a label that is no UTF-8 a scraper refuses the whole text.
TEST(Metrics, AreUtf8WhateverBytesAStreamIsNamedBy) {
    ScriptedHost host;
    host.open(source_of({"a\xff\n\"", "b"}));
    SourceConfig second = source_of({"a\xff\n\""});
    second.consumer = "another";
    host.open(second);
    host.open(source_of({"\xc3\xbc"}));
    EXPECT_EQ(samples(metrics(host), "millrace_held"),
              R"(millrace_held{source="1",stream="2 streams",group="g"} 0)"
              "\n"
              R"(millrace_held{source="2",stream="a\\xff\n\"",group="g"} 0)"
              "\n"
              "millrace_held{source=\"3\",stream=\"\xc3\xbc\",group=\"g\"} 0\n");
}

TEST(Metrics, MeasureHowLongEntriesWaitToBeHandedOver) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0", "2-0"}));
    host.wait(2000);
    const std::string text = metrics(host);
    const std::string own = R"(source="1",stream="s",group="g")";
    EXPECT_EQ(samples(text, "millrace_delivery_seconds_sum"), "millrace_delivery_seconds_sum{" + own + "} 4\n");
    EXPECT_EQ(samples(text, "millrace_delivery_seconds_count"), "millrace_delivery_seconds_count{" + own + "} 2\n");
    EXPECT_NE(text.find("millrace_delivery_seconds_bucket{" + own + ",le=\"1\"} 0\n"), std::string::npos);
    EXPECT_NE(text.find("millrace_delivery_seconds_bucket{" + own + ",le=\"2.5\"} 2\n"), std::string::npos);
    EXPECT_NE(text.find("millrace_delivery_seconds_bucket{" + own + ",le=\"0.00005\"} 0\n"), std::string::npos);
    EXPECT_NE(text.find("millrace_delivery_seconds_bucket{" + own + ",le=\"+Inf\"} 2\n"), std::string::npos);
}

TEST(Metrics, MeasurePublishesUntilTheyAreAnswered) {
    ScriptedHost host;
    ASSERT_TRUE(host.publish("s", {"a", "b"}).ok());
    host.greet("publish");
    host.wait(3);
    host.reply("publish", bulk("1-0"));
    host.reply("publish", error("OOM command not allowed when used memory > 'maxmemory'."));
    const std::string text = metrics(host);
    EXPECT_EQ(samples(text, "millrace_published_total"), "millrace_published_total 1\n");
    EXPECT_EQ(samples(text, "millrace_publish_failures_total"), "millrace_publish_failures_total 1\n");
    EXPECT_EQ(samples(text, "millrace_publish_seconds_sum"), "millrace_publish_seconds_sum 0.003\n");
    EXPECT_EQ(samples(text, "millrace_publish_seconds_count"), "millrace_publish_seconds_count 1\n");
}

TEST(Metrics, CountLossesOfConnections) {
    ScriptedHost host;
    consume(host);
    host.lost("control");
    host.wait(100);
    host.greet("control");
    const std::string text = metrics(host);
    EXPECT_NE(text.find("millrace_disconnects_total{lane=\"control\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("millrace_reconnects_total{lane=\"control\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("millrace_reconnects_total{lane=\"read\"} 0\n"), std::string::npos);
}

TEST(Metrics, HaveNoSamplesOfASourceThatWasClosed) {
    ScriptedHost host;
    const SourceId source = consume(host);
    ASSERT_TRUE(host.close(source).ok());
    host.reply("control", integer(1));  // the read is unblocked
    host.reply("read", null());
    EXPECT_EQ(samples(metrics(host), "millrace_delivered_total"), "");
}

TEST(Metrics, EscapeWhatAStreamIsCalled) {
    ScriptedHost host;
    host.open(source_of({"a\"b\\c\nd"}));
    EXPECT_NE(metrics(host).find(R"(stream="a\"b\\c\nd")"), std::string::npos);
}

TEST(Metrics, AreKnownByOtherNamesToo) {
    ScriptedHost host;
    consume(host);
    MetricsOptions options;
    options.names = MetricNames::redis_streams;
    EXPECT_EQ(samples(metrics(host, options), "redis_streams_delivered_total"),
              "redis_streams_delivered_total" + labels + " 0\n");
    options = {MetricNames::deltaforge, "orders", "redis"};
    const std::string text = metrics(host, options);
    EXPECT_EQ(samples(text, "deltaforge_sink_events_total"),
              "deltaforge_sink_events_total{pipeline=\"orders\",sink=\"redis\"} 0\n");
    EXPECT_EQ(samples(text, "deltaforge_stage_latency_seconds_count"),
              "deltaforge_stage_latency_seconds_count{pipeline=\"orders\",stage=\"sink\"} 0\n");
    EXPECT_NE(text.find("deltaforge_sink_latency_seconds_bucket{pipeline=\"orders\",sink=\"redis\",le=\"0.5\"} 0\n"),
              std::string::npos);
    EXPECT_EQ(text.find("millrace_"), std::string::npos);
}

/// Prometheus' own rules: a head before the samples, each name once, counters end in _total, and none else does.
TEST(Metrics, AreATableWithoutContradictions) {
    std::set<std::string_view> names;
    for (const Metric& metric : metric_table()) {
        EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
        const bool is_total = metric.name.size() > 6 && metric.name.substr(metric.name.size() - 6) == "_total";
        EXPECT_EQ(is_total, metric.type == MetricType::counter) << metric.name;
        EXPECT_EQ(metric.help.back(), '.') << metric.name;
    }
}

}  // namespace
}  // namespace millrace::test
