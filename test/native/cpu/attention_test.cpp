#include "cpu/attention_kernels.hpp"
#include "cpu/cpu_ops.hpp"
#include "cpu/panel_tables.hpp"
#include "ragged_batch.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

struct Table {
  std::string name;
  const AttentionKernels* kernels;
  bool rounds_to_bf16 = false;  // queries and weights, over a BF16 cache
};

// Every table of kernels that this processor runs, also those that a better one hides.
std::vector<Table> tables() {
  std::vector<Table> all = {{"scalar", &scalar_attention()}};
  if (has_isa(Isa::kAvx2)) all.push_back({"avx2", avx2_attention()});
  if (has_isa(Isa::kAvx512)) all.push_back({"avx512", avx512_attention()});
  if (has_isa(Isa::kAvx512Bf16)) all.push_back({"avx512bf16", avx512bf16_attention(), true});
  return all;
}

// A device's attention with a table of one's choice.
struct Runner {
  ThreadPool pool;
  PreparedActivations activations{scalar_kernels(), pool};
  Scratch worker_scratch, shared_scratch{1};
  AttentionWork work;
  RopeTable rope;
  CpuContext context;

  Runner(const Table& table, int threads)
      : pool(threads),
        worker_scratch(threads),
        work(*table.kernels),
        context{scalar_kernels(), scalar_panels(), pool, activations,
                worker_scratch,   shared_scratch,  work, rope} {}
  void run(const Batch& batch, const AttentionArgs& args) { cpu_attention(context, batch, args); }
};

struct Heads {
  int query, kv, dim, window;
};

AttentionArgs arguments(Matrix& q, KvFixture& kv, const Heads& heads, Matrix& out) {
  return {.q = q.tensor(),
          .kv = kv.layer(),
          .num_heads = heads.query,
          .scale = 1 / std::sqrt(static_cast<float>(heads.dim)),
          .sliding_window = heads.window,
          .out = out.tensor()};
}

// An output head by the formula, softmax(q k^T * scale) v, and a bound of what rounding q and the weights to
// BF16 changes in it: with u = 2^-8 a product's error, a score moves by at most delta = scale * u * sum |q
// k|, a weight by the factor (1 + u) e^delta, and the total that divides them as much.
struct Expected {
  std::vector<double> values, bf16_bounds;
};

Expected expected_head(const RaggedBatch& batch, const KvFixture& kv, const Matrix& q, const Heads& heads,
                       int token, int head) {
  constexpr double kUnit = 1.0 / 512;  // half of 2^-8: to the nearest
  const int row = batch.token_rows[static_cast<std::size_t>(token)];
  const int position = batch.positions[static_cast<std::size_t>(token)];
  const int first = heads.window == 0 ? 0 : std::max(0, position + 1 - heads.window);
  const int kv_head = head / (heads.query / heads.kv);
  std::vector<double> scores, deltas;
  for (int p = first; p <= position; ++p) {
    double score = 0, magnitude = 0;
    for (int d = 0; d < heads.dim; ++d) {
      const double product = static_cast<double>(q.at(token, head * heads.dim + d)) *
                             kv.get(kv.keys, kv.offset(batch.block_of(row, p), kv_head, p, d));
      score += product;
      magnitude += std::abs(product);
    }
    scores.push_back(score / std::sqrt(heads.dim));
    deltas.push_back(kUnit * magnitude / std::sqrt(heads.dim));
  }
  const double best = *std::max_element(scores.begin(), scores.end());
  const double delta = *std::max_element(deltas.begin(), deltas.end());
  Expected e{std::vector<double>(static_cast<std::size_t>(heads.dim)),
             std::vector<double>(static_cast<std::size_t>(heads.dim))};
  double total = 0;
  for (int p = first; p <= position; ++p) {
    const double weight = std::exp(scores[static_cast<std::size_t>(p - first)] - best);
    total += weight;
    for (int d = 0; d < heads.dim; ++d) {
      const double value = kv.get(kv.values, kv.offset(batch.block_of(row, p), kv_head, p, d));
      e.values[static_cast<std::size_t>(d)] += weight * value;
      e.bf16_bounds[static_cast<std::size_t>(d)] += weight * std::abs(value);
    }
  }
  const double change = (1 + kUnit) / (1 - kUnit) * std::exp(2 * delta) - 1;
  for (double& value : e.values) value /= total;
  for (double& bound : e.bf16_bounds) bound *= change / total;
  return e;
}

// Values are averages of normal numbers; an F32 softmax over some hundred of them errs by about 1e-6.
constexpr double kTolerance = 1e-5;

void check_attention(const Table& table, DType dtype, const std::vector<RowShape>& rows, int block_tokens,
                     const Heads& heads, std::mt19937_64& rng, int threads = 2) {
  const RaggedBatch batch(rows, block_tokens, rng);
  KvFixture kv(dtype, batch, heads.kv, heads.dim);
  kv.fill(batch, rng);
  // As in a layer, q stands in wider rows.
  Matrix q(batch.num_tokens(), (heads.query + 2 * heads.kv) * heads.dim, rng);
  Matrix out(batch.num_tokens(), heads.query * heads.dim);
  Runner(table, threads).run(batch.batch(), arguments(q, kv, heads, out));
  const bool rounded = table.rounds_to_bf16 && dtype == DType::kBF16;
  double worst = 0;  // error beyond the tolerance
  for (int token = 0; token < batch.num_tokens(); ++token) {
    for (int head = 0; head < heads.query; ++head) {
      const Expected expected = expected_head(batch, kv, q, heads, token, head);
      for (int d = 0; d < heads.dim; ++d) {
        const auto i = static_cast<std::size_t>(d);
        const double error = std::abs(out.at(token, head * heads.dim + d) - expected.values[i]) -
                             (rounded ? expected.bf16_bounds[i] : 0);
        worst = error <= worst ? worst : error;  // NaN too
      }
    }
  }
  if (!(worst <= kTolerance) || !out.guards_hold()) {
    fail(__FILE__, __LINE__,
         table.name + " " + std::string(dtype_name(dtype)) + " heads " + std::to_string(heads.query) + "/" +
             std::to_string(heads.kv) + " dim " + std::to_string(heads.dim) + " window " +
             std::to_string(heads.window) + " block " + std::to_string(block_tokens) + " threads " +
             std::to_string(threads) + ": error " + std::to_string(worst));
  }
  count_check();
}

constexpr DType kCacheDTypes[] = {DType::kF32, DType::kF16, DType::kBF16};

// Whether `count` rows of a from a_first on have the bits of b's from b_first on.
bool same_rows(const Matrix& a, int a_first, const Matrix& b, int b_first, int count) {
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < a.cols; ++j) {
      if (std::bit_cast<std::uint32_t>(a.at(a_first + i, j)) !=
          std::bit_cast<std::uint32_t>(b.at(b_first + i, j)))
        return false;
    }
  }
  return true;
}

}  // namespace

TEST("paged attention equals the formula in double precision, for ragged batches and awkward shapes") {
  auto rng = make_rng(10);
  const std::vector<RowShape> rows = {{0, 1}, {15, 1}, {16, 1}, {0, 16}, {31, 3}, {70, 1}, {5, 40}};
  for (const Table& table : tables()) {
    for (const DType dtype : kCacheDTypes) {
      check_attention(table, dtype, rows, 16, {4, 2, 64, 0}, rng);
      check_attention(table, dtype, rows, 16, {4, 4, 80, 7}, rng);
      check_attention(table, dtype, rows, 5, {6, 1, 96, 0}, rng);
      check_attention(table, dtype, rows, 64, {8, 2, 128, 33}, rng);
      check_attention(table, dtype, rows, 1, {3, 3, 16, 1}, rng);
      check_attention(table, dtype, rows, 3, {14, 2, 21, 0}, rng);
      check_attention(table, dtype, {{0, 9}, {100, 1}}, 16, {2, 1, 256, 0}, rng);
      check_attention(table, dtype, {{0, 9}, {100, 1}}, 16, {40, 1, 24, 0}, rng);
      check_attention(table, dtype, {{60, 2}}, 16, {130, 1, 8, 0}, rng);
    }
  }
}

TEST("attention of random batches, heads, windows and blocks equals the formula") {
  auto rng = make_rng(13);
  for (const Table& table : tables()) {
    for (int i = 0; i < 30; ++i) {
      std::vector<RowShape> rows;
      for (int r = uniform(rng, 1, 4); r > 0; --r) {
        // Rows without tokens are allowed: their sequence waits.
        rows.push_back(
            {uniform(rng, 1, 150), uniform(rng, 0, 3) == 0 ? uniform(rng, 0, 90) : uniform(rng, 0, 9)});
      }
      const int kv_heads = uniform(rng, 1, 3);
      const Heads heads = {kv_heads * uniform(rng, 1, 9), kv_heads, uniform(rng, 1, 130),
                           uniform(rng, 0, 1) * uniform(rng, 1, 120)};
      check_attention(table, kCacheDTypes[uniform(rng, 0, 2)], rows, uniform(rng, 1, 64), heads, rng,
                      uniform(rng, 1, 3));
    }
  }
}

TEST("attention over more than one chunk of positions equals the formula, with and without a window") {
  auto rng = make_rng(11);
  for (const Table& table : tables()) {
    for (const DType dtype : kCacheDTypes) {
      for (const int threads : {1, 4}) {
        check_attention(table, dtype, {{1500, 1}}, 16, {2, 1, 32, 0}, rng, threads);
        check_attention(table, dtype, {{1020, 6}, {511, 2}, {512, 1}}, 16, {2, 1, 32, 0}, rng, threads);
        check_attention(table, dtype, {{1300, 3}, {700, 1}, {1000, 40}}, 16, {2, 2, 32, 600}, rng, threads);
      }
    }
  }
}

TEST("a token's attention has the same bits in one piece, in chunks, alone, and on any number of threads") {
  auto rng = make_rng(12);
  for (const Table& table : tables()) {
    for (const DType dtype : kCacheDTypes) {
      Runner one(table, 1), many(table, 4);
      for (const Heads heads :
           {Heads{4, 2, 32, 0}, Heads{2, 1, 160, 0}, Heads{6, 6, 40, 100}, Heads{7, 1, 21, 0}}) {
        const RaggedBatch whole({{0, 700}, {0, 90}}, 16, rng);
        KvFixture kv(dtype, whole, heads.kv, heads.dim);
        kv.fill(whole, rng);
        const int cols = heads.query * heads.dim;
        Matrix q(790, cols, rng), expected(790, cols), threaded(790, cols);
        one.run(whole.batch(), arguments(q, kv, heads, expected));
        many.run(whole.batch(), arguments(q, kv, heads, threaded));
        CHECK(same_bits(threaded, expected));
        // Tokens [start, start + count) of the first sequence, beside the second's last token.
        for (const auto& [start, count] : {std::pair{0, 33},
                                           {33, 400},
                                           {433, 1},
                                           {434, 2},
                                           {436, 5},
                                           {441, 13},
                                           {510, 1},
                                           {511, 2},
                                           {513, 187},
                                           {699, 1}}) {
          const RaggedBatch chunk = whole.with_rows({{1, {89, 1}}, {0, {start, count}}});
          Matrix part_q(1 + count, cols), part(1 + count, cols);
          for (int i = 0; i <= count; ++i) {
            for (int j = 0; j < cols; ++j) part_q.at(i, j) = q.at(i == 0 ? 789 : start + i - 1, j);
          }
          many.run(chunk.batch(), arguments(part_q, kv, heads, part));
          CHECK(same_rows(part, 0, expected, 789, 1));
          CHECK(same_rows(part, 1, expected, start, count));
          const RaggedBatch alone = whole.with_rows({{0, {start, count}}});
          Matrix alone_out(count, cols);
          AttentionArgs args = arguments(q, kv, heads, alone_out);
          args.q = q.slice(start, count);
          one.run(alone.batch(), args);
          CHECK(same_rows(alone_out, 0, expected, start, count));
        }
      }
    }
  }
}
