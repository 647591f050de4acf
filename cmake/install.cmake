# What `cmake --install` puts where, and how other projects find it: find_package(millrace) and pkg-config. Both work from
# wherever the installation is moved to.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)

# A set for each component of find_package: who uses one should not need what only the others want.
install(TARGETS millrace_c EXPORT millrace-c)
install(TARGETS millrace_core EXPORT millrace-core)
install(TARGETS millrace_native millrace_c_static EXPORT millrace-native)
foreach(component c core native)
  install(EXPORT millrace-${component} NAMESPACE millrace:: DESTINATION ${package_dir})
endforeach()
install(DIRECTORY core/include/ bindings/native/include/ bindings/c/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/millrace-config.cmake.in
  ${PROJECT_BINARY_DIR}/generated/millrace-config.cmake INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the C++ interface. The C one has its own version, in the name of the library.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/millrace-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/millrace-config.cmake
  ${PROJECT_BINARY_DIR}/generated/millrace-config-version.cmake DESTINATION ${package_dir})

# The libraries of the C++ runtime, which a C compiler does not link by itself.
set(cxx_libraries ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_ITEM cxx_libraries ${CMAKE_C_IMPLICIT_LINK_LIBRARIES})
list(TRANSFORM cxx_libraries PREPEND -l)
set(system_dirs ${CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES})
list(TRANSFORM system_dirs PREPEND -L)
set(httplib_libraries ${HTTPLIB_LDFLAGS})
list(REMOVE_ITEM httplib_libraries ${system_dirs})
foreach(libraries cxx_libraries httplib_libraries)
  list(JOIN ${libraries} " " ${libraries})
endforeach()
# Written out, not as Requires.private: that would be looked up for programs that link the shared library, too.
set(pc_private_libraries
  "-lmillrace-native -lmillrace-core ${httplib_libraries} -lssl -lcrypto -lyaml-cpp ${cxx_libraries} -pthread")
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(name LIBDIR INCLUDEDIR)
  string(TOLOWER pc_${name} variable)
  set(${variable} "\${prefix}/${CMAKE_INSTALL_${name}}")
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${name}}")
    set(${variable} "${CMAKE_INSTALL_${name}}")
  endif()
endforeach()
set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  string(REGEX REPLACE "[^/]+" ".." up "${pc_dir}")
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/millrace.pc.in ${PROJECT_BINARY_DIR}/generated/millrace.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/millrace.pc DESTINATION ${pc_dir})

if(TARGET millrace)
  # The agent on the C ABI finds the library that is installed with it; the harness starts it as it is.
  file(RELATIVE_PATH library_dir ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(origin "$<IF:$<PLATFORM_ID:Darwin>,@loader_path,$ORIGIN>")
  set_target_properties(millrace-agent-c PROPERTIES INSTALL_RPATH "${origin}/${library_dir}")
  install(TARGETS millrace millrace-harness millrace-agent millrace-agent-c)
endif()
install(FILES LICENSE bindings/native/THIRD_PARTY_NOTICES DESTINATION ${CMAKE_INSTALL_DOCDIR})
