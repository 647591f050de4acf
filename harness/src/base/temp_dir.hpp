// A directory that is gone when its owner is, or when the process must end before that.
#pragma once

#include <filesystem>

namespace millrace::harness {

class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    // Every one that there is: their owners will have no time for it.
    static void remove_all();

  private:
    std::filesystem::path path_;
};

}  // namespace millrace::harness
