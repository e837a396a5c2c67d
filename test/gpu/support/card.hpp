// The card that the tests run on: a real one in millrace_gpu_tests, the emulated one in millrace_tests.
#pragma once
#include <memory>

#include "plugin/plugin.hpp"

namespace millrace::test {

inline const Plugin& card_plugin() {
  static const Plugin plugin(millrace_device_plugin());
  return plugin;
}

inline std::shared_ptr<Device> open_cuda(DType activations) {
  constexpr int kThreads = 2;  // for weights
  return card_plugin().open(0, activations, kThreads);
}

// A real one is fast enough for every model and every prompt.
bool is_emulated_card();

// Makes the device's next work lose the card, as a kernel does that uses a bad address. No device of this
// process can use it afterwards.
void lose_card(Device& device);

}  // namespace millrace::test
