// Prints the options of the npm package, as TypeScript, from the table of configuration keys.
#pragma once

#include <iosfwd>

/// False when the table no longer has a key at which one of the interfaces begins.
[[nodiscard]] bool print_options(std::ostream& out);
