// The emulated card as the runtime has it: through the plugin's table.
#pragma once
#include <memory>

#include "emulation/emulated_card.hpp"
#include "plugin/plugin.hpp"

namespace millrace::test {

inline const Plugin& emulated_plugin() {
  static const Plugin plugin(millrace_device_plugin());
  return plugin;
}

inline std::shared_ptr<Device> open_card(DType activations = DType::kF32) {
  return emulated_plugin().open(0, activations, 1);
}

}  // namespace millrace::test
