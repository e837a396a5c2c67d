// What the kernels' tests ask of the emulation, on a card: it has an order of its own, another every time.
#include <algorithm>
#include <cstdlib>

#include "barrier_check.hpp"
#include "emulation/grid.hpp"
#include "harness.hpp"
#include "support/card.hpp"

namespace millrace::emulation {

void set_fiber_order(FiberOrder, std::uint64_t) {}

}  // namespace millrace::emulation

namespace millrace::test {

bool is_emulated_card() {
  return false;
}

void lose_card(Device& device) {
  // No allocation has this address.
  void* const nowhere = reinterpret_cast<void*>(std::uintptr_t{64});
  const Tensor bad{nowhere, 1, 256, 256};
  device.add(bad, bad);
}

// Barriers cannot be left out here. What a missing one would change, changes from run to run.
void check_every_barrier_matters(const std::function<std::vector<std::byte>()>& run,
                                 const std::vector<std::string>&) {
  // Fewer where a sanitizer watches each of them.
  const char* given = std::getenv("MILLRACE_CARD_RUNS");
  const int runs = given == nullptr ? 50 : std::max(2, std::atoi(given));
  const std::vector<std::byte> expected = run();
  for (int i = 1; i < runs; ++i) CHECK(run() == expected);
}

}  // namespace millrace::test
