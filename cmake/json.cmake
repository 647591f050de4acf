# nlohmann_json from the distribution. The core compiles it without exceptions inside a namespace of its own (see
# core/CMakeLists.txt); the harness uses it as it is. Under Emscripten the host's headers are used: they are pure C++.
find_package(nlohmann_json 3.11 QUIET)
if(NOT nlohmann_json_FOUND)
  find_path(NLOHMANN_JSON_INCLUDE_DIR nlohmann/json.hpp PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  # A copy of the one folder: all of /usr/include would shadow the sysroot of a cross compiler.
  file(COPY ${NLOHMANN_JSON_INCLUDE_DIR}/nlohmann DESTINATION ${CMAKE_CURRENT_BINARY_DIR}/generated/json)
  add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED GLOBAL)
  target_include_directories(nlohmann_json::nlohmann_json SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/generated/json)
endif()
