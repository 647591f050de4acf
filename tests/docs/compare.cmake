# Fails when a committed page is not what PROGRAM prints for PAGE.
execute_process(COMMAND ${PROGRAM} ${PAGE} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ${PAGE} ended with ${status}")
endif()
set(committed "")
if(EXISTS ${COMMITTED})
  file(READ ${COMMITTED} committed)
endif()
if(NOT printed STREQUAL committed)
  message(FATAL_ERROR "${COMMITTED} differs from the tables. To print it again: "
                      "cmake --build <build directory> --target update-docs")
endif()
