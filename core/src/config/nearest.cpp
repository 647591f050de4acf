// Which known key a mistyped one was meant to be.
#include <algorithm>
#include <array>
#include <cstddef>

#include "config/keys.hpp"

namespace millrace {
namespace {

// Longer names are cut: what is compared is a mistyped key, not a text.
constexpr size_t compared_max = 48;

struct Folded {
    std::array<char, compared_max> text{};
    size_t size = 0;
};

Folded fold(std::string_view name) {
    Folded folded;
    for (const char c : name) {
        if (c == '_' || c == '-') continue;
        if (folded.size == compared_max) break;
        folded.text[folded.size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    }
    return folded;
}

// Levenshtein's distance, by rows.
size_t distance(const Folded& a, const Folded& b) {
    std::array<size_t, compared_max + 1> row{};
    for (size_t j = 0; j <= b.size; ++j) row[j] = j;
    for (size_t i = 1; i <= a.size; ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; ++j) {
            const size_t replaced = diagonal + (a.text[i - 1] == b.text[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size];
}

// Keeps the candidate that is nearest; of equals the first.
class Nearest {
  public:
    explicit Nearest(std::string_view name) : wanted_(fold(name)) {}
    void consider(std::string_view candidate) {
        const size_t found = distance(wanted_, fold(candidate));
        if (found >= best_distance_) return;
        best_distance_ = found;
        best_ = candidate;
    }
    [[nodiscard]] std::string_view best() const { return best_; }

  private:
    Folded wanted_;
    std::string_view best_;
    size_t best_distance_ = compared_max + 1;
};

}  // namespace

std::string_view nearest_key(std::string_view name) {
    Nearest nearest(name);
    for (const KeyRow& row : key_rows()) nearest.consider(row.key.name);
    return nearest.best();
}

std::string_view nearest_of(std::string_view name, std::span<const std::string_view> words) {
    Nearest nearest(name);
    for (const std::string_view word : words) nearest.consider(word);
    return nearest.best();
}

}  // namespace millrace
