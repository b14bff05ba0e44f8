# cmake --build build --target style|format|tidy|layers: the habits of docs/style.md as commands.
add_custom_target(format COMMAND ${PROJECT_SOURCE_DIR}/tests/lint/style.sh --fix
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
add_custom_target(style COMMAND ${PROJECT_SOURCE_DIR}/tests/lint/style.sh
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
add_custom_target(layers COMMAND ${PROJECT_SOURCE_DIR}/tests/lint/layers.sh
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
add_custom_target(tidy COMMAND ${PROJECT_SOURCE_DIR}/tests/lint/tidy.sh ${PROJECT_BINARY_DIR}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
