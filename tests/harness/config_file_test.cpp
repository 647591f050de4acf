// The file of `run --config`: YAML and JSON say the same, and what is wrong with one is told in one line without its
// text.
#include "run/config_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>

#include "base/temp_dir.hpp"

namespace millrace::harness {
namespace {

class ConfigFile : public testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = (folder_.path() / name).string();
        std::ofstream(path) << text;
        return path;
    }
    std::string refusal(const std::string& name, const std::string& text) const {
        try {
            read_config_file(write(name, text));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        ADD_FAILURE() << text;
        return "";
    }
    TempDir folder_;
};

TEST_F(ConfigFile, YamlAndJsonSayTheSame) {
    const Json expected = {{"batch_size", 5}, {"flush_interval", "2s"}, {"delete_acked", true}, {"id_field", "7"}};
    EXPECT_EQ(read_config_file(write("a.yaml",
                                     "batch_size: 5\nflush_interval: 2s\ndelete_acked: true\n"
                                     "id_field: '7'\n")),
              expected);
    EXPECT_EQ(read_config_file(write("a.json", expected.dump())), expected);
}

TEST_F(ConfigFile, OfAWholeFileOnlyWhatNoCaseChoosesIsTaken) {
    const std::string text = R"(
api: {enableNotifications: true}
synchronization:
  pubsub:
    redis:
      host: production:6379
      auth_token: hunter2
      batch_size: 5
      max_retries: 3
  notification: {enable: true, default: redis-streams}
)";
    EXPECT_EQ(read_config_file(write("whole.yml", text)),
              (Json{{"batch_size", 5}, {"max_retries", 3}, {"mode", "streams"}}));
}

TEST_F(ConfigFile, WhatIsWrongIsToldInOneLineWithoutItsText) {
    const std::pair<const char*, const char*> rows[] = {
        {"a: b: hunter2\n", "line 1: is no YAML: illegal map value"},
        {"x: 1\npassword: *hunter2\n", "line 2: is no YAML: the referenced anchor is not defined"},
        {"- hunter2\n", "is no object of configuration keys"},
        {"a: 1\na: hunter2\n", "line 2: a is given twice"},
        {"  \n", "is empty"},
        {"synchronization: hunter2\n", "synchronization is no section"},
    };
    for (const auto& [text, words] : rows) {
        const std::string told = refusal("b.yaml", text);
        EXPECT_EQ(told.find("hunter2"), std::string::npos) << told;
        EXPECT_TRUE(told.ends_with(words)) << told;
        EXPECT_EQ(told.find('\n'), std::string::npos) << told;
    }
    EXPECT_TRUE(refusal("c.json", "{\"a\": hunter2}").ends_with("is no JSON"));
}

}  // namespace
}  // namespace millrace::harness
