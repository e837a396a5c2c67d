#pragma once
#include <cstdint>

#include "platform/runtime.hpp"
#include "runtime/model_spec.hpp"

namespace millrace::gpu {

// y = activation(gate) * up, where products have left each row's gate and up beside each other.
template <typename T, typename Sum>
struct GateParams {
  const Sum* both;  // (rows, 2 * outputs), of T or of float
  T* y;             // (rows, outputs)
  std::int64_t y_stride;
  int rows, outputs;
  Activation activation;
};

template <typename T, typename Sum>
void launch_gate(Stream& stream, const GateParams<T, Sum>& params);

}  // namespace millrace::gpu
