#include "run_harness.hpp"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <optional>

#include "server/target.hpp"

namespace millrace::harness {

const nlohmann::json& Ran::result(const std::string& case_id) const {
    static const nlohmann::json none = nlohmann::json::object();
    if (!report.contains("results")) return none;
    for (const auto& item : report["results"]) {
        if (item["case"] == case_id) return item;
    }
    return none;
}

std::string Ran::verdict(const std::string& case_id) const {
    return result(case_id).value("verdict", "none");
}

bool Ran::names(const std::string& case_id, const std::string& spec) const {
    for (const auto& finding : result(case_id).value("detail", nlohmann::json::array())) {
        if (finding["spec"] == spec) return true;
    }
    return false;
}

std::string server_executable() {
    const std::string name = default_server_specs().front().substr(std::string("local:").size());
    if (name.find('/') != std::string::npos) return name;
    std::optional<std::string> absent;
    return cached_server(name, absent).value_or("redis-server");
}

Ran run_harness(const std::string& arguments, const std::string& before) {
    const TempDir folder;
    std::string command = before + "'" + MILLRACE_HARNESS + "' " + arguments;
    if (arguments.starts_with("run") && arguments.find("--report") == std::string::npos) {
        command += " --report='" + folder.path().string() + "'";
    }
    command += " 2>&1";
    Ran ran;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return ran;
    std::array<char, 4096> buffer{};
    for (size_t got = 1; got > 0;) {
        got = std::fread(buffer.data(), 1, buffer.size(), pipe);
        ran.output.append(buffer.data(), got);
    }
    const int status = ::pclose(pipe);
    ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::ifstream file(folder.path() / "report.json");
    if (file) ran.report = nlohmann::json::parse(file, nullptr, false);
    return ran;
}

}  // namespace millrace::harness
