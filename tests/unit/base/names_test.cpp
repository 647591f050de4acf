// The words by which events name their enumerations are part of the agent protocol, so each is pinned here.
#include <gtest/gtest.h>

#include "millrace/event.hpp"

namespace millrace {
namespace {

TEST(Names, OfDeliveries) {
    EXPECT_EQ(name(Delivery::streams), "streams");
    EXPECT_EQ(name(Delivery::pubsub), "pubsub");
    EXPECT_EQ(name(Delivery::tail), "tail");
}

TEST(Names, OfFlushReasons) {
    EXPECT_EQ(name(FlushReason::size), "size");
    EXPECT_EQ(name(FlushReason::flush), "flush");
    EXPECT_EQ(name(FlushReason::recovery), "recovery");
}

TEST(Names, OfLogLevels) {
    EXPECT_EQ(name(LogLevel::debug), "debug");
    EXPECT_EQ(name(LogLevel::info), "info");
    EXPECT_EQ(name(LogLevel::warn), "warn");
    EXPECT_EQ(name(LogLevel::error), "error");
}

TEST(Names, OfLaneRoles) {
    EXPECT_EQ(name(LaneRole::read), "read");
    EXPECT_EQ(name(LaneRole::control), "control");
    EXPECT_EQ(name(LaneRole::publish), "publish");
    EXPECT_EQ(name(LaneRole::push), "push");
    EXPECT_EQ(name(LaneRole::probe), "probe");
}

TEST(Names, OfDisconnectReasons) {
    EXPECT_EQ(name(DisconnectReason::closed), "closed");
    EXPECT_EQ(name(DisconnectReason::dropped), "dropped");
    EXPECT_EQ(name(DisconnectReason::refused), "refused");
    EXPECT_EQ(name(DisconnectReason::reset), "reset");
    EXPECT_EQ(name(DisconnectReason::unreachable), "unreachable");
    EXPECT_EQ(name(DisconnectReason::dns), "dns");
    EXPECT_EQ(name(DisconnectReason::timeout), "timeout");
    EXPECT_EQ(name(DisconnectReason::tls_expired), "tls_expired");
    EXPECT_EQ(name(DisconnectReason::tls_unknown_authority), "tls_unknown_authority");
    EXPECT_EQ(name(DisconnectReason::tls_wrong_host), "tls_wrong_host");
    EXPECT_EQ(name(DisconnectReason::tls_certificate_wanted), "tls_certificate_wanted");
    EXPECT_EQ(name(DisconnectReason::tls_failed), "tls_failed");
}

}  // namespace
}  // namespace millrace
