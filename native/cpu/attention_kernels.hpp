// The inner loops of attention, as a table of plain functions per instruction set. As kernels.hpp, this may
// be included by files that are compiled for one.
//
// A path is a way to lay out queries and softmax states. There are two: `few` for the tokens of a decode step
// (rows of q, lanes are positions or head elements), `many` for prompts (columns of q, lanes are queries).
// Both do the same operations in the same order for one query, so they give the same bits.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/kernels.hpp"

namespace millrace {

enum class Isa : std::uint8_t;  // isa.hpp

// Positions of the KV cache that attention takes at a time. Tiles are aligned to it in the sequence.
constexpr int kTilePositions = 64;
// Rows of the cache between the one that `few` reads and the one that it asks for. More of them, and rows
// leave the L1 cache before they are read.
constexpr int kRowsAhead = 16;
// Widths of heads in scratch memory and counts of queries are padded to these.
constexpr int kWidthAlignment = 32;
constexpr int kQueryAlignment = 16;

// Query heads that share a KV head, for consecutive tokens: query i * group + g is head g of token i.
struct QueryRows {
  float* rows;              // head 0 of token 0
  std::int64_t row_stride;  // elements from a token to the next
  int num_queries, group, head_dim;
};

// Softmax states of a unit's queries: `best` the largest score so far (in powers of two; -infinity at first),
// `total` the sum of weights 2^(score - best), `sums` that of weights times values. few: sums is
// (queries, width), where a path may permute the head's elements; many: (width, queries).
struct SoftmaxStates {
  float *sums, *best, *total;
};

// Up to kTilePositions positions for a unit's queries. Query i sees the positions [first[i], last[i]) of the
// tile; where that is empty, its state does not change.
struct AttendTile {
  const void* q;  // as `load` left it; it has room for 2 * width floats a query
  // (kTilePositions,) rows of head_dim elements; outside [begin, end) zeros. Behind the keys in the same
  // array are the values, and behind these the first kRowsAhead of the keys that will probably be asked for
  // next.
  const std::byte* const* keys;
  const std::byte* const* values;
  // All of those, or null: they are fetched meanwhile.
  const std::byte *const *next_keys, *const *next_values;
  int begin, end;  // positions that some query sees
  int num_queries, head_dim;
  const std::int32_t *first,
      *last;      // (num_queries, padded with zeros) or null: every query sees every position
  float* scores;  // scratch: (queries, padded; kTilePositions)
  float* rows;    // scratch: 2 * kTilePositions * width
  SoftmaxStates states;
};

struct AttentionPath {
  // Queries, times `scale` (which holds log2 e), in the layout of `attend`.
  void (*load)(const QueryRows& from, float scale, void* q);
  void (*attend)(const AttendTile& tile);
  // Adds the states over a later chunk to those over the earlier ones.
  void (*merge)(const SoftmaxStates& chunk, int num_queries, int head_dim, const SoftmaxStates& all);
  // sums / total
  void (*store)(const SoftmaxStates& all, const QueryRows& to);
};

struct AttentionKernels {
  // Indexed by the cache's DType: F32, F16, BF16.
  AttentionPath few[3], many[3];
  int unit_queries;  // that `many` takes at its best
  // Turns the first rotary_dim elements of a head. Rotary embedding: Su et al. 2021, arXiv:2104.09864,
  // equation 34; the form says which elements are a pair, and how cosines and sines lie (rope_store.cpp).
  // Indexed by RopeForm.
  void (*rotate[2])(const float* cosines, const float* sines, int rotary_dim, float* head);
};

const AttentionKernels& scalar_attention();
// Null where the compiler could not make them. Whether the processor runs them is cpu_features()'s to say.
const AttentionKernels* avx2_attention();
const AttentionKernels* avx512_attention();
// As avx512_attention(), with products of BF16 pairs for a BF16 cache.
const AttentionKernels* avx512bf16_attention();

// The table of a level, which the processor has.
const AttentionKernels& attention_for(Isa isa);

}  // namespace millrace
