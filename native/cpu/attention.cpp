// Attention over blocks of KV. The positions of a sequence are cut into chunks of kChunkPositions, and these
// into tiles, at fixed places. Within a chunk the softmax is online, tile after tile; the chunks' states are
// merged in order (the split of Dao et al. 2023, "Flash-Decoding"; online softmax: Milakov & Gimelshein 2018,
// arXiv:1805.02867). What a query computes therefore depends on its position only, not on the other
// queries of the step or on the number of threads, and one long sequence can use all threads.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kChunkPositions = 512;
constexpr int kQueriesPerUnit = 32;  // query tokens times heads that share one KV head
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

static_assert(kChunkPositions % kTilePositions == 0);

// Some consecutive query tokens of one row, with the query heads of one KV head.
struct Unit {
  int row;
  std::int64_t token, num_tokens;
  int kv_head;
};

struct Shape {
  const Batch& batch;
  const AttentionArgs& args;
  int group;  // query heads per KV head
  int width;  // head_dim, padded
  int tokens_per_unit;

  Shape(const Batch& b, const AttentionArgs& a)
      : batch(b),
        args(a),
        group(a.num_heads / a.kv.num_kv_heads),
        width((a.kv.head_dim + kHeadAlignment - 1) / kHeadAlignment * kHeadAlignment),
        tokens_per_unit(std::max(1, kQueriesPerUnit / group)) {}

  [[nodiscard]] int max_queries() const { return tokens_per_unit * group; }
  [[nodiscard]] std::int64_t units_of_row(int r) const {
    const std::int64_t tokens = batch.query_starts[r + 1] - batch.query_starts[r];
    return (tokens + tokens_per_unit - 1) / tokens_per_unit * args.kv.num_kv_heads;
  }
  [[nodiscard]] Unit unit(int r, std::int64_t index) const {
    const std::int64_t token = batch.query_starts[r] + index / args.kv.num_kv_heads * tokens_per_unit;
    const std::int64_t end = batch.query_starts[r + 1];
    return {r, token, std::min<std::int64_t>(tokens_per_unit, end - token),
            static_cast<int>(index % args.kv.num_kv_heads)};
  }
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
};

// Floats in whole cache lines.
std::int64_t rounded(std::int64_t count) {
  return (count + 15) / 16 * 16;
}

// Softmax states of a unit's queries: best and total (queries,), sums (queries, width).
struct States {
  float *sums, *best, *total;

  States(float* memory, const Shape& shape)
      : sums(memory),
        best(memory + static_cast<std::int64_t>(shape.max_queries()) * shape.width),
        total(best + shape.max_queries()) {}
  static std::int64_t floats(const Shape& shape) {
    return rounded(static_cast<std::int64_t>(shape.max_queries()) * (shape.width + 2));
  }
  void clear(std::int64_t queries, int width) {
    std::fill_n(sums, queries * width, 0.0F);
    std::fill_n(best, queries, kMinusInfinity);
    std::fill_n(total, queries, 0.0F);
  }
};

// A worker's memory for one unit.
struct Workspace {
  float *q, *k, *v, *scores;
  std::int32_t *firsts, *lasts;  // (queries,) positions of the tile that a query sees
  States chunk, all;

  Workspace(float* memory, const Shape& shape)
      : q(memory),
        k(q + static_cast<std::int64_t>(shape.max_queries()) * shape.width),
        v(k + static_cast<std::int64_t>(kTilePositions) * shape.width),
        scores(v + static_cast<std::int64_t>(kTilePositions) * shape.width),
        firsts(reinterpret_cast<std::int32_t*>(scores) +
               static_cast<std::int64_t>(shape.max_queries()) * kTilePositions),
        lasts(firsts + shape.max_queries()),
        chunk(reinterpret_cast<float*>(firsts) + rounded(2 * shape.max_queries()), shape),
        all(chunk.sums + States::floats(shape), shape) {}
  static std::int64_t floats(const Shape& shape) {
    return static_cast<std::int64_t>(shape.max_queries()) * (shape.width + kTilePositions) +
           rounded(2 * shape.max_queries()) + 2 * static_cast<std::int64_t>(kTilePositions) * shape.width +
           2 * States::floats(shape);
  }
};

// Query i * group + g of the unit is head g of its token i, padded with zeros.
void load_queries(const Shape& shape, const Unit& unit, float* q) {
  const int dim = shape.args.kv.head_dim;
  for (std::int64_t i = 0; i < unit.num_tokens; ++i) {
    const float* heads =
        row(shape.args.q, unit.token + i) + static_cast<std::int64_t>(unit.kv_head) * shape.group * dim;
    for (int g = 0; g < shape.group; ++g, q += shape.width) {
      std::copy_n(heads + static_cast<std::int64_t>(g) * dim, dim, q);
      std::fill_n(q + dim, shape.width - dim, 0.0F);
    }
  }
}

// Keys or values of the positions [first, last) into rows of a tile that starts at tile_start; zero
// elsewhere, since what lies in a block beyond the sequence's end may be anything, NaN included.
void load_tile(const CpuContext& context, const Shape& shape, const Unit& unit, const void* storage,
               std::int64_t tile_start, std::int64_t first, std::int64_t last, float* tile) {
  const KvLayer& kv = shape.args.kv;
  const auto widen = context.kernels.widen[static_cast<int>(kv.dtype)];
  const std::int64_t head_bytes = storage_bytes(kv.dtype, kv.head_dim);
  const std::int32_t* table =
      shape.batch.block_tables + static_cast<std::int64_t>(unit.row) * shape.batch.max_blocks;
  for (int j = 0; j < kTilePositions; ++j) {
    const std::int64_t position = tile_start + j;
    float* to = tile + static_cast<std::int64_t>(j) * shape.width;
    if (position < first || position >= last) {
      std::fill_n(to, shape.width, 0.0F);
      continue;
    }
    const std::int64_t block = table[position / kv.block_tokens];
    const std::int64_t slot =
        (block * kv.num_kv_heads + unit.kv_head) * kv.block_tokens + position % kv.block_tokens;
    widen(static_cast<const std::byte*>(storage) + slot * head_bytes, to, kv.head_dim);
    std::fill_n(to + kv.head_dim, shape.width - kv.head_dim, 0.0F);
  }
}

// The states of the unit's queries over one chunk, from nothing.
void attend_chunk(CpuContext& context, const Shape& shape, const Unit& unit, std::int64_t chunk,
                  Workspace& work, States& states) {
  const std::int64_t queries = unit.num_tokens * shape.group;
  states.clear(queries, shape.width);
  const std::int64_t seen_first = shape.first(unit.token);
  const std::int64_t seen_last = shape.last(unit.token + unit.num_tokens - 1);
  const std::int64_t start = std::max(chunk * kChunkPositions, seen_first / kTilePositions * kTilePositions);
  const std::int64_t end = std::min((chunk + 1) * kChunkPositions, seen_last);
  for (std::int64_t tile = start; tile < end; tile += kTilePositions) {
    load_tile(context, shape, unit, shape.args.kv.keys, tile, seen_first, seen_last, work.k);
    load_tile(context, shape, unit, shape.args.kv.values, tile, seen_first, seen_last, work.v);
    for (std::int64_t i = 0; i < queries; ++i) {
      const std::int64_t token = unit.token + i / shape.group;
      const auto clamp = [&](std::int64_t position) {
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(position - tile, 0, kTilePositions));
      };
      work.firsts[i] = clamp(shape.first(token));
      work.lasts[i] = clamp(shape.last(token));
    }
    context.kernels.attend({.q = work.q,
                            .k = work.k,
                            .v = work.v,
                            .num_queries = static_cast<int>(queries),
                            .width = shape.width,
                            .scale = shape.args.scale,
                            .first = work.firsts,
                            .last = work.lasts,
                            .scores = work.scores,
                            .best = states.best,
                            .total = states.total,
                            .sums = states.sums});
  }
}

// Adds the state over a later chunk to that over the earlier ones.
void merge(const States& chunk, std::int64_t queries, int width, States& all) {
  for (std::int64_t i = 0; i < queries; ++i) {
    if (chunk.total[i] == 0) continue;  // the query sees nothing of the chunk; NaN goes on
    const float best = chunk.best[i] > all.best[i] ? chunk.best[i] : all.best[i];
    const float a = std::exp(all.best[i] - best), b = std::exp(chunk.best[i] - best);
    all.best[i] = best;
    all.total[i] = all.total[i] * a + chunk.total[i] * b;
    float* to = all.sums + i * width;
    const float* from = chunk.sums + i * width;
    for (int d = 0; d < width; ++d) to[d] = to[d] * a + from[d] * b;
  }
}

void store(const Shape& shape, const Unit& unit, const States& all) {
  const int dim = shape.args.kv.head_dim;
  for (std::int64_t i = 0; i < unit.num_tokens * shape.group; ++i) {
    const std::int64_t head = static_cast<std::int64_t>(unit.kv_head) * shape.group + i % shape.group;
    float* out = row(shape.args.out, unit.token + i / shape.group) + head * dim;
    const float scale = 1 / all.total[i];
    for (int d = 0; d < dim; ++d) out[d] = all.sums[i * shape.width + d] * scale;
  }
}

void attend_unit(CpuContext& context, const Shape& shape, const Unit& unit, int worker) {
  Workspace work(context.worker_scratch.floats(worker, Workspace::floats(shape)), shape);
  load_queries(shape, unit, work.q);
  const std::int64_t queries = unit.num_tokens * shape.group;
  work.all.clear(queries, shape.width);
  for (std::int64_t c = shape.first_chunk(unit); c < shape.last_chunk(unit); ++c) {
    attend_chunk(context, shape, unit, c, work, work.chunk);
    merge(work.chunk, queries, shape.width, work.all);
  }
  store(shape, unit, work.all);
}

// The same with a task per unit and chunk, for steps with too few units to occupy every thread.
void attend_split(CpuContext& context, const Shape& shape) {
  struct Piece {
    Unit unit;
    std::int64_t chunk;
  };
  // Piece p of a row's unit is found by walking the rows: there are few units.
  const auto find = [&](std::int64_t piece) -> Piece {
    for (int r = 0;; ++r) {
      for (std::int64_t i = 0; i < shape.units_of_row(r); ++i) {
        const Unit unit = shape.unit(r, i);
        const std::int64_t chunks = shape.last_chunk(unit) - shape.first_chunk(unit);
        if (piece < chunks) return {unit, shape.first_chunk(unit) + piece};
        piece -= chunks;
      }
    }
  };
  std::int64_t pieces = 0;
  for (int r = 0; r < shape.batch.num_rows; ++r) {
    for (std::int64_t i = 0; i < shape.units_of_row(r); ++i) {
      const Unit unit = shape.unit(r, i);
      pieces += shape.last_chunk(unit) - shape.first_chunk(unit);
    }
  }
  const std::int64_t state_floats = States::floats(shape);
  float* states = context.shared_scratch.floats(0, (pieces + 1) * state_floats);
  context.pool.run(pieces, [&](std::int64_t p, int worker) {
    const Piece piece = find(p);
    Workspace work(context.worker_scratch.floats(worker, Workspace::floats(shape)), shape);
    load_queries(shape, piece.unit, work.q);
    States state(states + p * state_floats, shape);
    attend_chunk(context, shape, piece.unit, piece.chunk, work, state);
  });
  States all(states + pieces * state_floats, shape);
  for (std::int64_t p = 0; p < pieces;) {
    const Unit unit = find(p).unit;
    const std::int64_t queries = unit.num_tokens * shape.group;
    all.clear(queries, shape.width);
    for (std::int64_t c = shape.first_chunk(unit); c < shape.last_chunk(unit); ++c, ++p) {
      merge(States(states + p * state_floats, shape), queries, shape.width, all);
    }
    store(shape, unit, all);
  }
}

}  // namespace

void cpu_attention(CpuContext& context, const Batch& batch, const AttentionArgs& args) {
  const Shape shape(batch, args);
  std::int64_t units = 0;
  std::int64_t longest = 0;
  context.units.clear();
  for (int r = 0; r < batch.num_rows; ++r) {
    context.units.push_back(units);
    units += shape.units_of_row(r);
    if (batch.query_starts[r + 1] > batch.query_starts[r]) {
      longest = std::max(longest, shape.last(batch.query_starts[r + 1] - 1));
    }
  }
  const int threads = context.pool.limit();
  if (threads > 1 && units < 4 * threads && longest > kChunkPositions) {
    attend_split(context, shape);
    return;
  }
  const bool small =
      static_cast<std::int64_t>(batch.num_tokens) * args.num_heads * args.kv.head_dim * longest <
      kInlineProducts;
  run_tasks(context.pool, small, units, [&](std::int64_t task, int worker) {
    const auto after = std::upper_bound(context.units.begin(), context.units.end(), task);
    const auto r = static_cast<int>(after - context.units.begin()) - 1;
    attend_unit(context, shape, shape.unit(r, task - context.units[static_cast<std::size_t>(r)]), worker);
  });
}

}  // namespace millrace
