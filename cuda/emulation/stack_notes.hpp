// Tells AddressSanitizer and ThreadSanitizer which stack runs, where one of them is compiled in: both keep
// notes by stack.
#pragma once
#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MILLRACE_ADDRESS_SANITIZER
#elif __has_feature(thread_sanitizer)
#define MILLRACE_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MILLRACE_ADDRESS_SANITIZER
#elif defined(__SANITIZE_THREAD__)
#define MILLRACE_THREAD_SANITIZER
#endif

#if defined(MILLRACE_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(MILLRACE_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

// A function of which ThreadSanitizer is told nothing: it counts calls by stack, and these begin on one and
// end on another, or never.
#if defined(MILLRACE_THREAD_SANITIZER)
#define MILLRACE_UNNOTED __attribute__((no_sanitize("thread")))
#define MILLRACE_INLINED __attribute__((always_inline)) inline
#else
#define MILLRACE_UNNOTED
#endif

namespace millrace::emulation {

#if defined(MILLRACE_ADDRESS_SANITIZER)

class StackNotes {
 public:
  StackNotes(void* stack, std::size_t bytes) : stack_(stack), bytes_(bytes) {}
  void begin() {
    fake_stack_ = nullptr;
    __asan_unpoison_memory_region(stack_, bytes_);
  }
  void will_enter() { __sanitizer_start_switch_fiber(&resumer_fake_stack_, stack_, bytes_); }
  void entered() { __sanitizer_finish_switch_fiber(fake_stack_, &resumer_stack_, &resumer_bytes_); }
  void will_leave(bool for_good) {
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, resumer_stack_, resumer_bytes_);
  }
  void left() { __sanitizer_finish_switch_fiber(resumer_fake_stack_, nullptr, nullptr); }

 private:
  void* stack_;
  std::size_t bytes_;
  void *fake_stack_ = nullptr, *resumer_fake_stack_ = nullptr;
  const void* resumer_stack_ = nullptr;
  std::size_t resumer_bytes_ = 0;
};

#elif defined(MILLRACE_THREAD_SANITIZER)

class StackNotes {
 public:
  StackNotes(void*, std::size_t) : fiber_(__tsan_create_fiber(0)) {}
  ~StackNotes() { __tsan_destroy_fiber(fiber_); }
  StackNotes(const StackNotes&) = delete;
  StackNotes& operator=(const StackNotes&) = delete;
  void begin() {}
  MILLRACE_UNNOTED MILLRACE_INLINED void will_enter() {
    resumer_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber_, 0);
  }
  void entered() {}
  MILLRACE_UNNOTED MILLRACE_INLINED void will_leave(bool) { __tsan_switch_to_fiber(resumer_, 0); }
  void left() {}

 private:
  void *fiber_, *resumer_ = nullptr;
};

#undef MILLRACE_INLINED

#else

class StackNotes {
 public:
  StackNotes(void*, std::size_t) {}
  void begin() {}
  void will_enter() {}
  void entered() {}
  void will_leave(bool) {}
  void left() {}
};

#endif

}  // namespace millrace::emulation
