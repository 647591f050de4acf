#include "report/file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace millrace::harness {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
    throw std::runtime_error("report " + path.string() + " could not be written: " + std::strerror(error));
}

}  // namespace

void write_file(const std::filesystem::path& path, std::string_view content) {
    // Under another name first: an old report is better than half a new one.
    const std::filesystem::path part = path.string() + ".part";
    std::FILE* file = std::fopen(part.c_str(), "we");
    if (file == nullptr) fail(path, errno);
    int error = 0;
    if (std::fwrite(content.data(), 1, content.size(), file) != content.size()) error = errno;
    if (error == 0 && std::fflush(file) != 0) error = errno;
    if (error == 0 && ::fsync(::fileno(file)) != 0 && errno != EINVAL) error = errno;
    if (std::fclose(file) != 0 && error == 0) error = errno;
    if (error == 0 && std::rename(part.c_str(), path.c_str()) != 0) error = errno;
    if (error != 0) {
        ::unlink(part.c_str());
        fail(path, error);
    }
}

void prepare_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || !std::filesystem::is_directory(folder)) {
        throw std::runtime_error("report folder " + folder.string() +
                                 " could not be made: " + (error ? error.message() : std::string("it is no folder")));
    }
    const auto trial = folder / "report.json.part";
    write_file(trial, "{}\n");
    std::filesystem::remove(trial, error);
}

}  // namespace millrace::harness
