// Drives a fuzz target without a fuzzing engine: builds valid files, breaks them, and expects no crash.
//   fuzz_gguf [--seconds N | --iterations N] [--seed S] [--start I]   default: --seconds 2
//   fuzz_gguf --file PATH                                             runs one saved input
// Iteration i depends on the seed and on i alone, so a failure is repeated with --seed S --start I
// --iterations 1. Ends with 1 when an exception escapes or an input takes too long; a sanitizer ends it
// itself.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <typeinfo>

#include "fuzz_target.hpp"
#include "mutate.hpp"

// Under AddressSanitizer an absurd allocation ends the run.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=256:allocator_may_return_null=0";
}

// Undefined behaviour ends the run too, also where the compiler's flags would let it go on.
extern "C" const char* __ubsan_default_options();
extern "C" const char* __ubsan_default_options() {
  return "halt_on_error=1:print_stacktrace=1";
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

namespace millrace::fuzz {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  double seconds = 2;
  std::uint64_t iterations = UINT64_MAX;
  std::uint64_t seed = std::random_device{}();
  std::uint64_t start = 0;
  const char* file = nullptr;
};

constexpr double kMaxSecondsPerInput = 10;

Options options;
std::uint64_t current = 0;  // iteration, for the report of a crash
double slowest_seconds = 0;
std::uint64_t slowest = 0;  // iteration

void report_current(int descriptor) {
  char text[160];
  const int size =
      std::snprintf(text, sizeof(text), "\nthe failing input: --seed %llu --start %llu --iterations 1\n",
                    static_cast<unsigned long long>(options.seed), static_cast<unsigned long long>(current));
  if (::write(descriptor, text, static_cast<std::size_t>(size)) < 0) return;
}

// Says which input it was before the process ends.
void report_deaths() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  __sanitizer_set_death_callback([] { report_current(STDERR_FILENO); });
#else
  for (const int signal_number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::signal(signal_number, [](int number) {
      report_current(STDERR_FILENO);
      ::signal(number, SIG_DFL);
      ::raise(number);
    });
  }
  // An absurd allocation fails. (A sanitizer's shadow memory needs far more than this.)
  const rlimit limit = {std::uint64_t{4} << 30, std::uint64_t{4} << 30};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

std::uint64_t parse_number(const char* name, const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0') {
    std::fprintf(stderr, "%s must be a number, not \"%s\"\n", name, text);
    std::exit(2);
  }
  return value;
}

void parse_options(int argc, char** argv) {
  bool has_iterations = false, has_seconds = false;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--seconds") {
      options.seconds = static_cast<double>(parse_number("--seconds", value));
      has_seconds = true;
    } else if (name == "--iterations") {
      options.iterations = parse_number("--iterations", value);
      has_iterations = true;
    } else if (name == "--seed") {
      options.seed = parse_number("--seed", value);
    } else if (name == "--start") {
      options.start = parse_number("--start", value);
    } else if (name == "--file" && *value != '\0') {
      options.file = value;
    } else {
      std::fprintf(stderr, "usage: %s [--seconds N] [--iterations N] [--seed S] [--start I] [--file PATH]\n",
                   argv[0]);
      std::exit(2);
    }
  }
  if (has_iterations && !has_seconds) options.seconds = 1e9;
}

// Some inputs stay as they were built, and must be accepted.
bool is_valid(std::uint64_t iteration) {
  return iteration % 64 == 0;
}

Input make_input(std::uint64_t iteration) {
  Rng rng(options.seed * 0x9e3779b97f4a7c15u + iteration);
  Input input = make_seed(rng);
  if (is_valid(iteration)) return input;
  const Input other = make_seed(rng);
  mutate(input, other, rng);
  if (one_in(rng, 2)) repair(input);
  return input;
}

enum class Outcome : std::uint8_t { kAccepted, kRefused, kFailed };

// Says why when the input fails without a crash.
Outcome run_input(const Input& input) {
  // A copy of exactly this size: the sanitizer sees a read of one byte too many.
  const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[input.size()]);
  if (!input.empty()) std::memcpy(exact.get(), input.data(), input.size());
  const auto start = Clock::now();
  bool accepted = false;
  try {
    accepted = parses(exact.get(), input.size());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s escaped: %s\n", typeid(error).name(), error.what());
    return Outcome::kFailed;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (seconds > slowest_seconds) {
    slowest_seconds = seconds;
    slowest = current;
  }
  if (seconds > kMaxSecondsPerInput) {
    std::fprintf(stderr, "an input of %zu bytes took %.1f s\n", input.size(), seconds);
    return Outcome::kFailed;
  }
  return accepted ? Outcome::kAccepted : Outcome::kRefused;
}

int run_file() {
  std::ifstream file(options.file, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", options.file);
    return 2;
  }
  const Outcome outcome = run_input(Input(std::istreambuf_iterator<char>(file), {}));
  std::printf("%s\n", outcome == Outcome::kAccepted ? "accepted" : "refused");
  return outcome == Outcome::kFailed ? 1 : 0;
}

int run_mutations() {
  std::printf("# seed %llu\n", static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  const auto start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::uint64_t done = 0, accepted = 0;
  for (; done < options.iterations && elapsed() < options.seconds; ++done) {
    current = options.start + done;
    const Outcome outcome = run_input(make_input(current));
    const bool refused_valid = outcome == Outcome::kRefused && is_valid(current);
    if (refused_valid) std::fprintf(stderr, "a valid file was refused\n");
    if (outcome == Outcome::kFailed || refused_valid) {
      report_current(STDERR_FILENO);
      return 1;
    }
    accepted += outcome == Outcome::kAccepted ? 1 : 0;
  }
  std::printf("# %llu inputs in %.1f s, %llu accepted, none failed\n", static_cast<unsigned long long>(done),
              elapsed(), static_cast<unsigned long long>(accepted));
  std::printf("# the slowest took %.1f ms: --start %llu\n", slowest_seconds * 1000,
              static_cast<unsigned long long>(slowest));
  return 0;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::fuzz::parses(data, size);
  return 0;
}

#if !defined(MILLRACE_LIBFUZZER)
int main(int argc, char** argv) {
  using namespace millrace::fuzz;
  parse_options(argc, argv);
  report_deaths();
  return options.file != nullptr ? run_file() : run_mutations();
}
#endif
