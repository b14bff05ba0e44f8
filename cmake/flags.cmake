# One INTERFACE target carries the language and the warnings, a second one the sanitizers beside
# them; only what is loaded into other people's programs does without those.
add_library(cygnet_plain_flags INTERFACE)
target_compile_features(cygnet_plain_flags INTERFACE c_std_17)
target_compile_definitions(cygnet_plain_flags INTERFACE _GNU_SOURCE)
target_include_directories(cygnet_plain_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(cygnet_plain_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
    -Wconversion -Wundef -Wpointer-arith -Wvla -fno-strict-aliasing
    -fstack-protector-strong
    # What is built says nothing of where it was built: assertions and debug information name files
    # from the top of the tree.
    -ffile-prefix-map=${PROJECT_BINARY_DIR}/=build/ -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(CYGNET_WERROR)
    target_compile_options(cygnet_plain_flags INTERFACE -Werror)
endif()
add_library(cygnet_flags INTERFACE)
target_link_libraries(cygnet_flags INTERFACE cygnet_plain_flags)
if(CYGNET_SANITIZE)
    target_compile_options(cygnet_flags INTERFACE
        -fsanitize=${CYGNET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(cygnet_flags INTERFACE -fsanitize=${CYGNET_SANITIZE})
    target_compile_definitions(cygnet_flags INTERFACE CYGNET_SANITIZED=1)
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_definitions(cygnet_plain_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(CYGNET_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "CYGNET_FUZZ needs clang: use the preset 'fuzz'.")
    endif()
    # Libraries are instrumented for coverage; only the targets link the fuzzing engine.
    target_compile_options(cygnet_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(cygnet_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Assertions guard our own bugs and stay on in every build (docs/style.md).
foreach(config DEBUG RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${config} "${CMAKE_C_FLAGS_${config}}")
endforeach()

# cygnet_library(NAME SOURCES...): a static library of one folder.
function(cygnet_library name)
    add_library(${name} STATIC ${ARGN})
    target_link_libraries(${name} PUBLIC cygnet_flags)
endfunction()

# cygnet_program(NAME SOURCES...): an installed program.
function(cygnet_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE cygnet_flags)
    target_compile_definitions(${name} PRIVATE CYGNET_VERSION="${PROJECT_VERSION}")
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()
