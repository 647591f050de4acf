// Writes a file whole or says why not: a full disk must not pass for a report.
#pragma once

#include <filesystem>
#include <string_view>

namespace millrace::harness {

// Throws std::runtime_error with one line that names the file and the reason.
void write_file(const std::filesystem::path& path, std::string_view content);
// Makes the folder and sees that it can be written to, before hours are spent on what can't be kept.
void prepare_folder(const std::filesystem::path& folder);

}  // namespace millrace::harness
