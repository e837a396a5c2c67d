// Runs the native unit tests: millrace_tests [--tap] [--list] [text]
// With a text, only tests whose name or file contains it. Ends with 1 when a test failed or none matched.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#include "../../native/core/error.hpp"
#include "harness.hpp"

// With UndefinedBehaviorSanitizer, the first report ends the run, also where the compiler's flags would go
// on.
extern "C" const char* __ubsan_default_options();
extern "C" const char* __ubsan_default_options() {
  return "halt_on_error=1:print_stacktrace=1";
}

namespace millrace::test {
namespace {

// Of the running test, whose threads may check too.
std::mutex failures_mutex;
std::vector<std::string> failures;
std::atomic<int> checks = 0;

uint64_t choose_seed() {
  if (const char* text = std::getenv("MILLRACE_SEED"); text != nullptr && *text != '\0') {
    char* end = nullptr;
    const uint64_t value = std::strtoull(text, &end, 10);
    if (*end == '\0') return value;
    std::fprintf(stderr, "MILLRACE_SEED must be a decimal number, not \"%s\"\n", text);
    std::exit(2);
  }
  return std::random_device{}();
}

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

void run_body(const Test& test, std::string& skipped) {
  try {
    test.body();
  } catch (const Abandoned&) {
  } catch (const Skipped& skip) {
    skipped = skip.reason;
  } catch (const Error& error) {
    fail(test.file, test.line, "an error escaped: " + error.code() + ": " + error.what());
  } catch (const std::exception& error) {
    fail(test.file, test.line, std::string("an exception escaped: ") + error.what());
  }
  if (checks == 0 && skipped.empty() && failures.empty())
    fail(test.file, test.line, "the test checked nothing");
}

/// Returns whether the test passed or was skipped.
bool run_test(const Test& test, int number, bool tap) {
  failures.clear();
  checks = 0;
  std::string skipped;
  const auto start = std::chrono::steady_clock::now();
  run_body(test, skipped);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  const bool passed = failures.empty();
  if (tap || !passed || !skipped.empty()) {
    const std::string directive = passed && !skipped.empty() ? " # SKIP " + skipped : "";
    std::printf("%s %d - %s%s\n", passed ? "ok" : "not ok", number, test.name, directive.c_str());
    if (passed && ms > 1000) std::printf("# took %.0f ms\n", ms);
  }
  for (const std::string& failure : failures) std::printf("#   %s\n", failure.c_str());
  std::fflush(stdout);
  return passed;
}

}  // namespace

std::vector<Test>& registry() {
  static std::vector<Test> tests;
  return tests;
}

uint64_t seed() {
  static const uint64_t value = choose_seed();
  return value;
}

void count_check() {
  ++checks;
}

void fail(const char* file, int line, const std::string& message) {
  constexpr size_t kShownFailures = 20;  // a loop that fails a million times stays readable
  const std::lock_guard lock(failures_mutex);
  if (failures.size() == kShownFailures) failures.push_back("further failures of this test are not shown");
  if (failures.size() > kShownFailures) return;
  failures.push_back(std::string(base_name(file)) + ":" + std::to_string(line) + ": " + message);
}

std::string check_throws_code(const std::function<void()>& body, const std::string& code, const char* text,
                              const char* file, int line) {
  count_check();
  try {
    body();
  } catch (const Error& error) {
    if (error.code() != code)
      fail(file, line, std::string(text) + " threw " + error.code() + ", not " + code + ": " + error.what());
    return error.what();
  } catch (const std::exception& error) {
    fail(file, line, std::string(text) + " threw an exception without a code: " + error.what());
    return error.what();
  }
  fail(file, line, std::string(text) + " did not throw " + code);
  return "";
}

void check_contains(const std::string& text, const std::string& part, const char* file, int line) {
  count_check();
  if (text.find(part) == std::string::npos)
    fail(file, line, "\"" + text + "\" does not contain \"" + part + "\"");
}

}  // namespace millrace::test

int main(int argc, char** argv) {
  using namespace millrace::test;
  bool tap = false, list = false;
  std::string_view filter;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--tap") {
      tap = true;
    } else if (arg == "--list") {
      list = true;
    } else if (arg.starts_with("-") || !filter.empty()) {
      std::fprintf(stderr, "usage: %s [--tap] [--list] [part of a test's name or file]\n", argv[0]);
      return 2;
    } else {
      filter = arg;
    }
  }
  std::vector<Test> chosen;
  for (const Test& test : registry()) {
    const bool matches = std::string_view(test.name).find(filter) != std::string_view::npos ||
                         std::string_view(test.file).find(filter) != std::string_view::npos;
    if (filter.empty() || matches) chosen.push_back(test);
  }
  if (list) {
    for (const Test& test : chosen) std::printf("%s: %s\n", base_name(test.file), test.name);
    return 0;
  }
  if (tap) std::printf("TAP version 14\n1..%zu\n", chosen.size());
  std::printf("# seed %llu (MILLRACE_SEED repeats it)\n", static_cast<unsigned long long>(seed()));
  int failed = 0;
  for (size_t i = 0; i < chosen.size(); ++i)
    failed += run_test(chosen[i], static_cast<int>(i) + 1, tap) ? 0 : 1;
  std::printf("# %zu tests, %d failed\n", chosen.size(), failed);
  if (chosen.empty())
    std::fprintf(stderr, "no test matches \"%.*s\"\n", static_cast<int>(filter.size()), filter.data());
  return failed > 0 || chosen.empty() ? 1 : 0;
}
