#include "base/temp_dir.hpp"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace millrace::harness {

namespace {

struct Folders {
    std::mutex mutex;
    std::set<std::filesystem::path> paths;
};

// Never destroyed: whoever removes all of them may outlive static destruction.
Folders& folders() {
    static Folders* const all = new Folders;
    return *all;
}

}  // namespace

TempDir::TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary directory " + name + ": " + std::strerror(errno));
    }
    path_ = name;
    const std::lock_guard lock(folders().mutex);
    folders().paths.insert(path_);
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    const std::lock_guard lock(folders().mutex);
    folders().paths.erase(path_);
}

void TempDir::remove_all() {
    const std::lock_guard lock(folders().mutex);
    std::error_code ignored;
    for (const auto& path : folders().paths) std::filesystem::remove_all(path, ignored);
}

}  // namespace millrace::harness
