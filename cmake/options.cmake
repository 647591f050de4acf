# What every target of ours is compiled with. Linked PRIVATE, so that a program which uses millrace keeps its own flags.
add_library(millrace_options INTERFACE)
target_compile_options(millrace_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-align -Woverloaded-virtual -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough
  $<$<BOOL:${MILLRACE_WERROR}>:-Werror>)

# GCC 12 sees overlapping copies in every `"text" + string` of an optimised build (GCC bug 105651, fixed in 13), and in some of
# them, with precompiled headers, copies of nearly 2^63 bytes.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(millrace_options INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()

# Our sources, hiredis' and the tests run under the same sanitizers: a report must not depend on who wrote the line.
if(MILLRACE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  add_compile_options(-g1)  # lines and names for the reports; the rest would double what is written and linked
  # GCC 12 sees null dereferences and overflows in instrumented code that are not in the source.
  target_compile_options(millrace_options INTERFACE -Wno-null-dereference -Wno-stringop-overflow -Wno-maybe-uninitialized)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Targets of many small files spend a third of their build on the same headers. Not under a compiler cache, which is the
# better of the two and can't look into what was precompiled; so builds with one find an include that is missing.
function(millrace_precompile target)
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
    target_precompile_headers(${target} PRIVATE ${ARGN})
    # There GCC 12's optimiser warns of more that is not in the source, and of other things in each release of it.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      target_compile_options(${target} PRIVATE -Wno-error=null-dereference -Wno-error=maybe-uninitialized
        -Wno-error=stringop-overread -Wno-error=dangling-pointer -Wno-error=free-nonheap-object)
    endif()
  endif()
endfunction()

# Our libraries end up in a shared one that exports the C ABI alone. Calls among them then need no table of addresses.
function(millrace_hide target)
  if(NOT EMSCRIPTEN)
    set_target_properties(${target} PROPERTIES
      C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  endif()
endfunction()
