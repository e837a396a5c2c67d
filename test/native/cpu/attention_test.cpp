#include "ragged_batch.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

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

// One output element's row of head_dim values, by the formula: softmax(q k^T * scale) v.
std::vector<double> expected_head(const RaggedBatch& batch, const KvFixture& kv, const Matrix& q,
                                  const Heads& heads, int token, int head) {
  const int row = batch.token_rows[static_cast<std::size_t>(token)];
  const int position = batch.positions[static_cast<std::size_t>(token)];
  const int first = heads.window == 0 ? 0 : std::max(0, position + 1 - heads.window);
  const int kv_head = head / (heads.query / heads.kv);
  std::vector<double> scores;
  for (int p = first; p <= position; ++p) {
    double score = 0;
    for (int d = 0; d < heads.dim; ++d) {
      score += static_cast<double>(q.at(token, head * heads.dim + d)) *
               kv.get(kv.keys, kv.offset(batch.block_of(row, p), kv_head, p, d));
    }
    scores.push_back(score / std::sqrt(heads.dim));
  }
  const double best = *std::max_element(scores.begin(), scores.end());
  std::vector<double> out(static_cast<std::size_t>(heads.dim));
  double total = 0;
  for (int p = first; p <= position; ++p) {
    const double weight = std::exp(scores[static_cast<std::size_t>(p - first)] - best);
    total += weight;
    for (int d = 0; d < heads.dim; ++d) {
      out[static_cast<std::size_t>(d)] +=
          weight * kv.get(kv.values, kv.offset(batch.block_of(row, p), kv_head, p, d));
    }
  }
  for (double& value : out) value /= total;
  return out;
}

void check_attention(Isa isa, DType dtype, const std::vector<RowShape>& rows, int block_tokens,
                     const Heads& heads, std::mt19937_64& rng) {
  const RaggedBatch batch(rows, block_tokens, rng);
  KvFixture kv(dtype, batch, heads.kv, heads.dim);
  kv.fill(batch, rng);
  // As in a layer, q stands in wider rows.
  Matrix q(batch.num_tokens(), (heads.query + 2 * heads.kv) * heads.dim, rng);
  Matrix out(batch.num_tokens(), heads.query * heads.dim);
  make_device(isa, 2)->attention(batch.batch(), arguments(q, kv, heads, out));
  double worst = 0;
  for (int token = 0; token < batch.num_tokens(); ++token) {
    for (int head = 0; head < heads.query; ++head) {
      const auto expected = expected_head(batch, kv, q, heads, token, head);
      for (int d = 0; d < heads.dim; ++d) {
        const double error =
            std::abs(out.at(token, head * heads.dim + d) - expected[static_cast<std::size_t>(d)]);
        worst = error <= worst ? worst : error;  // NaN too
      }
    }
  }
  // Values are averages of normal numbers; an F32 softmax over some hundred of them errs by about 1e-6.
  if (!(worst <= 1e-5) || !out.guards_hold()) {
    fail(__FILE__, __LINE__,
         std::string(isa_name(isa)) + " " + std::string(dtype_name(dtype)) + " heads " +
             std::to_string(heads.query) + "/" + std::to_string(heads.kv) + " dim " +
             std::to_string(heads.dim) + " window " + std::to_string(heads.window) + " block " +
             std::to_string(block_tokens) + ": error " + std::to_string(worst));
  }
  count_check();
}

}  // namespace

TEST("paged attention equals the formula in double precision, for ragged batches and awkward shapes") {
  auto rng = make_rng(10);
  const std::vector<RowShape> rows = {{0, 1}, {15, 1}, {16, 1}, {0, 16}, {31, 3}, {70, 1}, {5, 40}};
  for (const Isa isa : tested_isas()) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
      check_attention(isa, dtype, rows, 16, {4, 2, 64, 0}, rng);
      check_attention(isa, dtype, rows, 16, {4, 4, 80, 7}, rng);
      check_attention(isa, dtype, rows, 5, {6, 1, 96, 0}, rng);
      check_attention(isa, dtype, rows, 64, {8, 2, 128, 33}, rng);
      check_attention(isa, dtype, rows, 1, {3, 3, 16, 1}, rng);
    }
    check_attention(isa, DType::kBF16, {{0, 9}, {100, 1}}, 16, {2, 1, 256, 0}, rng);
    check_attention(isa, DType::kF32, {{0, 9}, {100, 1}}, 16, {40, 1, 24, 0}, rng);
  }
}

TEST("attention over more than one chunk of positions equals the formula, with and without a window") {
  auto rng = make_rng(11);
  for (const Isa isa : tested_isas()) {
    check_attention(isa, DType::kF32, {{1500, 1}}, 16, {2, 1, 32, 0}, rng);
    check_attention(isa, DType::kF32, {{1020, 6}, {511, 2}, {512, 1}}, 16, {2, 1, 32, 0}, rng);
    check_attention(isa, DType::kBF16, {{1300, 3}, {700, 1}}, 16, {2, 2, 32, 600}, rng);
  }
}

TEST("a token's attention has the same bits in one piece, in chunks, alone, and on any number of threads") {
  auto rng = make_rng(12);
  for (const Isa isa : tested_isas()) {
    const auto one = make_device(isa, 1), many = make_device(isa, 4);
    for (const Heads heads : {Heads{4, 2, 32, 0}, Heads{6, 6, 40, 100}}) {
      const RaggedBatch whole({{0, 700}, {0, 90}}, 16, rng);
      KvFixture kv(DType::kF16, whole, heads.kv, heads.dim);
      kv.fill(whole, rng);
      Matrix q(790, heads.query * heads.dim, rng), expected(790, heads.query * heads.dim);
      one->attention(whole.batch(), arguments(q, kv, heads, expected));
      Matrix threaded = Matrix(790, heads.query * heads.dim);
      many->attention(whole.batch(), arguments(q, kv, heads, threaded));
      CHECK(same_bits(threaded, expected));
      // Tokens [start, start + count) of the first sequence, beside the second's last token.
      for (const auto& [start, count] :
           {std::pair{0, 33}, {33, 400}, {433, 1}, {511, 2}, {513, 187}, {699, 1}}) {
        const RaggedBatch chunk = whole.with_rows({{1, {89, 1}}, {0, {start, count}}});
        Matrix part_q(1 + count, q.cols), part(1 + count, expected.cols), rows(1 + count, expected.cols);
        for (int i = 0; i <= count; ++i) {
          const int from = i == 0 ? 789 : start + i - 1;
          std::copy_n(&q.at(from, 0), q.cols, &part_q.at(i, 0));
          std::copy_n(&expected.at(from, 0), rows.cols, &rows.at(i, 0));
        }
        many->attention(chunk.batch(), arguments(part_q, kv, heads, part));
        CHECK(same_bits(part, rows));
        const RaggedBatch alone = whole.with_rows({{0, {start, count}}});
        Matrix alone_q(count, q.cols), alone_out(count, expected.cols), alone_rows(count, expected.cols);
        std::copy_n(&part_q.at(1, 0), static_cast<std::size_t>(count * q.stride), &alone_q.at(0, 0));
        std::copy_n(&rows.at(1, 0), static_cast<std::size_t>(count * rows.stride), &alone_rows.at(0, 0));
        one->attention(alone.batch(), arguments(alone_q, kv, heads, alone_out));
        CHECK(same_bits(alone_out, alone_rows));
      }
    }
  }
}
