#include "server/target.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/text.hpp"

namespace millrace::harness {

namespace fs = std::filesystem;

namespace {

std::optional<std::string> in_path(const std::string& program) {
    const char* path = std::getenv("PATH");
    // Debian keeps servers where the PATH of a plain user looks too; cron's and chroot's may not.
    for (const auto& folder : split(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ":")) {
        const fs::path candidate = fs::path(folder) / program;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
    }
    return std::nullopt;
}

std::vector<fs::path> cache_candidates() {
    std::vector<fs::path> folders;
    if (const char* moved = std::getenv("MILLRACE_CACHE"); moved != nullptr && *moved != '\0') {
        folders.emplace_back(moved);
        return folders;
    }
    std::error_code ignored;
    for (fs::path start : {fs::read_symlink("/proc/self/exe", ignored).parent_path(), fs::current_path(ignored)}) {
        for (; !start.empty(); start = start.parent_path()) {
            folders.push_back(start / ".cache");
            if (start == start.root_path()) break;
        }
    }
    return folders;
}

constexpr const char* known_servers =
    "redis-3.2, redis-5.0, redis-6.0, redis-6.2, redis-7.0, redis-8.0, redis-8.6, valkey-8.1, valkey-9";

}  // namespace

std::optional<std::string> cached_server(const std::string& name, std::optional<std::string>& absent) {
    for (const auto& cache : cache_candidates()) {
        const fs::path folder = cache / "servers" / name;
        std::error_code ignored;
        if (fs::exists(folder / "server", ignored)) return (folder / "server").string();
        if (fs::exists(folder / "absent", ignored)) {
            std::ifstream file(folder / "absent");
            std::string reason;
            std::getline(file, reason);
            absent = reason.empty() ? "no reason given" : reason;
            return std::nullopt;
        }
    }
    return std::nullopt;
}

std::vector<std::string> default_server_specs() {
    if (const char* given = std::getenv("MILLRACE_SERVERS"); given != nullptr) {
        auto specs = split(given, " ,\t\n");
        if (!specs.empty()) return specs;
    }
    if (const auto server = in_path("redis-server")) return {"local:" + *server};
    return {"local:redis-7.0"};
}

Target::Target(std::string spec, const std::string& run_id)
    : name_(std::move(spec)), prefix_("millrace-test-" + run_id + ":") {
    const std::string given = name_;
    const bool has_path = given.starts_with("local:") || given.starts_with("compose:");
    if (!has_path) name_ = Url::hidden(given);  // until it is taken apart
    try {
        if (given.find("://") != std::string::npos) {
            url_ = Url::parse(given);
            name_ = url_.shown();
        } else if (given.starts_with("compose:")) {
            url_.host = given.substr(8);
        } else if (given.starts_with("local:")) {
            start_local(given.substr(6));
            if (absent_) return;
        } else {
            throw std::runtime_error(
                "expected redis://…, rediss://…, unix://…, local:NAME, local:/path/to/redis-server or compose:NAME");
        }
        probe();
    } catch (const std::runtime_error& error) {
        throw std::runtime_error("server " + name_ + ": " + error.what());
    }
}

void Target::start_local(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        if (::access(name.c_str(), X_OK) != 0) throw std::runtime_error("there is no such executable");
        executable_ = name;
    } else {
        executable_ = cached_server(name, absent_);
        if (absent_) return;
        if (!executable_) {
            throw std::runtime_error("not fetched yet (./dev servers fetches " + std::string(known_servers) + ")");
        }
    }
    local_ = std::make_unique<LocalServer>(*executable_);
    url_ = local_->url();
}

void Target::probe() {
    Connection connection(url_);
    facts_ = probe_server(connection, prefix_);
}

ServerFacts probe_server(Connection& connection, const std::string& prefix) {
    ServerFacts facts;
    const Reply info = connection.command({"INFO", "server"});
    if (info.text.starts_with("NOAUTH")) throw std::runtime_error("it wants a password, and the URL has none");
    for (const auto& line : split(info.is_error() ? "" : info.text, "\r\n")) {
        if (line.starts_with("redis_version:")) {
            facts.compatible_major = std::atoi(line.c_str() + 14);
            if (facts.version.empty()) facts.version = line.substr(14);
        }
        if (line.starts_with("valkey_version:")) facts.version = line.substr(15);
        if (line == "server_name:valkey") facts.product = "valkey";
    }
    facts.major = std::atoi(facts.version.c_str());
    facts.streams = !connection.command({"XLEN", prefix + "probe"}).is_unknown_command();
    facts.acl = !connection.command({"ACL", "WHOAMI"}).is_error();
    // HELLO without arguments changes nothing on a connection.
    facts.hello = !connection.command({"HELLO"}).is_unknown_command();
    return facts;
}

std::vector<std::string> Target::remove_keys() {
    if (absent_) return {};
    Connection connection(url_);
    std::vector<std::string> left;
    // The first pass removes, the second one looks: a server may add while it is scanned.
    for (int pass = 0; pass < 2; ++pass) {
        left.clear();
        for (const auto& pattern : {prefix_ + "*", "{" + prefix_ + "*"}) {
            std::string cursor = "0";
            do {
                const Reply page = connection.command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
                if (page.is_error()) throw ServerError("keys can't be listed: " + excerpt(page.text));
                cursor = page.at(0).text;
                for (const auto& key : page.at(1).items) {
                    left.push_back(key.text);
                    if (pass == 0) connection.command({"DEL", key.text});
                }
            } while (cursor != "0" && !cursor.empty());
        }
    }
    return left;
}

}  // namespace millrace::harness
