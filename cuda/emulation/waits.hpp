// The places where kernels wait: for the other threads of a block or warp, and for copies that were begun.
// Tests leave them out one by one, and see that the results are wrong then (test/cuda/barrier_check.hpp).
#pragma once
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace millrace::emulation {

struct WaitPlace {
  std::string file, function;
  unsigned line = 0, column = 0;
  friend bool operator==(const WaitPlace&, const WaitPlace&) = default;
};

// Notes the places that kernels come by from now on.
void note_waits();
// Those that were met since, by file and line; and notes no more.
std::vector<WaitPlace> take_waits();
// Kernels do not wait there from now on.
void leave_out(std::optional<WaitPlace> place);

// For the names that wait: notes the place, and tells whether it is left out. Waits of another `kind` are
// counted for themselves in a function.
[[nodiscard]] bool is_left_out(const std::source_location& place, const char* kind = "");

}  // namespace millrace::emulation
