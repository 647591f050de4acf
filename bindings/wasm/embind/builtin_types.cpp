// The types that the control plane is made of. Embind's own file of this purpose tells JavaScript of thirty more, which
// takes a millisecond of each start, and 2 KB.
#include <emscripten/bind.h>
#include <emscripten/em_macros.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

using emscripten::internal::TypeID;

extern "C" {

/// For errors that only a fault in control.cpp could bring: nobody reads them. Embind frees it.
const char* EMSCRIPTEN_KEEPALIVE __getTypeName(const std::type_info*) {
    return strdup("a type");
}

EMSCRIPTEN_KEEPALIVE __attribute__((constructor)) void __embind_register_native_and_builtin_types() {
    using namespace emscripten::internal;
    _embind_register_void(TypeID<void>::get(), "void");
    _embind_register_bool(TypeID<bool>::get(), "bool", sizeof(bool), true, false);
    _embind_register_integer(TypeID<int32_t>::get(), "int", sizeof(int32_t), std::numeric_limits<int32_t>::min(),
                             std::numeric_limits<int32_t>::max());
    _embind_register_integer(TypeID<uint32_t>::get(), "unsigned int", sizeof(uint32_t), 0,
                             std::numeric_limits<uint32_t>::max());
    _embind_register_float(TypeID<double>::get(), "double", sizeof(double));
    _embind_register_std_string(TypeID<std::string>::get(), "std::string");
}
}
