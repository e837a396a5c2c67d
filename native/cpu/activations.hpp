#pragma once
#include <array>
#include <cstdint>

#include "cpu/cpu_memory.hpp"
#include "cpu/kernels.hpp"
#include "cpu/panels.hpp"
#include "cpu/thread_pool.hpp"
#include "runtime/device.hpp"

namespace millrace {

// The rows of one product in the forms that its weights' kernels multiply. Each form is made once per
// product, in memory that the next product uses again.
class PreparedActivations {
 public:
  PreparedActivations(const Kernels& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  // Makes the form of x unless it is there; panels.quantize makes whole numbers.
  const Activations& prepare(const Tensor& x, ActivationForm form, const PanelKernels& panels);
  // What was made last no longer counts: x has changed.
  void forget() { ready_ = {}; }

 private:
  static constexpr int kForms = 4;

  const Kernels& kernels_;
  ThreadPool& pool_;
  Scratch memory_{3};  // BF16; whole numbers; their scales and sums
  std::array<bool, kForms> ready_ = {};
  std::array<Activations, kForms> forms_ = {};
};

}  // namespace millrace
