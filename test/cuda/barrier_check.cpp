#include "barrier_check.hpp"

#include <fcntl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <map>

#include "emulation/grid.hpp"
#include "emulation/waits.hpp"
#include "harness.hpp"

namespace millrace::test {
namespace {

using Run = std::function<std::vector<std::byte>()>;
using emulation::FiberOrder;
constexpr FiberOrder kOrders[] = {FiberOrder::kForward, FiberOrder::kBackward, FiberOrder::kShuffled};

bool gives(const Run& run, const std::vector<std::byte>& expected) {
  for (const FiberOrder order : kOrders) {
    emulation::set_fiber_order(order, seed());
    try {
      if (run() != expected) return false;
    } catch (const std::exception&) {
      return false;
    }
  }
  return true;
}

// In a process of its own: without a barrier a kernel may use an index that nobody wrote, or never end.
bool gives_without(const emulation::WaitPlace& place, const Run& run, const std::vector<std::byte>& expected,
                   double most_seconds) {
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    const auto whole = static_cast<time_t>(most_seconds);
    const itimerval limit{
        {}, {whole, static_cast<suseconds_t>((most_seconds - static_cast<double>(whole)) * 1e6)}};
    setitimer(ITIMER_VIRTUAL, &limit, nullptr);
    emulation::leave_out(place);
    _exit(gives(run, expected) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

void check_every_barrier_matters(const Run& run, const std::vector<std::string>& redundant) {
  emulation::set_fiber_order(FiberOrder::kForward);
  emulation::note_waits();
  const std::vector<std::byte> expected = run();
  const std::vector<emulation::WaitPlace> places = emulation::take_waits();
  const std::clock_t start = std::clock();
  REQUIRE(gives(run, expected));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(!places.empty());
  std::map<std::string, int> of_function;
  for (const emulation::WaitPlace& place : places) {
    const std::string name =
        place.function + " " + std::to_string(++of_function[place.file + place.function]);
    const bool may_be = std::find(redundant.begin(), redundant.end(), name) != redundant.end();
    const bool is_redundant = gives_without(place, run, expected, 0.2 + 4 * seconds);
    if (is_redundant == may_be) {
      count_check();
    } else {
      fail(place.file.c_str(), static_cast<int>(place.line),
           "wait \"" + name + "\" " + (may_be ? "matters, and is listed as redundant" : "may be left out"));
    }
  }
  emulation::set_fiber_order(FiberOrder::kForward);
}

}  // namespace millrace::test
