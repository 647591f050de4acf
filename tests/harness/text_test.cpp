#include "base/text.hpp"

#include <gtest/gtest.h>

#include "history/history.hpp"
#include "server/url.hpp"

namespace millrace::harness {
namespace {

TEST(Text, Base64RoundTrips) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
        bytes += static_cast<char>(i);
    }
    EXPECT_EQ(base64_encode("\xff\xfe"), "//4=");
    EXPECT_FALSE(base64_decode("a").has_value());
    EXPECT_FALSE(base64_decode("!!!!").has_value());
}

TEST(Text, KnowsUtf8) {
    EXPECT_TRUE(is_utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
    EXPECT_FALSE(is_utf8("\xff"));
    EXPECT_FALSE(is_utf8("\xc3"));
    EXPECT_FALSE(is_utf8("\xc0\x80"));
    EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
    EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
}

TEST(Text, NearestIsNearEnough) {
    EXPECT_EQ(nearest("recovry", {"burst", "recovery"}), "recovery");
    EXPECT_EQ(nearest("xyzzy", {"burst", "recovery"}), std::nullopt);
}

TEST(Text, Durations) {
    EXPECT_EQ(parse_duration("300ms"), Duration(300ms));
    EXPECT_EQ(parse_duration("2s"), Duration(2s));
    EXPECT_EQ(parse_duration("5m"), Duration(5min));
    for (const char* wrong : {"", "5", "s", "5 parsecs", "-5s"})
        EXPECT_FALSE(parse_duration(wrong).has_value()) << wrong;
}

TEST(Text, ExcerptIsOneLine) {
    EXPECT_EQ(excerpt("a\nb"), "a\\x0ab");
    EXPECT_EQ(excerpt(std::string(500, 'x')).size(), 120 + std::string("…").size());
}

TEST(Text, ExcerptCutsBetweenCharacters) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "\xe2\x82\xac";
    for (size_t length = 1; length < 20; ++length) EXPECT_TRUE(is_utf8(excerpt(text, length))) << length;
    EXPECT_EQ(excerpt(text, 4), "\xe2\x82\xac\xe2\x82\xac…");
    EXPECT_TRUE(excerpt(std::string(500, '\xff')).starts_with("(binary) "));
    EXPECT_TRUE(excerpt(std::string(500, '\x80')).starts_with("(binary) "));
}

TEST(Text, IsMadeOfAnyBytes) {
    const std::string whole = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    EXPECT_EQ(to_utf8(whole), whole);
    EXPECT_EQ(to_utf8("\xa4"
                      "b\xe2\x82"),
              "\xef\xbf\xbd"
              "b\xef\xbf\xbd\xef\xbf\xbd");
    std::string all;
    for (int i = 0; i < 70'000; ++i) all += static_cast<char>(i * 7);
    EXPECT_TRUE(is_utf8(to_utf8(all)));
}

TEST(Text, WordsOfTheShell) {
    EXPECT_EQ(shell_word("recovery/1-sigkill"), "recovery/1-sigkill");
    EXPECT_EQ(shell_word(""), "''");
    EXPECT_EQ(shell_word("a b"), "'a b'");
    EXPECT_EQ(shell_word("it's (#1)"), R"('it'\''s (#1)')");
    for (const char* special : {"~", "a\\", "a!", "[a]", "{a,b}", "a\nb"}) {
        EXPECT_EQ(shell_word(special), "'" + std::string(special) + "'");
    }
}

TEST(EntryIds, Parse) {
    EXPECT_EQ(EntryId::parse("12-3"), (EntryId{12, 3}));
    EXPECT_LT(*EntryId::parse("9-1"), *EntryId::parse("10-0"));
    for (const char* wrong : {"", "12", "12-", "-3", "a-b", "1-2-3", "18446744073709551616-0"}) {
        EXPECT_FALSE(EntryId::parse(wrong).has_value()) << wrong;
    }
}

TEST(Urls, HideWhoLogsInHoweverWrongTheyAre) {
    EXPECT_EQ(Url::hidden("redis://ann:s3cret@host:99999"), "redis://***@host:99999");
    EXPECT_EQ(Url::hidden("redis:/ann:s3@cret@host"), "redis:/***@host");
    EXPECT_EQ(Url::hidden(":s3cret@host"), ":***@host");
    EXPECT_EQ(Url::hidden("s3cret@host"), "***@host");
    EXPECT_EQ(Url::hidden("redis://localhost:1"), "redis://localhost:1");
}

TEST(Urls, ParseAndShow) {
    const Url url = Url::parse("redis://ann:s%40cret@example.org:7000/3");
    EXPECT_EQ(url.host, "example.org");
    EXPECT_EQ(url.port, 7000);
    EXPECT_EQ(url.username, "ann");
    EXPECT_EQ(url.password, "s@cret");
    EXPECT_EQ(url.database, 3);
    EXPECT_EQ(url.text(), "redis://ann:s%40cret@example.org:7000/3");
    EXPECT_EQ(url.shown(), "redis://ann:***@example.org:7000/3");
    EXPECT_EQ(Url::parse("redis://").text(), "redis://localhost:6379");
    EXPECT_EQ(Url::parse("redis://[::1]:7000").host, "::1");
}

TEST(Urls, KnowTlsAndUnixSockets) {
    const Url tls = Url::parse("rediss://ann:s@example.org:7000/3?tls.ca=/etc/my%20ca.pem&password=x");
    EXPECT_EQ(tls.scheme, Url::Scheme::Tls);
    EXPECT_EQ(tls.port, 7000);
    EXPECT_EQ(tls.database, 3);
    EXPECT_EQ(tls.option("tls.ca"), "/etc/my ca.pem");
    EXPECT_EQ(tls.option("tls.cert"), "");
    EXPECT_EQ(tls.text(), "rediss://ann:s@example.org:7000/3?tls.ca=/etc/my%20ca.pem&password=x");
    EXPECT_EQ(tls.shown(), "rediss://ann:***@example.org:7000/3");
    const Url unix_socket = Url::parse("unix://:s@/run/redis.sock");
    EXPECT_EQ(unix_socket.scheme, Url::Scheme::Unix);
    EXPECT_EQ(unix_socket.path, "/run/redis.sock");
    EXPECT_EQ(unix_socket.password, "s");
    EXPECT_EQ(unix_socket.text(), "unix://:s@/run/redis.sock");
}

TEST(Urls, RefuseWhatIsNone) {
    for (const char* wrong : {"http://x", "redis://x:0", "redis://x:70000", "redis://x:abc", "redis://x/abc",
                              "redis://[::1", "unix://x", "unix:", ""}) {
        EXPECT_THROW(Url::parse(wrong), std::runtime_error) << wrong;
    }
}

}  // namespace
}  // namespace millrace::harness
