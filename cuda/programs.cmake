# Programs for a machine with a card, which may have no Node: the tests of test/gpu and the kernels' tests of test/cuda
# on the real thing, the logits of whole models, and the benchmark. Everything is compiled as for the plugin.
# scripts/gpu.sh builds and runs them.
file(GLOB kernel_sources CONFIGURE_DEPENDS kernels/*.cu libraries/*.cu device/*.cu)
add_library(millrace_cuda_kernels OBJECT ${kernel_sources} plugin/plugin.cu)
target_include_directories(millrace_cuda_kernels PRIVATE . ${CMAKE_SOURCE_DIR}/native)
target_compile_options(millrace_cuda_kernels PRIVATE --Werror all-warnings -Xcompiler=-Wall,-Wextra,-Werror)

file(GLOB gpu_support_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/gpu/support/*.cpp)
add_library(millrace_gpu_support STATIC ${gpu_support_sources})
target_include_directories(millrace_gpu_support PUBLIC ${CMAKE_SOURCE_DIR}/test/gpu)
target_link_libraries(millrace_gpu_support PUBLIC millrace_engine)

function(add_card_program name)
  add_executable(${name} ${ARGN} platform/cuda_runtime.cu $<TARGET_OBJECTS:millrace_cuda_kernels>)
  set_target_properties(${name} PROPERTIES CUDA_RUNTIME_LIBRARY Static LINKER_LANGUAGE CUDA
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_include_directories(${name} PRIVATE . ${CMAKE_SOURCE_DIR}/native)
  target_compile_options(${name} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--Werror;all-warnings;-Xcompiler=-Wall,-Wextra,-Werror>")
  target_link_libraries(${name} PRIVATE millrace_gpu_support millrace_engine Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

# Those that look into the emulated card itself stay with it.
file(GLOB card_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/cuda/kernels/*_test.cpp)
foreach(source ${card_tests})
  file(STRINGS ${source} emulated REGEX "emulation/")
  if(emulated)
    list(REMOVE_ITEM card_tests ${source})
  endif()
endforeach()
set(card_test_main ${CMAKE_SOURCE_DIR}/test/gpu/main.cpp ${CMAKE_SOURCE_DIR}/test/gpu/on_card.cpp)
# The kernels, in memory that host and card share, and whole models in memory as it is.
add_card_program(millrace_gpu_tests ${card_test_main} ${card_tests})
target_compile_definitions(millrace_gpu_tests PRIVATE MILLRACE_MEMORY_FOR_TESTS)
file(GLOB model_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/gpu/*_test.cpp)
list(FILTER model_tests EXCLUDE REGEX "/steps_test\\.cpp$") # of the benchmark, which runs there itself
add_card_program(millrace_gpu_model_tests ${card_test_main} ${model_tests})
foreach(name millrace_gpu_tests millrace_gpu_model_tests)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/test/native ${CMAKE_SOURCE_DIR}/test/cuda)
endforeach()

add_card_program(millrace_gpu_score ${CMAKE_SOURCE_DIR}/test/gpu/score/main.cpp)

file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/gpu/*.cpp)
add_card_program(millrace_gpu_bench ${bench_sources})
target_include_directories(millrace_gpu_bench PRIVATE ${CMAKE_SOURCE_DIR}/bench/gpu)
