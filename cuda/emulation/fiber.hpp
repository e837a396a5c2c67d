#pragma once
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace millrace::emulation {

// A function with a stack of its own that can stop in its middle and go on later. All on one system thread.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Gives it the function that the next resume() begins. Only when none is running in it.
  void start(std::function<void()> body);
  // Runs it until it yields or ends. What the function throws comes out here.
  void resume();
  // Leaves the running fiber, back to who resumed it.
  static void yield();
  // Whether a fiber of this system thread runs.
  [[nodiscard]] static bool is_inside();
  // Ends the running fiber where it is, from a signal's handler too: nothing of its stack is destroyed, and
  // the failure comes out of resume().
  [[noreturn]] static void give_up(std::exception_ptr failure);
  [[nodiscard]] bool done() const { return done_; }

 private:
  static constexpr std::size_t kStackBytes = 128 * 1024;
  struct Context;
  static void run();
  void switch_in();
  void switch_out();

  std::unique_ptr<std::byte[]> stack_;
  std::unique_ptr<Context> context_;
  std::function<void()> body_;
  std::exception_ptr failure_;
  bool done_ = true;
};

}  // namespace millrace::emulation
