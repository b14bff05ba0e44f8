# cygnet_unit_test(NAME SOURCES a.c.. LIBS packet..): a Check program, run by ctest without root.
function(cygnet_unit_test name)
    cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${T_SOURCES})
    target_link_libraries(${name} PRIVATE ${T_LIBS} cygnet_flags PkgConfig::CHECK)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "unit" TIMEOUT 120 SKIP_RETURN_CODE 77)
endfunction()

# cygnet_fuzz_target(NAME SOURCES a.c.. LIBS packet..): a file with LLVMFuzzerTestOneInput. With
# CYGNET_FUZZ it becomes a libFuzzer program; otherwise replay.c is its main, and every file of
# tests/fuzz/corpus/NAME is run through it as an ordinary test.
function(cygnet_fuzz_target name)
    cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
    if(CYGNET_FUZZ)
        add_executable(${name} ${T_SOURCES})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(${name} PRIVATE ${T_LIBS} cygnet_flags)
    else()
        add_executable(${name} ${T_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        target_link_libraries(${name} PRIVATE ${T_LIBS} cygnet_flags)
        add_test(NAME ${name}_corpus COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(${name}_corpus PROPERTIES LABELS "fuzz" TIMEOUT 120)
    endif()
endfunction()

# cygnet_script_test(NAME COMMAND script args.. LABELS netns [TIMEOUT s] [COST s] [LOCK heavy|tree]): a script
# that needs root and network namespaces. Exit 77 is a skip; .ci/run fails on skips it does not know. A failed one
# gets a second attempt (tests/lib/again.sh); the time limit is for each. Any two run beside each other, names and
# folders being their own, but for those of one LOCK: "heavy" is a guest kernel or a load that wants a core,
# "tree" writes into the build folder. COST is about how long it takes; ctest -j begins with the dearest.
function(cygnet_script_test name)
    cmake_parse_arguments(T "" "TIMEOUT;COST;LOCK" "COMMAND;LABELS" ${ARGN})
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 300)
    endif()
    if(NOT T_COST)
        set(T_COST 5)
    endif()
    math(EXPR T_BOTH "2 * ${T_TIMEOUT}")
    add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/lib/again.sh ${T_COMMAND})
    set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_BOTH}
        SKIP_RETURN_CODE 77 ENVIRONMENT "CYGNET_BUILD=${PROJECT_BINARY_DIR}")
    if(T_LOCK STREQUAL heavy)
        # One of them is always to be under way, so each comes before whatever needs no lock.
        math(EXPR T_COST "1000 + ${T_COST}")
    endif()
    if(T_LOCK)
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ${T_LOCK})
    endif()
    set_tests_properties(${name} PROPERTIES COST ${T_COST})
endfunction()
