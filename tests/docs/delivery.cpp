// Prints docs/delivery.md from the specification and the cases of the harness: `millrace-docs-delivery delivery`.
#include <iostream>
#include <string_view>

#include "base/text.hpp"
#include "cases/table.hpp"
#include "spec/spec.hpp"

using namespace millrace::harness;

namespace {

constexpr std::string_view head =
    R"(# What delivery means

<!-- Printed from harness/src/spec and the cases by millrace-docs-delivery. Change those, then: cmake --build <build directory> --target update-docs -->

What a consumer of Redis Streams owes to those who trust it with their entries, a numbered line for each promise. millrace keeps them; the
[harness](../harness/README.md) holds any consumer to them, on every server it knows: its cases, its findings and the comments in this
code name the lines. A line is a MUST unless it says SHOULD, whose miss is NON-STRICT. `millrace-harness spec REC-1` prints one.

- An entry is **held** by a process that has read it and has not settled it: buffered, handed over, or nacked and waiting for its delay.
- It is **settled** when its ack was answered, when it is in the dead stream, released to others, or lost to them.
- Its **deliveries** count the present one: 1 when it comes for the first time.
- **Released** means that it stays pending, and another consumer of the group may take it at once.
- A **tombstone** is the id of an entry that is pending and was deleted from its stream.

The keys in `monospace` are those of [configuration.md](configuration.md).
)";

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || std::string_view(argv[1]) != "delivery") {
        std::cerr << "usage: millrace-docs-delivery delivery\n";
        return 2;
    }
    std::cout << head;
    for (const SpecSection& section : specification()) {
        std::cout << "\n## " << section.title << '\n';
        for (const SpecLine& line : section.lines) {
            const auto ids = cases_for(line.id);
            std::cout << "\n<a id=\"" << line.id << "\"></a>**" << line.id << "** " << line.text << "  \n<sub>";
            if (ids.empty()) {
                std::cout << "Shown by " << line.shown_by;
            } else {
                std::cout << join(ids, " · ");
            }
            std::cout << "</sub>\n";
        }
    }
    return std::cout.flush() ? 0 : 1;
}
