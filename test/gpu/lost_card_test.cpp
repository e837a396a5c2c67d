// A card that is lost takes its process's CUDA with it, so it is lost in a process of its own.
#include <cstdlib>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "harness.hpp"
#include "support/card.hpp"
#include "support/fixture_model.hpp"
#include "support/model_driver.hpp"

namespace millrace::test {
namespace {

constexpr const char* kChild = "MILLRACE_LOSE_CARD";

// Runs this file's test in a process of its own. Returns its exit code, or -1, and what it printed.
int run_alone(std::string& printed) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    setenv(kChild, "1", 1);
    execl("/proc/self/exe", "millrace_tests", "lost_card_test", nullptr);
    _exit(126);
  }
  close(ends[1]);
  char part[4096];
  for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;)
    printed.append(part, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

void lose_and_check() {
  const FixtureModel model("llama3");
  const Plugin plugin(millrace_device_plugin());
  const auto device = plugin.open(0, DType::kF32, 1);
  {
    RuntimeOptions options;
    options.spec = model.spec();
    options.device_map = {{0, model.spec().num_layers, {device}}};
    options.kv_blocks = 16;
    options.limits = {.max_rows = 2, .max_tokens = 32, .max_sequence_tokens = 64, .block_tokens = 16};
    ModelDriver driver(model.files(), std::move(options));
    const Slot slot = driver.open(32), other = driver.open(32);
    driver.step({{slot, {1, 2, 3}, 0}});
    lose_card(*device);
    driver.submit({{slot, {-1}, 3}});
    driver.submit({{other, {5, 6}, 0}});
    CHECK_THROWS_CODE(driver.wait(), "ERR_DEVICE_LOST");
    CHECK_THROWS_CODE(driver.wait(), "ERR_DEVICE_LOST");
  }
  CHECK(!plugin.list().at(0).reason.empty());
  CHECK_THROWS_CODE(plugin.open(0, DType::kF32, 1), "ERR_DEVICE_UNAVAILABLE");
}

TEST("after a kernel that used a bad address nothing hangs or aborts, and every call says what happened") {
  if (std::getenv(kChild) != nullptr) return lose_and_check();
  std::string printed;
  const int code = run_alone(printed);
  CHECK_EQ(code, 0);
  if (code != 0) fail(__FILE__, __LINE__, printed);
}

}  // namespace
}  // namespace millrace::test
