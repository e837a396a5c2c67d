#pragma once
#include "card_timer.hpp"
#include "kernels/matmul_library.hpp"
#include "report.hpp"
#include "steps.hpp"

namespace millrace::bench {

// Operations each microsecond of a large BF16 product.
double measure_matrix_rate(gpu::Stream& stream, int multiprocessors);
double measure_library_rate(gpu::Stream& stream, gpu::CublasLt& library);
// `device`: what a device on this card has cuBLASLt for. Where it is there, products of many rows are
// measured both ways.
void measure_products(Report& report, gpu::Stream& stream, const Ceilings& ceilings,
                      const gpu::ProductLibrary& device);
void measure_attention(Report& report, gpu::Stream& stream, const Ceilings& ceilings);
void measure_sampling(Report& report, gpu::Stream& stream);

}  // namespace millrace::bench
