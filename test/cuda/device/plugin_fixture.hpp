// The emulated card as the runtime has it: through the plugin's table.
#pragma once
#include <memory>

#include "emulation/emulated_card.hpp"
#include "platform/runtime.hpp"
#include "plugin/plugin.hpp"

namespace millrace::test {

inline const Plugin& emulated_plugin() {
  static const Plugin plugin(millrace_device_plugin());
  return plugin;
}

inline std::shared_ptr<Device> open_card(DType activations = DType::kF32, int card = 0) {
  return emulated_plugin().open(card, activations, 1);
}

// While it lives, there are so many cards. The thread that made it drives the first one afterwards.
class SeveralCards {
 public:
  explicit SeveralCards(int count) : before_(gpu::emulated_card_count().exchange(count)) {}
  ~SeveralCards() {
    gpu::emulated_card_count() = before_;
    gpu::use_card(0);
  }
  SeveralCards(const SeveralCards&) = delete;
  SeveralCards& operator=(const SeveralCards&) = delete;

 private:
  int before_;
};

}  // namespace millrace::test
