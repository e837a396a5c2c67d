// Runs the kernels' tests of test/cuda on a card: millrace_gpu_tests [--tap] [--list] [text]
// Ends with 77 when there is none.
#include <cstdio>

#include "platform/runtime.hpp"

#define main run_tests
#include "../native/main.cpp"
#undef main

int main(int argc, char** argv) {
  namespace gpu = millrace::gpu;
  constexpr int kNotRun = 77;
  std::string reason;
  if (gpu::card_count(reason) == 0) {
    std::printf("# no test was run: CUDA sees no card: %s\n", reason.c_str());
    return kNotRun;
  }
  const gpu::CardInfo card = gpu::card_info(0);
  std::printf("# %s, compute capability %d.%d, driver for CUDA %d.%d\n", card.name.c_str(), card.major,
              card.minor, card.driver_version / 1000, card.driver_version % 1000 / 10);
  return run_tests(argc, argv);
}
