#include "cases/case.hpp"

namespace millrace::harness {

std::string_view name_of(CaseClass case_class) {
    switch (case_class) {
        case CaseClass::Streams:
            return "streams";
        case CaseClass::PubSub:
            return "pubsub";
        case CaseClass::Tail:
            return "tail";
        case CaseClass::Publish:
            return "publish";
        case CaseClass::Config:
            return "config";
        case CaseClass::Security:
            return "security";
        case CaseClass::Observe:
            return "observe";
        case CaseClass::Sink:
            return "sink";
    }
    return "streams";
}

}  // namespace millrace::harness
