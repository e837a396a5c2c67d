// Attention over blocks of KV. The positions of a sequence are cut into chunks of kChunkPositions, and these
// into tiles, at fixed places. Within a chunk the softmax is online, tile after tile; the chunks' states are
// merged in order (the split of Dao et al. 2023, "Flash-Decoding"; online softmax: Milakov & Gimelshein 2018,
// arXiv:1805.02867). What a query computes therefore depends on its position only, not on the other
// queries of the step or on the number of threads, and one long sequence can use all threads.
#include <algorithm>
#include <limits>

#include "cpu/attention_work.hpp"
#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kChunkPositions = 512;
// Queries of a row up to which they are rows of scratch, not columns (attention_kernels.hpp).
constexpr int kFewQueries = 12;
// exp(x) = 2^(x log2 e)
constexpr float kLog2E = 1.44269504F;

static_assert(kChunkPositions % kTilePositions == 0);

constexpr std::int64_t round_up(std::int64_t count, std::int64_t to) {
  return (count + to - 1) / to * to;
}

// Some consecutive query tokens of one row, with the query heads of one KV head.
struct Unit {
  int row;
  std::int64_t token, num_tokens;
  int kv_head;
};

struct Shape {
  const Batch& batch;
  const AttentionArgs& args;
  int group;           // query heads per KV head
  std::int64_t width;  // of a head in scratch memory
  int most_unit_tokens;

  Shape(const Batch& b, const AttentionArgs& a, int unit_queries)
      : batch(b),
        args(a),
        group(a.num_heads / a.kv.num_kv_heads),
        width(round_up(a.kv.head_dim, kWidthAlignment)),
        most_unit_tokens(std::max(1, unit_queries / group)) {}

  [[nodiscard]] std::int64_t tokens(int r) const { return batch.query_starts[r + 1] - batch.query_starts[r]; }
  // Positions [first, last) that a query token sees.
  [[nodiscard]] std::int64_t last(std::int64_t token) const { return batch.positions[token] + 1; }
  [[nodiscard]] std::int64_t first(std::int64_t token) const {
    return args.sliding_window == 0 ? 0 : std::max<std::int64_t>(0, last(token) - args.sliding_window);
  }
  // Chunks [first, last) that the unit's tokens see.
  [[nodiscard]] std::int64_t first_chunk(const Unit& u) const { return first(u.token) / kChunkPositions; }
  [[nodiscard]] std::int64_t last_chunk(const Unit& u) const {
    return (last(u.token + u.num_tokens - 1) - 1) / kChunkPositions + 1;
  }
  [[nodiscard]] std::int64_t state_floats(std::int64_t queries) const {
    return round_up(queries, kQueryAlignment) * (width + 2);
  }
  [[nodiscard]] QueryRows rows_of(const Unit& u, const Tensor& tensor) const {
    const int queries = static_cast<int>(u.num_tokens) * group;
    float* rows = row(tensor, u.token) + static_cast<std::int64_t>(u.kv_head) * group * args.kv.head_dim;
    return {rows, tensor.stride, queries, group, args.kv.head_dim};
  }
};

SoftmaxStates states_at(float* memory, const Shape& shape, std::int64_t queries) {
  const std::int64_t padded = round_up(queries, kQueryAlignment);
  return {memory, memory + padded * shape.width, memory + padded * (shape.width + 1)};
}

void clear(const SoftmaxStates& states, const Shape& shape, std::int64_t queries) {
  const std::int64_t padded = round_up(queries, kQueryAlignment);
  std::fill_n(states.sums, padded * shape.width, 0.0F);
  std::fill_n(states.best, padded, -std::numeric_limits<float>::infinity());
  std::fill_n(states.total, padded, 0.0F);
}

// A worker's memory for one unit.
struct Workspace {
  float *q, *scores, *rows;
  std::int32_t *firsts, *lasts;
  SoftmaxStates all, chunk;

  Workspace(float* memory, const Shape& shape, std::int64_t queries)
      : q(memory), scores(q + round_up(queries, kQueryAlignment) * shape.width) {
    const std::int64_t padded = round_up(queries, kQueryAlignment);
    rows = scores + padded * kTilePositions;
    firsts = reinterpret_cast<std::int32_t*>(rows + 2 * kTilePositions * shape.width);
    lasts = firsts + padded;
    all = states_at(reinterpret_cast<float*>(lasts) + padded, shape, queries);
    chunk = states_at(all.sums + shape.state_floats(queries), shape, queries);
  }
  static std::int64_t floats(const Shape& shape, std::int64_t queries) {
    return round_up(queries, kQueryAlignment) * (shape.width + kTilePositions + 2) +
           2 * kTilePositions * shape.width + 2 * shape.state_floats(queries);
  }
};

// Rows of the positions of a tile: those in [first, last) where the cache has them, others zeros. What lies
// in a block beyond the sequence's end may be anything, NaN included.
struct TileRows {
  const std::byte *keys[kTilePositions], *values[kTilePositions];

  void find(const Shape& shape, const Unit& unit, std::int64_t start, std::int64_t first, std::int64_t last,
            const std::byte* zeros) {
    const KvLayer& kv = shape.args.kv;
    const std::int64_t head_bytes = storage_bytes(kv.dtype, kv.head_dim);
    const std::int32_t* table =
        shape.batch.block_tables + static_cast<std::int64_t>(unit.row) * shape.batch.max_blocks;
    std::int64_t position = std::max(start, first);
    const std::int64_t end = std::min(start + kTilePositions, last);
    int j = 0;
    const auto fill_zeros = [&](std::int64_t until) {
      for (; j < until; ++j) keys[j] = values[j] = zeros;
    };
    fill_zeros(position - start);
    while (position < end) {
      const std::int64_t block = table[position / kv.block_tokens], at = position % kv.block_tokens;
      const std::int64_t slot = (block * kv.num_kv_heads + unit.kv_head) * kv.block_tokens + at;
      const std::byte* key = static_cast<const std::byte*>(kv.keys) + slot * head_bytes;
      const std::byte* value = static_cast<const std::byte*>(kv.values) + slot * head_bytes;
      const std::int64_t run = std::min(kv.block_tokens - at, end - position);
      for (std::int64_t i = 0; i < run; ++i, ++j, key += head_bytes, value += head_bytes) {
        keys[j] = key;
        values[j] = value;
      }
      position += run;
    }
    fill_zeros(kTilePositions);
  }
};

// What the layer's attention works with in this step.
struct Layer {
  const Shape shape;
  const AttentionKernels& kernels;
  AttentionWork& work;

  // A row is decoded when it has few queries.
  [[nodiscard]] bool is_few(int r) const { return shape.tokens(r) * shape.group <= kFewQueries; }
  [[nodiscard]] const AttentionPath& path(int r) const {
    return (is_few(r) ? kernels.few : kernels.many)[static_cast<int>(shape.args.kv.dtype)];
  }
  [[nodiscard]] std::int64_t unit_tokens(int r) const {
    return is_few(r) ? shape.tokens(r) : shape.most_unit_tokens;
  }
};

// Query ranges of a tile, or null where every query sees all of it.
void set_ranges(const Shape& shape, const Unit& unit, std::int64_t start, const Workspace& memory,
                AttendTile& tile) {
  const std::int64_t end = start + kTilePositions;
  const std::int64_t last_token = unit.token + unit.num_tokens - 1;
  tile.first = tile.last = nullptr;
  if (shape.first(last_token) <= start && shape.last(unit.token) >= end) return;
  const auto clamp = [&](std::int64_t position) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(position - start, 0, kTilePositions));
  };
  std::int32_t *first = memory.firsts, *last = memory.lasts;
  for (std::int64_t i = 0; i < unit.num_tokens; ++i) {
    first = std::fill_n(first, shape.group, clamp(shape.first(unit.token + i)));
    last = std::fill_n(last, shape.group, clamp(shape.last(unit.token + i)));
  }
  std::fill(first, memory.lasts, 0);
  std::fill(last, memory.lasts + (memory.lasts - memory.firsts), 0);
  tile.first = memory.firsts;
  tile.last = memory.lasts;
}

// The states of the unit's queries, which are in memory.q, over one chunk, from nothing.
void attend_chunk(const Layer& layer, const Unit& unit, std::int64_t chunk, const Workspace& memory,
                  const SoftmaxStates& states, bool is_split) {
  const Shape& shape = layer.shape;
  const std::int64_t queries = unit.num_tokens * shape.group;
  clear(states, shape, queries);
  const std::int64_t first = shape.first(unit.token), last = shape.last(unit.token + unit.num_tokens - 1);
  const std::int64_t start = std::max(chunk * kChunkPositions, first / kTilePositions * kTilePositions);
  const std::int64_t end = std::min((chunk + 1) * kChunkPositions, last);
  const AttentionPath& path = layer.path(unit.row);
  TileRows rows[2];
  rows[0].find(shape, unit, start, first, last, layer.work.zeros());
  for (std::int64_t at = start; at < end; at += kTilePositions) {
    const std::int64_t index = (at - start) / kTilePositions;
    TileRows &now = rows[index % 2], &next = rows[(index + 1) % 2];
    // After its part of a unit, this thread will probably take the next head's.
    const bool is_last = at + kTilePositions >= (is_split ? end : last);
    const Unit next_unit = {unit.row, unit.token, unit.num_tokens, unit.kv_head + (is_last ? 1 : 0)};
    const bool has_next = next_unit.kv_head < shape.args.kv.num_kv_heads;
    if (has_next) {
      const std::int64_t next_at = !is_last   ? at + kTilePositions
                                   : is_split ? start
                                              : first / kTilePositions * kTilePositions;
      next.find(shape, next_unit, next_at, first, last, layer.work.zeros());
    }
    AttendTile tile = {.q = memory.q,
                       .keys = now.keys,
                       .values = now.values,
                       .next_keys = has_next ? next.keys : nullptr,
                       .next_values = has_next ? next.values : nullptr,
                       .begin = static_cast<int>(std::max<std::int64_t>(0, first - at)),
                       .end = static_cast<int>(std::min<std::int64_t>(kTilePositions, last - at)),
                       .num_queries = static_cast<int>(queries),
                       .head_dim = shape.args.kv.head_dim,
                       .first = nullptr,
                       .last = nullptr,
                       .scores = memory.scores,
                       .rows = memory.rows,
                       .states = states};
    set_ranges(shape, unit, at, memory, tile);
    path.attend(tile);
  }
}

void load_queries(const Layer& layer, const Unit& unit, float* q) {
  const AttentionArgs& args = layer.shape.args;
  layer.path(unit.row).load(layer.shape.rows_of(unit, args.q), args.scale * kLog2E, q);
}

// All chunks of a unit.
void attend_unit(const Layer& layer, const Unit& unit, const Workspace& memory) {
  const Shape& shape = layer.shape;
  const AttentionPath& path = layer.path(unit.row);
  load_queries(layer, unit, memory.q);
  const std::int64_t first = shape.first_chunk(unit), queries = unit.num_tokens * shape.group;
  attend_chunk(layer, unit, first, memory, memory.all, false);
  for (std::int64_t c = first + 1; c < shape.last_chunk(unit); ++c) {
    attend_chunk(layer, unit, c, memory, memory.chunk, false);
    path.merge(memory.chunk, static_cast<int>(queries), shape.args.kv.head_dim, memory.all);
  }
  path.store(memory.all, shape.rows_of(unit, shape.args.out));
}

// One chunk of a unit, whose state goes to the row's memory. Who finishes a unit's last chunk merges them.
void attend_piece(const Layer& layer, const AttentionWork::Row& row, std::int64_t unit_index,
                  const Unit& unit, std::int64_t chunk, const Workspace& memory) {
  const Shape& shape = layer.shape;
  const std::int64_t first = shape.first_chunk(unit), last = shape.last_chunk(unit);
  if (chunk < first || chunk >= last) return;
  const AttentionPath& path = layer.path(unit.row);
  const std::int64_t queries = unit.num_tokens * shape.group;
  float* states = layer.work.states() + row.first_state + unit_index * row.chunks * row.state_floats;
  const auto states_of = [&](std::int64_t c) {
    return states_at(states + (c - row.first_chunk) * row.state_floats, shape, queries);
  };
  load_queries(layer, unit, memory.q);
  attend_chunk(layer, unit, chunk, memory, states_of(chunk), true);
  if (!layer.work.finish(row.first_unit + unit_index, last - first)) return;
  const SoftmaxStates all = states_of(first);
  for (std::int64_t c = first + 1; c < last; ++c) {
    path.merge(states_of(c), static_cast<int>(queries), shape.args.kv.head_dim, all);
  }
  path.store(all, shape.rows_of(unit, shape.args.out));
}

void attend_task(const Layer& layer, Scratch& scratch, std::int64_t task, int worker) {
  const Shape& shape = layer.shape;
  const AttentionWork::Row& row = layer.work.row_of_task(task);
  const std::int64_t heads = shape.args.kv.num_kv_heads;
  std::int64_t index = task - row.first_task;
  // Heads change fastest where rows are short: their keys are neighbours in memory. Chunks come next.
  const std::int64_t unit_index = index % (row.units);
  const std::int64_t chunk = row.first_chunk + index / row.units;
  const std::int64_t step = layer.unit_tokens(row.row);
  const std::int64_t token = shape.batch.query_starts[row.row] + unit_index / heads * step;
  const Unit unit = {row.row, token,
                     std::min<std::int64_t>(step, shape.batch.query_starts[row.row + 1] - token),
                     static_cast<int>(unit_index % heads)};
  const std::int64_t queries = unit.num_tokens * shape.group;
  const Workspace memory(scratch.floats(worker, Workspace::floats(shape, queries)), shape, queries);
  if (row.is_split) {
    attend_piece(layer, row, unit_index, unit, chunk, memory);
  } else {
    attend_unit(layer, unit, memory);
  }
}

// Lays out the step's tasks: a unit each, or a unit and chunk for decoded rows and where units are too few to
// occupy every thread.
void plan(const Layer& layer, int threads) {
  const Shape& shape = layer.shape;
  AttentionWork& work = layer.work;
  std::int64_t units = 0;
  for (int r = 0; r < shape.batch.num_rows; ++r) {
    if (shape.tokens(r) == 0) continue;
    const std::int64_t step = layer.unit_tokens(r);
    units += (shape.tokens(r) + step - 1) / step * shape.args.kv.num_kv_heads;
  }
  work.start();
  for (int r = 0; r < shape.batch.num_rows; ++r) {
    if (shape.tokens(r) == 0) continue;
    const std::int64_t step = layer.unit_tokens(r);
    const Unit whole = {r, shape.batch.query_starts[r], shape.tokens(r), 0};
    AttentionWork::Row row;
    row.row = r;
    row.units = (shape.tokens(r) + step - 1) / step * shape.args.kv.num_kv_heads;
    row.first_chunk = shape.first_chunk(whole);
    row.chunks = shape.last_chunk(whole) - row.first_chunk;
    row.is_split = threads > 1 && row.chunks > 1 && (layer.is_few(r) || units < 4LL * threads);
    row.state_floats = shape.state_floats(std::min(step, shape.tokens(r)) * shape.group);
    work.add(row);
  }
  work.finish_plan(shape.width);
}

}  // namespace

void cpu_attention(CpuContext& context, const Batch& batch, const AttentionArgs& args) {
  const AttentionKernels& kernels = context.attention.kernels();
  const Layer layer = {Shape(batch, args, kernels.unit_queries), kernels, context.attention};
  plan(layer, context.pool.limit());
  std::int64_t longest = 0;
  for (int r = 0; r < batch.num_rows; ++r) longest = std::max<std::int64_t>(longest, batch.context_lens[r]);
  const bool small =
      static_cast<std::int64_t>(batch.num_tokens) * args.num_heads * args.kv.head_dim * longest <
      kInlineProducts;
  run_tasks(context.pool, small, context.attention.tasks(),
            [&](std::int64_t task, int worker) { attend_task(layer, context.worker_scratch, task, worker); });
}

}  // namespace millrace
