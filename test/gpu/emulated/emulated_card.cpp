// The same tests where there is no card.
#include "emulation/emulated_card.hpp"
#include "support/card.hpp"

namespace millrace::test {

bool is_emulated_card() {
  return true;
}

void lose_card(Device&) {
  gpu::emulated_card().fail_next = true;
}

}  // namespace millrace::test
