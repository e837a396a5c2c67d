// Attention as a plain loop over a query's positions: what the other tables are tested against, and what runs
// where there is no other.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/convert.hpp"
#include "core/dtype.hpp"
#include "cpu/attention_kernels.hpp"
#include "runtime/model_spec.hpp"

namespace millrace {
namespace {

std::int64_t padded(int head_dim) {
  return (head_dim + kWidthAlignment - 1) / kWidthAlignment * kWidthAlignment;
}

template <DType kType>
float element(const std::byte* row, int d) {
  if constexpr (kType == DType::kF32) return load_unaligned<float>(row + d * 4);
  const auto bits = load_unaligned<std::uint16_t>(row + d * 2);
  return kType == DType::kF16 ? f16_to_float(bits) : bf16_to_float(bits);
}

float* query_row(const QueryRows& q, int query) {
  return q.rows + query / q.group * q.row_stride + static_cast<std::int64_t>(query % q.group) * q.head_dim;
}

void load(const QueryRows& from, float scale, void* q) {
  for (int i = 0; i < from.num_queries; ++i) {
    float* to = static_cast<float*>(q) + i * padded(from.head_dim);
    for (int d = 0; d < from.head_dim; ++d) to[d] = query_row(from, i)[d] * scale;
  }
}

template <DType kType>
void attend_query(const AttendTile& t, int query, int first, int last) {
  const float* q = static_cast<const float*>(t.q) + query * padded(t.head_dim);
  float* sums = t.states.sums + query * padded(t.head_dim);
  float best = t.states.best[query];
  for (int j = first; j < last; ++j) {
    float dot = 0;
    for (int d = 0; d < t.head_dim; ++d) dot += q[d] * element<kType>(t.keys[j], d);
    t.scores[j] = dot;
    best = std::max(best, dot);
  }
  // At first the old best is -infinity, and the factor 0.
  const float rescale = std::exp2(t.states.best[query] - best);
  t.states.best[query] = best;
  t.states.total[query] *= rescale;
  for (int d = 0; d < t.head_dim; ++d) sums[d] *= rescale;
  for (int j = first; j < last; ++j) {
    const float p = std::exp2(t.scores[j] - best);
    t.states.total[query] += p;
    for (int d = 0; d < t.head_dim; ++d) sums[d] += p * element<kType>(t.values[j], d);
  }
}

template <DType kType>
void attend(const AttendTile& t) {
  for (int i = 0; i < t.num_queries; ++i) {
    const int first = t.first == nullptr ? 0 : t.first[i];
    const int last = t.first == nullptr ? kTilePositions : t.last[i];
    if (first < last) attend_query<kType>(t, i, first, last);
  }
}

void merge(const SoftmaxStates& chunk, int num_queries, int head_dim, const SoftmaxStates& all) {
  for (int i = 0; i < num_queries; ++i) {
    if (chunk.total[i] == 0) continue;  // the query sees nothing of the chunk; NaN goes on
    const float best = std::max(all.best[i], chunk.best[i]);
    const float a = std::exp2(all.best[i] - best), b = std::exp2(chunk.best[i] - best);
    all.best[i] = best;
    all.total[i] = all.total[i] * a + chunk.total[i] * b;
    float* to = all.sums + i * padded(head_dim);
    const float* from = chunk.sums + i * padded(head_dim);
    for (int d = 0; d < head_dim; ++d) to[d] = to[d] * a + from[d] * b;
  }
}

void store(const SoftmaxStates& all, const QueryRows& to) {
  for (int i = 0; i < to.num_queries; ++i) {
    float* out = query_row(to, i);
    const float* sums = all.sums + i * padded(to.head_dim);
    for (int d = 0; d < to.head_dim; ++d) out[d] = sums[d] / all.total[i];
  }
}

void rotate_halves(const float* cosines, const float* sines, int rotary_dim, float* head) {
  const int pairs = rotary_dim / 2;
  for (int i = 0; i < pairs; ++i) {
    const float a = head[i], b = head[i + pairs];
    head[i] = a * cosines[i] - b * sines[i];
    head[i + pairs] = b * cosines[i] + a * sines[i];
  }
}

void rotate_pairs(const float* cosines, const float* sines, int rotary_dim, float* head) {
  for (int i = 0; i < rotary_dim; i += 2) {
    const float a = head[i], b = head[i + 1];
    head[i] = a * cosines[i] + b * sines[i];
    head[i + 1] = b * cosines[i + 1] + a * sines[i + 1];
  }
}

static_assert(static_cast<int>(RopeForm::kHalves) == 0 && static_cast<int>(RopeForm::kPairs) == 1,
              "AttentionKernels::rotate is in this order");

template <DType kType>
constexpr AttentionPath path() {
  return {load, attend<kType>, merge, store};
}

}  // namespace

const AttentionKernels& scalar_attention() {
  static constexpr AttentionKernels kKernels = {
      .few = {path<DType::kF32>(), path<DType::kF16>(), path<DType::kBF16>()},
      .many = {path<DType::kF32>(), path<DType::kF16>(), path<DType::kBF16>()},
      .unit_queries = 32,
      .rotate = {rotate_halves, rotate_pairs},
  };
  return kKernels;
}

}  // namespace millrace
