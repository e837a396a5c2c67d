#include "emulation/fiber.hpp"

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "emulation/stack_notes.hpp"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace millrace::emulation {
namespace {

thread_local Fiber* running = nullptr;

}  // namespace

#if defined(__x86_64__)

// Saves the registers that a called function must keep on the stack of the one who calls, notes where, and
// takes up those of the other stack. swapcontext() asks the system for the signal mask at every switch.
extern "C" void millrace_switch_stack(void** save, void* load);
asm(R"(
.text
.globl millrace_switch_stack
.hidden millrace_switch_stack
.type millrace_switch_stack, @function
millrace_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size millrace_switch_stack, .-millrace_switch_stack
)");

struct Fiber::Context : StackNotes {
  using StackNotes::StackNotes;
  void* fiber = nullptr;
  void* resumer = nullptr;
};

void Fiber::start(std::function<void()> body) {
  body_ = std::move(body);
  done_ = false;
  context_->begin();
  // The top of a stack in the middle of millrace_switch_stack: six registers, where to return to, and a word
  // that keeps the alignment that a function expects at its begin.
  auto top = reinterpret_cast<std::uintptr_t>(stack_.get() + kStackBytes) & ~std::uintptr_t{15};
  auto* words = reinterpret_cast<std::uintptr_t*>(top) - 8;
  for (int i = 0; i < 6; ++i) words[i] = 0;
  words[6] = reinterpret_cast<std::uintptr_t>(&Fiber::run);
  words[7] = 0;
  context_->fiber = words;
}

void Fiber::switch_in() {
  context_->will_enter();
  millrace_switch_stack(&context_->resumer, context_->fiber);
  context_->left();
}

MILLRACE_UNNOTED void Fiber::switch_out() {
  context_->will_leave(done_);
  millrace_switch_stack(&context_->fiber, context_->resumer);
  context_->entered();
}

#else

struct Fiber::Context : StackNotes {
  using StackNotes::StackNotes;
  ucontext_t fiber, resumer;
};

void Fiber::start(std::function<void()> body) {
  body_ = std::move(body);
  done_ = false;
  context_->begin();
  getcontext(&context_->fiber);
  context_->fiber.uc_stack.ss_sp = stack_.get();
  context_->fiber.uc_stack.ss_size = kStackBytes;
  context_->fiber.uc_link = nullptr;
  makecontext(&context_->fiber, &Fiber::run, 0);
}

void Fiber::switch_in() {
  context_->will_enter();
  swapcontext(&context_->resumer, &context_->fiber);
  context_->left();
}

MILLRACE_UNNOTED void Fiber::switch_out() {
  context_->will_leave(done_);
  swapcontext(&context_->fiber, &context_->resumer);
  context_->entered();
}

#endif

Fiber::Fiber()
    : stack_(new std::byte[kStackBytes]), context_(std::make_unique<Context>(stack_.get(), kStackBytes)) {}

Fiber::~Fiber() = default;

MILLRACE_UNNOTED void Fiber::run() {
  Fiber& fiber = *running;
  fiber.context_->entered();
  try {
    fiber.body_();
  } catch (...) {
    fiber.failure_ = std::current_exception();
  }
  fiber.done_ = true;
  fiber.switch_out();
}

void Fiber::resume() {
  Fiber* resumer = std::exchange(running, this);
  switch_in();
  running = resumer;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Fiber::yield() {
  running->switch_out();
}

bool Fiber::is_inside() {
  return running != nullptr;
}

void Fiber::give_up(std::exception_ptr failure) {
  running->failure_ = std::move(failure);
  running->done_ = true;
  running->switch_out();
  std::abort();
}

}  // namespace millrace::emulation
