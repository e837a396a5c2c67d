// Attention over blocks of KV. The positions of a sequence are cut into chunks of kChunkPositions, and these
// into tiles, at fixed places. Within a chunk the softmax is online, tile after tile; the chunks' states are
// merged in order (the split of Dao et al. 2023, "Flash-Decoding"; online softmax: Milakov & Gimelshein 2018,
// arXiv:1805.02867). What a query computes therefore depends on its position only, not on the other
// queries of the step or on the number of threads, and one long sequence can use all threads.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "cpu/attention_work.hpp"
#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kChunkPositions = 512;
// Queries of a row up to which they are rows of scratch, not columns (attention_kernels.hpp).
constexpr int kFewQueries = 12;
// Tasks of a decode step that balance its threads.
constexpr int kTasksPerThread = 2;
// exp(x) = 2^(x log2 e)
constexpr float kLog2E = 1.44269504F;

static_assert(kChunkPositions % kTilePositions == 0);

constexpr std::int64_t round_up(std::int64_t count, std::int64_t to) {
  return (count + to - 1) / to * to;
}

// Some consecutive query tokens of one row, with the query heads of some consecutive KV heads.
struct Unit {
  int row;
  std::int64_t token, num_tokens;
  int kv_head, num_kv_heads;
};

// A unit over positions [begin, end) of its sequence, or those of them that it sees: one chunk, or all.
struct Task {
  Unit unit;
  std::int64_t begin, end;
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
  // And that some token of a unit sees.
  [[nodiscard]] std::int64_t first(const Unit& u) const { return first(u.token); }
  [[nodiscard]] std::int64_t last(const Unit& u) const { return last(u.token + u.num_tokens - 1); }
  // Chunks [first, last) of these.
  [[nodiscard]] std::int64_t first_chunk(const Unit& u) const { return first(u) / kChunkPositions; }
  [[nodiscard]] std::int64_t last_chunk(const Unit& u) const { return (last(u) - 1) / kChunkPositions + 1; }
  // Of the queries that share a KV head.
  [[nodiscard]] std::int64_t queries(const Unit& u) const { return u.num_tokens * group; }
  [[nodiscard]] QueryRows rows_of(const Unit& u, int head, const Tensor& tensor) const {
    float* rows =
        row(tensor, u.token) + static_cast<std::int64_t>(u.kv_head + head) * group * args.kv.head_dim;
    return {rows, tensor.stride, static_cast<int>(queries(u)), group, args.kv.head_dim};
  }
};

// The states of a unit's queries, head after head.
struct States {
  float* memory;
  std::int64_t padded_queries, width;

  [[nodiscard]] std::int64_t head_floats() const { return padded_queries * (width + 2); }
  [[nodiscard]] SoftmaxStates head(int index) const {
    float* sums = memory + index * head_floats();
    return {sums, sums + padded_queries * width, sums + padded_queries * (width + 1)};
  }
  void clear(int heads) const {
    for (int i = 0; i < heads; ++i) {
      std::fill_n(head(i).sums, padded_queries * width, 0.0F);
      std::fill_n(head(i).best, padded_queries, -std::numeric_limits<float>::infinity());
      std::fill_n(head(i).total, padded_queries, 0.0F);
    }
  }
};

// A tile of one of a unit's heads.
struct Place {
  const Unit* unit;
  int head;
  std::int64_t start;
};

// Rows of the positions of a tile: those in [first, last) where the cache has them, others zeros. What lies
// in a block beyond the sequence's end may be anything, NaN included.
struct TileRows {
  const std::byte* rows[2 * kTilePositions + kRowsAhead];  // keys, values, and what is read after them

  [[nodiscard]] const std::byte* const* keys() const { return rows; }
  [[nodiscard]] const std::byte* const* values() const { return rows + kTilePositions; }
  void set_after(const TileRows& next) { std::copy_n(next.rows, kRowsAhead, rows + 2 * kTilePositions); }
  void find(const Shape& shape, const Place& place, const std::byte* zeros) {
    const Unit& unit = *place.unit;
    const std::int64_t start = place.start;
    const int kv_head = unit.kv_head + place.head;
    const KvLayer& kv = shape.args.kv;
    const std::int64_t head_bytes = storage_bytes(kv.dtype, kv.head_dim);
    const std::int64_t position = std::max(start, shape.first(unit));
    const std::int64_t end = std::min(start + kTilePositions, shape.last(unit));
    const std::int32_t* block = shape.batch.block_tables +
                                static_cast<std::int64_t>(unit.row) * shape.batch.max_blocks +
                                position / kv.block_tokens;
    std::int64_t at = position % kv.block_tokens, j = position - start;
    const std::byte **keys = rows, **values = rows + kTilePositions;
    for (std::int64_t i = 0; i < j; ++i) keys[i] = values[i] = zeros;
    for (; start + j < end; ++block, at = 0) {
      const std::int64_t slot =
          (static_cast<std::int64_t>(*block) * kv.num_kv_heads + kv_head) * kv.block_tokens + at;
      const std::byte* key = static_cast<const std::byte*>(kv.keys) + slot * head_bytes;
      const std::byte* value = static_cast<const std::byte*>(kv.values) + slot * head_bytes;
      const std::int64_t run_end = std::min(j + kv.block_tokens - at, end - start);
      for (; j < run_end; ++j, key += head_bytes, value += head_bytes) {
        keys[j] = key;
        values[j] = value;
      }
    }
    for (; j < kTilePositions; ++j) keys[j] = values[j] = zeros;
    std::fill_n(rows + 2 * kTilePositions, kRowsAhead, zeros);
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
    return is_few(r) ? shape.tokens(r) : std::min<std::int64_t>(shape.most_unit_tokens, shape.tokens(r));
  }
  // Room for the queries of a row's unit that share a KV head.
  [[nodiscard]] std::int64_t padded(int r) const {
    const std::int64_t queries = unit_tokens(r) * shape.group;
    return is_few(r) ? queries : round_up(queries, kQueryAlignment);
  }
  // What there is to do under a task's index; nothing where its unit sees nothing of its chunk.
  [[nodiscard]] Task task(const AttentionWork::Row& row, std::int64_t index) const {
    // Heads change fastest, for their keys are neighbours in memory; then tokens, then chunks.
    const std::int64_t unit_index = (index - row.first_task) % row.units;
    const std::int64_t step = unit_tokens(row.row);
    const std::int64_t token = shape.batch.query_starts[row.row] + unit_index / row.head_units * step;
    const auto kv_head = static_cast<int>(unit_index % row.head_units) * row.unit_heads;
    const Unit unit = {row.row, token,
                       std::min<std::int64_t>(step, shape.batch.query_starts[row.row + 1] - token), kv_head,
                       std::min(row.unit_heads, shape.args.kv.num_kv_heads - kv_head)};
    const std::int64_t first = shape.first(unit) / kTilePositions * kTilePositions, last = shape.last(unit);
    if (!row.is_split) return {unit, first, last};
    const std::int64_t chunk = row.first_chunk + (index - row.first_task) / row.units;
    return {unit, std::max(first, chunk * kChunkPositions), std::min(last, (chunk + 1) * kChunkPositions)};
  }
};

// A worker's memory for one unit.
struct Workspace {
  std::int64_t padded, q_floats;
  float *scores, *rows;
  std::int32_t *firsts, *lasts;
  float* queries;  // (heads, q_floats)
  States all, chunk;

  Workspace(float* memory, const Shape& shape, std::int64_t padded_queries, int heads)
      : padded(padded_queries),
        q_floats(2 * padded * shape.width),
        scores(memory),
        rows(scores + padded * kTilePositions),
        firsts(reinterpret_cast<std::int32_t*>(rows + 2 * kTilePositions * shape.width)),
        lasts(firsts + padded),
        queries(reinterpret_cast<float*>(lasts + padded)),
        all{queries + heads * q_floats, padded, shape.width},
        chunk{all.memory + heads * all.head_floats(), padded, shape.width} {}
  static std::int64_t floats(const Shape& shape, std::int64_t padded, int heads) {
    return padded * (kTilePositions + 2) + 2 * kTilePositions * shape.width +
           heads * padded * (2 * shape.width + 2 * (shape.width + 2));
  }
  [[nodiscard]] float* q(int head) const { return queries + head * q_floats; }
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
  std::fill(last, memory.lasts + memory.padded, 0);
  tile.first = memory.firsts;
  tile.last = memory.lasts;
}

// Positions [begin, end), which are of one chunk, for all heads of a unit whose queries are in memory: their
// states, from nothing. `after` is where the thread will probably go on.
void attend_positions(const Layer& layer, const Unit& unit, std::int64_t begin, std::int64_t end,
                      const Workspace& memory, const States& states, const std::optional<Place>& after) {
  const Shape& shape = layer.shape;
  const AttentionPath& path = layer.path(unit.row);
  states.clear(unit.num_kv_heads);
  TileRows rows[2], *now = &rows[0], *next = &rows[1];
  now->find(shape, {&unit, 0, begin}, layer.work.zeros());
  for (std::int64_t at = begin; at < end; at += kTilePositions) {
    for (int head = 0; head < unit.num_kv_heads; ++head, std::swap(now, next)) {
      std::optional<Place> place = after;
      if (head + 1 < unit.num_kv_heads) {
        place = {&unit, head + 1, at};
      } else if (at + kTilePositions < end) {
        place = {&unit, 0, at + kTilePositions};
      }
      if (place) {
        next->find(shape, *place, layer.work.zeros());
        now->set_after(*next);
      }
      AttendTile tile = {
          .q = memory.q(head),
          .keys = now->keys(),
          .values = now->values(),
          .next_keys = place ? next->keys() : nullptr,
          .next_values = place ? next->values() : nullptr,
          .begin = static_cast<int>(std::max<std::int64_t>(0, shape.first(unit) - at)),
          .end = static_cast<int>(std::min<std::int64_t>(kTilePositions, shape.last(unit) - at)),
          .num_queries = static_cast<int>(shape.queries(unit)),
          .head_dim = shape.args.kv.head_dim,
          .first = nullptr,
          .last = nullptr,
          .scores = memory.scores,
          .rows = memory.rows,
          .states = states.head(head)};
      set_ranges(shape, unit, at, memory, tile);
      path.attend(tile);
    }
  }
}

void load_queries(const Layer& layer, const Unit& unit, const Workspace& memory) {
  const AttentionArgs& args = layer.shape.args;
  for (int i = 0; i < unit.num_kv_heads; ++i) {
    layer.path(unit.row).load(layer.shape.rows_of(unit, i, args.q), args.scale * kLog2E, memory.q(i));
  }
}

void merge(const Layer& layer, const Unit& unit, const States& chunk, const States& all) {
  const auto queries = static_cast<int>(layer.shape.queries(unit));
  for (int i = 0; i < unit.num_kv_heads; ++i) {
    layer.path(unit.row).merge(chunk.head(i), queries, layer.shape.args.kv.head_dim, all.head(i));
  }
}

void store(const Layer& layer, const Unit& unit, const States& all) {
  for (int i = 0; i < unit.num_kv_heads; ++i) {
    layer.path(unit.row).store(all.head(i), layer.shape.rows_of(unit, i, layer.shape.args.out));
  }
}

// All chunks of a unit.
void attend_unit(const Layer& layer, const Task& task, const Workspace& memory,
                 const std::optional<Place>& after) {
  std::int64_t end = 0;
  for (std::int64_t begin = task.begin; begin < task.end; begin = end) {
    end = std::min((begin / kChunkPositions + 1) * kChunkPositions, task.end);
    const std::optional<Place> next = end < task.end ? Place{&task.unit, 0, end} : after;
    attend_positions(layer, task.unit, begin, end, memory, begin == task.begin ? memory.all : memory.chunk,
                     next);
    if (begin > task.begin) merge(layer, task.unit, memory.chunk, memory.all);
  }
  store(layer, task.unit, memory.all);
}

// One chunk of a unit, whose states go to the row's memory. Who finishes a unit's last chunk merges them.
void attend_piece(const Layer& layer, const AttentionWork::Row& row, std::int64_t unit_index,
                  const Task& task, const Workspace& memory, const std::optional<Place>& after) {
  const Shape& shape = layer.shape;
  float* states = layer.work.states() + row.first_state + unit_index * row.chunks * row.state_floats;
  const auto states_of = [&](std::int64_t chunk) {
    return States{states + (chunk - row.first_chunk) * row.state_floats, memory.padded, shape.width};
  };
  attend_positions(layer, task.unit, task.begin, task.end, memory, states_of(task.begin / kChunkPositions),
                   after);
  const std::int64_t first = shape.first_chunk(task.unit), last = shape.last_chunk(task.unit);
  if (!layer.work.finish(row.first_unit + unit_index, last - first)) return;
  for (std::int64_t c = first + 1; c < last; ++c) merge(layer, task.unit, states_of(c), states_of(first));
  store(layer, task.unit, states_of(first));
}

void attend_task(const Layer& layer, Scratch& scratch, std::int64_t index, int worker) {
  const AttentionWork::Row& row = layer.work.row_of_task(index);
  const Task task = layer.task(row, index);
  if (task.begin >= task.end) return;
  const std::int64_t padded = layer.padded(row.row);
  const Workspace memory(scratch.floats(worker, Workspace::floats(layer.shape, padded, row.unit_heads)),
                         layer.shape, padded, row.unit_heads);
  // The thread will probably take the next task.
  std::optional<Place> after;
  Task next;
  if (index + 1 < layer.work.tasks()) {
    next = layer.task(layer.work.row_of_task(index + 1), index + 1);
    if (next.begin < next.end) after = {&next.unit, 0, next.begin};
  }
  load_queries(layer, task.unit, memory);
  if (row.is_split) {
    attend_piece(layer, row, (index - row.first_task) % row.units, task, memory, after);
  } else {
    attend_unit(layer, task, memory, after);
  }
}

// Lays out the step's tasks: a unit each, or a unit and chunk for decoded rows and where units are too few to
// occupy every thread. A decoded row's unit has all heads, whose keys are then read as they lie in memory,
// unless there are too few such tasks.
void plan(const Layer& layer, int threads) {
  const Shape& shape = layer.shape;
  const int kv_heads = shape.args.kv.num_kv_heads;
  AttentionWork& work = layer.work;
  const auto token_units = [&](int r) {
    return (shape.tokens(r) + layer.unit_tokens(r) - 1) / layer.unit_tokens(r);
  };
  const auto whole = [&](int r) {
    return Unit{r, shape.batch.query_starts[r], shape.tokens(r), 0, kv_heads};
  };
  std::int64_t units = 0, decode_tasks = 0;
  for (int r = 0; r < shape.batch.num_rows; ++r) {
    if (shape.tokens(r) == 0) continue;
    units += token_units(r) * kv_heads;
    if (layer.is_few(r)) decode_tasks += shape.last_chunk(whole(r)) - shape.first_chunk(whole(r));
  }
  const std::int64_t wanted = threads > 1 ? std::int64_t{kTasksPerThread} * threads : 1;
  const auto head_parts =
      std::min<std::int64_t>(kv_heads, (wanted + decode_tasks - 1) / std::max<std::int64_t>(decode_tasks, 1));
  work.start();
  for (int r = 0; r < shape.batch.num_rows; ++r) {
    if (shape.tokens(r) == 0) continue;
    AttentionWork::Row row;
    row.row = r;
    row.unit_heads = layer.is_few(r) ? static_cast<int>((kv_heads + head_parts - 1) / head_parts) : 1;
    row.head_units = (kv_heads + row.unit_heads - 1) / row.unit_heads;
    row.units = token_units(r) * row.head_units;
    row.first_chunk = shape.first_chunk(whole(r));
    row.chunks = shape.last_chunk(whole(r)) - row.first_chunk;
    row.is_split = threads > 1 && row.chunks > 1 && (layer.is_few(r) || units < 4LL * threads);
    row.state_floats = row.unit_heads * States{nullptr, layer.padded(r), shape.width}.head_floats();
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
