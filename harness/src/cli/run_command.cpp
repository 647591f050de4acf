#include <filesystem>
#include <random>
#include <stdexcept>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "cases/table.hpp"
#include "cli/commands.hpp"
#include "report/file.hpp"
#include "report/reports.hpp"
#include "report/terminal.hpp"
#include "run/config_file.hpp"
#include "run/runner.hpp"

namespace millrace::harness {

namespace {

std::vector<const Case*> chosen_cases(const std::vector<std::string>& globs) {
    std::vector<const Case*> chosen;
    std::vector<bool> used(globs.size());
    for (const auto& row : cases()) {
        bool wanted = globs.empty();
        const std::string_view area = row.id.substr(0, row.id.find('/'));
        for (size_t i = 0; i < globs.size(); ++i) {
            if (!matches_glob(globs[i], row.id) && !matches_glob(globs[i], area)) continue;
            used[i] = true;
            wanted = true;
        }
        if (wanted) chosen.push_back(&row);
    }
    for (size_t i = 0; i < globs.size(); ++i) {
        if (used[i]) continue;
        std::vector<std::string> names;
        for (const auto& row : cases()) {
            names.emplace_back(row.id);
            names.emplace_back(row.id.substr(0, row.id.find('/')));
        }
        const auto near = nearest(globs[i], names);
        throw std::runtime_error("--scenario=" + globs[i] + " fits no case" +
                                 (near ? "; did you mean " + *near + "?" : " (millrace-harness list shows them)"));
    }
    return chosen;
}

uint64_t seed_option(const Arguments& arguments) {
    if (!arguments.at("--seed")) {
        std::random_device device;
        return device();
    }
    return static_cast<uint64_t>(number_option(arguments, "--seed", 0, INT64_MAX));
}

RunOptions options_of(const Arguments& arguments) {
    RunOptions options;
    options.agents = list_option(arguments, "--agent");
    options.servers = list_option(arguments, "--server");
    if (options.servers.empty()) options.servers = default_server_specs();
    options.cases = chosen_cases(list_option(arguments, "--scenario"));
    if (arguments.at("--config")) {
        options.config_path = arguments.at("--config").asString();
        options.config = read_config_file(options.config_path);
    }
    options.seed = seed_option(arguments);
    options.rounds = static_cast<int>(number_option(arguments, "--rounds", 1, 1'000'000));
    options.jobs = static_cast<int>(number_option(arguments, "--jobs", 1, 1000));
    options.time_limit = 1s * number_option(arguments, "--timeout", 1, 86'400);
    return options;
}

int exit_code_of(const Report& report, bool strict) {
    if (report.number_of(Verdict::Failed) > 0) return 1;
    if (strict && report.number_of(Verdict::NonStrict) > 0) return 1;
    if (report.number_of(Verdict::Unsupported) == report.results.size()) return 2;
    return 0;
}

}  // namespace

int run_command(const Arguments& arguments) {
    const bool quiet = arguments.at("--quiet").asBool();
    const RunOptions options = options_of(arguments);
    const std::filesystem::path folder = arguments.at("--report").asString();
    prepare_folder(folder);

    const Report report = run(options, terminal_progress(quiet));
    end_progress(quiet);
    // Before anything is printed: whoever reads the table may close the pipe behind its first lines.
    write_file(folder / "report.json", report_json(report));
    write_file(folder / "junit.xml", report_junit(report));
    write_file(folder / "report.html", report_html(report));
    print(summary_text(report) +
          "report: " + std::filesystem::absolute(folder / "report.html").lexically_normal().string() + "\n");
    if (!report.troubles.empty()) throw std::runtime_error(join(report.troubles, "\n"));
    const int code = exit_code_of(report, arguments.at("--strict").asBool());
    if (code == 2) throw std::runtime_error("no case applied: see the reasons in " + (folder / "report.json").string());
    return code;
}

}  // namespace millrace::harness
