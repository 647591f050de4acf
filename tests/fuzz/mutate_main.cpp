// Runs a fuzz target without libFuzzer: over the files of a corpus, then over seeded mutations of them, the same on
// every machine.
//
//     decode-fuzz CORPUS [COUNT [FIRST]]      inputs FIRST … FIRST + COUNT - 1; what fails prints its number
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using millrace::Prng;

uint64_t current = 0;
const char* corpus_path = "";

void tell_current() {
    std::fprintf(stderr, "input %llu failed; repeat: decode-fuzz %s 1 %llu\n", static_cast<unsigned long long>(current),
                 corpus_path, static_cast<unsigned long long>(current));
}
void handle_signal(int) {
    tell_current();
    std::_Exit(1);
}

void mutate_once(std::string& text, const std::vector<std::string>& corpus, Prng& prng) {
    const auto at = [&prng](size_t size) { return static_cast<size_t>(prng.below(size)); };
    constexpr std::string_view bytes("*$%>~:+-_#,=(|0123456789\r\n\0\xff", 28);
    const size_t here = at(text.size() + 1);
    const size_t length = std::min(text.size() - here, at(16));
    switch (prng.below(8)) {
        case 0:
            text.insert(here, 1, bytes[at(bytes.size())]);
            break;
        case 1:
            if (here < text.size()) text[here] = bytes[at(bytes.size())];
            break;
        case 2:
            text.erase(here, length);
            break;
        case 3:
            text.insert(here, text.substr(here, length));
            break;
        case 4:
            text.resize(here);
            break;
        case 5: {
            const std::string& other = corpus[at(corpus.size())];
            text.insert(here, other.substr(std::min<size_t>(1, other.size()), at(other.size() + 1)));
            break;
        }
        case 6: {
            constexpr const char* numbers[] = {
                "0", "-1", "-2", "1", "2", "4096", "4097", "1000000000", "9223372036854775807"};
            const size_t digit = text.find_first_of("0123456789", here);
            if (digit != std::string::npos) text.replace(digit, 1, numbers[at(std::size(numbers))]);
            break;
        }
        default:
            if (!text.empty()) text[0] = static_cast<char>(prng.below(256));
    }
}

std::string input(uint64_t number, const std::vector<std::string>& corpus) {
    if (number < corpus.size()) return corpus[number];
    Prng prng(millrace::Seed128{number, 0});
    std::string text = corpus[prng.below(corpus.size())];
    for (uint64_t i = 0; i <= prng.below(6); ++i) mutate_once(text, corpus, prng);
    if (text.size() > 20'000) text.resize(20'000);
    return text;
}

std::vector<std::string> read_corpus(const char* path) {
    std::vector<std::filesystem::path> files;
    for (const auto& file : std::filesystem::directory_iterator(path)) files.push_back(file.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> corpus;
    for (const auto& file : files) {
        std::string text(std::filesystem::file_size(file), '\0');
        std::ifstream(file, std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
        corpus.push_back(std::move(text));
    }
    return corpus;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 4) {
        std::fputs("usage: decode-fuzz CORPUS [COUNT [FIRST]]\n", stderr);
        return 2;
    }
    corpus_path = argv[1];
    const std::vector<std::string> corpus = read_corpus(corpus_path);
    if (corpus.empty()) {
        std::fprintf(stderr, "%s holds no files\n", corpus_path);
        return 2;
    }
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(tell_current);
    std::signal(SIGABRT, handle_signal);
    const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : corpus.size();
    const uint64_t first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
    for (current = first; current < first + count; ++current) {
        const std::string text = input(current, corpus);
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    }
    std::printf("%llu inputs\n", static_cast<unsigned long long>(count));
    return 0;
}
