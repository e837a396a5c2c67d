# Programs for a machine with a card, which may have no Node: the kernels' tests of test/cuda on the real thing,
# and the benchmark. Everything is compiled as for the plugin.
file(GLOB kernel_sources CONFIGURE_DEPENDS kernels/*.cu libraries/*.cu device/*.cu)
add_library(millrace_cuda_kernels OBJECT ${kernel_sources})
target_include_directories(millrace_cuda_kernels PRIVATE . ${CMAKE_SOURCE_DIR}/native)
target_compile_options(millrace_cuda_kernels PRIVATE --Werror all-warnings -Xcompiler=-Wall,-Wextra,-Werror)

function(add_card_program name)
  add_executable(${name} ${ARGN} platform/cuda_runtime.cu $<TARGET_OBJECTS:millrace_cuda_kernels>)
  set_target_properties(${name} PROPERTIES CUDA_RUNTIME_LIBRARY Static LINKER_LANGUAGE CUDA
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_include_directories(${name} PRIVATE . ${CMAKE_SOURCE_DIR}/native)
  target_compile_options(${name} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--Werror;all-warnings;-Xcompiler=-Wall,-Wextra,-Werror>")
  target_link_libraries(${name} PRIVATE millrace_engine Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

# Those that look into the emulated card itself stay with it.
file(GLOB card_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/cuda/kernels/*_test.cpp)
foreach(source ${card_tests})
  file(STRINGS ${source} emulated REGEX "emulation/")
  if(emulated)
    list(REMOVE_ITEM card_tests ${source})
  endif()
endforeach()
add_card_program(millrace_gpu_tests ${CMAKE_SOURCE_DIR}/test/gpu/main.cpp ${CMAKE_SOURCE_DIR}/test/gpu/on_card.cpp
  ${card_tests})
target_include_directories(millrace_gpu_tests PRIVATE ${CMAKE_SOURCE_DIR}/test/native ${CMAKE_SOURCE_DIR}/test/cuda)
target_compile_definitions(millrace_gpu_tests PRIVATE MILLRACE_MEMORY_FOR_TESTS)

file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/gpu/*.cpp)
add_card_program(millrace_gpu_bench ${bench_sources})
target_include_directories(millrace_gpu_bench PRIVATE ${CMAKE_SOURCE_DIR}/bench/gpu)
