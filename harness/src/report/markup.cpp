#include "report/markup.hpp"

#include "base/text.hpp"

namespace millrace::harness {

std::string html(std::string_view bytes) {
    std::string out;
    for (const char c : to_utf8(bytes)) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string xml(std::string_view bytes) {
    std::string out = html(bytes);
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') c = ' ';
    }
    for (const std::string_view none : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
        for (size_t at = out.find(none); at != std::string::npos; at = out.find(none, at))
            out.replace(at, 3, "\xef\xbf\xbd");
    }
    return out;
}

}  // namespace millrace::harness
