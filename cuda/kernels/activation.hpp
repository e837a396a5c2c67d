#pragma once
#include <cmath>

#include "platform/names.hpp"
#include "runtime/model_spec.hpp"

namespace millrace::gpu {

__device__ inline float activated(Activation activation, float x) {
  switch (activation) {
    case Activation::kSilu:
      return __fdividef(x, 1 + expf(-x));
    case Activation::kGelu:
      return 0.5F * x * (1 + erff(x * 0.70710678F));
    case Activation::kGeluTanh:
      return 0.5F * x * (1 + tanhf(0.7978845608F * (x + 0.044715F * x * x * x)));
  }
  return x;
}

}  // namespace millrace::gpu
