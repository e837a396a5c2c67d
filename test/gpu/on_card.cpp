// What the kernels' tests ask of the emulation, on a card: it has an order of its own, another every time.
#include "barrier_check.hpp"
#include "emulation/grid.hpp"
#include "harness.hpp"

namespace millrace::emulation {

void set_fiber_order(FiberOrder, std::uint64_t) {}

}  // namespace millrace::emulation

namespace millrace::test {

// Barriers cannot be left out here. What a missing one would change, changes from run to run.
void check_every_barrier_matters(const std::function<std::vector<std::byte>()>& run,
                                 const std::vector<std::string>&) {
  constexpr int kRuns = 50;
  const std::vector<std::byte> expected = run();
  for (int i = 1; i < kRuns; ++i) CHECK(run() == expected);
}

}  // namespace millrace::test
