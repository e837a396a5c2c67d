// A tiny test harness: self-registering tests whose names are sentences, checks that keep going, TAP output.
//
//   TEST("a block that is freed twice is refused") {
//     CHECK_EQ(pool.free_blocks(), 4);
//     CHECK_THROWS_CODE(pool.free(block), "ERR_BLOCK");
//   }
//
// Every file may be compiled into the same executable: names inside a TEST have internal linkage.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::test {

struct Test {
  const char* name;
  void (*body)();
  const char* file;
  int line;
};

/// Every TEST of the executable, in link order.
std::vector<Test>& registry();

struct Registration {
  Registration(const char* name, void (*body)(), const char* file, int line) {
    registry().push_back({name, body, file, line});
  }
};

/// Marks the running test as failed and remembers why; the test goes on.
void fail(const char* file, int line, const std::string& message);

/// Counts a check, so that a test without any is reported as a failure.
void count_check();

/// The seed of this run: MILLRACE_SEED, else a fresh one. Always printed.
uint64_t seed();

/// A generator for one test: the same seed and salt give the same numbers on every platform.
inline std::mt19937_64 make_rng(uint64_t salt = 0) {
  return std::mt19937_64(seed() + salt * 0x9e3779b97f4a7c15u);
}

/// Thrown by REQUIRE (after the failure is recorded) to leave a test whose next lines would make no sense.
struct Abandoned {};

/// Thrown by SKIP.
struct Skipped {
  std::string reason;
};

template <typename T>
std::string show(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, uint8_t> || std::is_same_v<T, int8_t> ||
                       std::is_same_v<T, std::byte>) {
    return std::to_string(static_cast<int>(value));
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<long long>(value));
  } else if constexpr (std::convertible_to<T, std::string_view>) {
    return "\"" + std::string(std::string_view(value)) + "\"";
  } else if constexpr (requires(std::ostream & out) { out << value; }) {
    std::ostringstream out;
    out.precision(17);
    out << value;
    return out.str();
  } else if constexpr (requires { value.begin() != value.end(); }) {
    std::string out = "[";
    for (const auto& item : value) out += (out.size() > 1 ? ", " : "") + show(item);
    return out + "]";
  } else {
    return "(a value that cannot be printed)";
  }
}

template <typename A, typename B>
bool equal(const A& a, const B& b) {
  constexpr auto kIsPlainInt = []<typename T>(std::type_identity<T>) {
    return std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>;
  };
  if constexpr (kIsPlainInt(std::type_identity<A>{}) && kIsPlainInt(std::type_identity<B>{})) {
    return std::cmp_equal(a, b);  // so that size_t compares with a literal without a sign warning
  } else {
    return a == b;
  }
}

template <typename A, typename B>
void check_eq(const A& a, const B& b, const char* text, const char* file, int line) {
  count_check();
  if (!equal(a, b)) fail(file, line, std::string(text) + ": " + show(a) + " is not " + show(b));
}

/// Runs `body`, which must throw something with a `code()` equal to `code`. Returns what it said, for
/// CHECK_CONTAINS.
std::string check_throws_code(const std::function<void()>& body, const std::string& code, const char* text,
                              const char* file, int line);

void check_contains(const std::string& text, const std::string& part, const char* file, int line);

}  // namespace millrace::test

#define MILLRACE_JOIN_(a, b) a##b
#define MILLRACE_JOIN(a, b) MILLRACE_JOIN_(a, b)
#define MILLRACE_TEST(name, id)                                                      \
  static void MILLRACE_JOIN(test_body_, id)();                                       \
  static const ::millrace::test::Registration MILLRACE_JOIN(test_registration_, id)( \
      name, &MILLRACE_JOIN(test_body_, id), __FILE__, __LINE__);                     \
  static void MILLRACE_JOIN(test_body_, id)()

#define TEST(name) MILLRACE_TEST(name, __COUNTER__)

/// The test fails and goes on.
#define CHECK(...)                                                                            \
  do {                                                                                        \
    ::millrace::test::count_check();                                                          \
    if (!(__VA_ARGS__)) ::millrace::test::fail(__FILE__, __LINE__, #__VA_ARGS__ " is false"); \
  } while (false)

#define CHECK_EQ(a, b) ::millrace::test::check_eq((a), (b), #a " == " #b, __FILE__, __LINE__)

/// |a - b| <= tolerance; a NaN on either side fails.
#define CHECK_NEAR(a, b, tolerance)                                                                   \
  do {                                                                                                \
    ::millrace::test::count_check();                                                                  \
    const double near_a_ = (a), near_b_ = (b), near_tolerance_ = (tolerance);                         \
    if (!(near_a_ - near_b_ <= near_tolerance_ && near_b_ - near_a_ <= near_tolerance_))              \
      ::millrace::test::fail(__FILE__, __LINE__,                                                      \
                             #a " is near " #b ": " + ::millrace::test::show(near_a_) + " against " + \
                                 ::millrace::test::show(near_b_));                                    \
  } while (false)

/// The expression must throw a millrace::Error with this code; the value is the error's message.
#define CHECK_THROWS_CODE(expr, code) \
  ::millrace::test::check_throws_code([&] { static_cast<void>(expr); }, code, #expr, __FILE__, __LINE__)

#define CHECK_CONTAINS(text, part) ::millrace::test::check_contains((text), (part), __FILE__, __LINE__)

/// The test fails and ends here: for a condition on which the following lines depend.
#define REQUIRE(...)                                                        \
  do {                                                                      \
    ::millrace::test::count_check();                                        \
    if (!(__VA_ARGS__)) {                                                   \
      ::millrace::test::fail(__FILE__, __LINE__, #__VA_ARGS__ " is false"); \
      throw ::millrace::test::Abandoned{};                                  \
    }                                                                       \
  } while (false)

/// Ends the test as skipped, with the reason in the output.
#define SKIP(reason) \
  throw ::millrace::test::Skipped { reason }
