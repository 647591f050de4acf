#include <algorithm>
#include <string>
#include <vector>

#include "agent/capability.hpp"
#include "agent/protocol.hpp"
#include "base/text.hpp"
#include "cases/table.hpp"
#include "cli/commands.hpp"

namespace millrace::harness {

int list_command(const Arguments& arguments) {
    if (arguments.at("--json").asBool()) {
        Json list = Json::array();
        for (const auto& row : cases()) {
            list.push_back({{"id", row.id},
                            {"title", row.title},
                            {"spec", row.spec},
                            {"needs", row.needs},
                            {"class", name_of(row.case_class)}});
        }
        print(list.dump(1) + "\n");
        return 0;
    }
    std::string text;
    size_t id_width = 0;
    for (const auto& row : cases()) id_width = std::max(id_width, row.id.size());
    for (const auto& row : cases()) {
        std::string id(row.id);
        id.resize(id_width + 2, ' ');
        std::vector<std::string> spec(row.spec.begin(), row.spec.end());
        text += id + row.title.data() + " [" + join(spec, ", ") + "]\n";
    }
    text += "\nCapabilities of agents:\n";
    for (const auto& capability : capabilities()) {
        std::string name(capability.name);
        name.resize(12, ' ');
        text += "  " + name + std::string(capability.means) + "\n";
    }
    print(text);
    return 0;
}

}  // namespace millrace::harness
