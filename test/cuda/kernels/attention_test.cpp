#include "kernels/attention.hpp"

#include <array>

#include "barrier_check.hpp"
#include "paged_fixture.hpp"

namespace millrace::test {
namespace {

struct Case {
  int heads, kv_heads, dim;
  std::vector<RowShape> rows;
  int block_tokens = 16, window = 0, padding_row = -1, multiprocessors = 4;
  DType kv_dtype = DType::kF32;  // for T = float; else the cache is of type T
  float q_scale = 1;
};

// Random queries, keys and values of a case.
template <typename T>
struct Inputs {
  Case c;
  std::mt19937_64 rng;
  RaggedBatch batch;
  KvFixture kv;
  int q_stride, out_stride;
  std::vector<T> q;

  explicit Inputs(const Case& of)
      : c(of),
        rng(make_rng(static_cast<std::uint64_t>(of.heads * 1000 + of.dim))),
        batch(c.rows, c.block_tokens, rng),
        kv(sizeof(T) == 4 ? c.kv_dtype : kDTypeOf<T>, batch, c.kv_heads, c.dim),
        q_stride((c.heads + 2 * c.kv_heads) * c.dim),
        out_stride(c.heads * c.dim + 8) {
    kv.fill(batch, rng);
    if (c.padding_row >= 0) make_padding(batch, c.padding_row);
    drop_unseen_blocks();
    q = rounded<T>(random_values(rng, std::int64_t{batch.num_tokens()} * q_stride, c.q_scale));
  }
  [[nodiscard]] float scale() const { return 1 / std::sqrt(static_cast<float>(c.dim)); }

  // Nobody asks where the blocks before a window lie.
  void drop_unseen_blocks() {
    for (int row = 0; c.window > 0 && row < batch.batch().num_rows; ++row) {
      const auto i = static_cast<std::size_t>(row);
      const int seen = batch.context_lens[i] - c.rows[i].tokens + 1 - c.window;
      for (int block = 0; block < seen / c.block_tokens; ++block)
        batch.tables[static_cast<std::size_t>(row * batch.max_blocks + block)] = -1;
    }
  }

  // The definition, in double precision.
  [[nodiscard]] std::vector<double> expected(int token, int head) const {
    const int row = batch.token_rows[static_cast<std::size_t>(token)];
    const int kv_head = head / (c.heads / c.kv_heads);
    const bool is_padding = batch.context_lens[static_cast<std::size_t>(row)] == 0;
    const int last = is_padding ? 0 : batch.positions[static_cast<std::size_t>(token)] + 1;
    const int first = c.window == 0 ? 0 : std::max(0, last - c.window);
    const auto offset = [&](int position, int d) {
      return kv.offset(batch.block_of(row, position), kv_head, position, d);
    };
    std::vector<double> scores, out(static_cast<std::size_t>(c.dim));
    double best = 0, total = 0;
    for (int position = first; position < last; ++position) {
      double dot = 0;
      for (int d = 0; d < c.dim; ++d) {
        dot += static_cast<double>(
                   gpu::to_float(q[static_cast<std::size_t>(token * q_stride + head * c.dim + d)])) *
               static_cast<double>(kv.get(kv.keys, offset(position, d)));
      }
      scores.push_back(dot * static_cast<double>(scale()));
      best = std::max(best, scores.back());
    }
    for (int position = first; position < last; ++position) {
      const double weight = std::exp(scores[static_cast<std::size_t>(position - first)] - best);
      total += weight;
      for (int d = 0; d < c.dim; ++d)
        out[static_cast<std::size_t>(d)] +=
            weight * static_cast<double>(kv.get(kv.values, offset(position, d)));
    }
    for (double& value : out) value = last > first ? value / total : 0;
    return out;
  }
};

std::int64_t workspace_bytes(const Case& c, int max_rows) {
  return gpu::attention_workspace_bytes(max_rows, c.heads, c.kv_heads, c.dim, c.multiprocessors);
}

// The kernel's output, strides and all.
template <typename T>
std::vector<T> attend(const Inputs<T>& inputs, std::byte* workspace) {
  const Case& c = inputs.c;
  const CardBatch batch(inputs.batch);
  KvFixture kv_values = inputs.kv;
  const CardKv kv(kv_values);
  const CardArray<T> q{std::span<const T>(inputs.q)};
  const CardArray<T> out(std::int64_t{inputs.batch.num_tokens()} * inputs.out_stride);
  int max_query_tokens = 0;
  for (const RowShape& row : c.rows) max_query_tokens = std::max(max_query_tokens, row.tokens);
  gpu::Stream stream;
  // Twice: the second finds what the first has left in the workspace.
  for (int i = 0; i < 2; ++i) {
    stream.fill(out.data(), 0xFF, out.bytes());
    gpu::launch_attention<T>(stream, {.batch = batch.batch(),
                                      .q = q.data(),
                                      .q_stride = inputs.q_stride,
                                      .kv = kv.layer(),
                                      .num_heads = c.heads,
                                      .scale = inputs.scale(),
                                      .sliding_window = c.window,
                                      .out = out.data(),
                                      .out_stride = inputs.out_stride,
                                      .max_query_tokens = max_query_tokens,
                                      .multiprocessors = c.multiprocessors,
                                      .workspace = workspace});
  }
  stream.synchronize();
  return out.values();
}

template <typename T>
std::vector<T> attend(const Inputs<T>& inputs) {
  const CardArray<std::byte> workspace(workspace_bytes(inputs.c, static_cast<int>(inputs.c.rows.size())));
  std::memset(workspace.data(), 0, static_cast<std::size_t>(workspace.bytes()));
  return attend(inputs, workspace.data());
}

// Half of the last place of a result near 1 and of the weights.
template <typename T>
constexpr double kTolerance = 4e-6;
template <>
constexpr double kTolerance<gpu::bf16> = 1e-2;
template <>
constexpr double kTolerance<gpu::f16> = 1.5e-3;

// Whether the output is that of the definition, and nothing else is written.
template <typename T>
void check_output(const Inputs<T>& inputs, const std::vector<std::vector<double>>& expected,
                  const std::vector<T>& output) {
  const Case& c = inputs.c;
  const auto out = widened<T>(output);
  double worst = 0;
  bool rest_is_kept = true;
  for (int token = 0; token < inputs.batch.num_tokens(); ++token) {
    for (int i = 0; i < inputs.out_stride; ++i) {
      const float value = out[static_cast<std::size_t>(token * inputs.out_stride + i)];
      if (i >= c.heads * c.dim) {
        rest_is_kept = rest_is_kept && std::isnan(value);
        continue;
      }
      const double e = expected[static_cast<std::size_t>(token * c.heads + i / c.dim)]
                               [static_cast<std::size_t>(i % c.dim)];
      worst = worse_of(worst, std::abs(static_cast<double>(value) - e) / std::max(1.0, std::abs(e)));
    }
  }
  CHECK(worst <= kTolerance<T>);
  CHECK(rest_is_kept);
}

template <typename T>
std::vector<std::vector<double>> expected_of(const Inputs<T>& inputs) {
  std::vector<std::vector<double>> expected;
  for (int token = 0; token < inputs.batch.num_tokens(); ++token) {
    for (int head = 0; head < inputs.c.heads; ++head) expected.push_back(inputs.expected(token, head));
  }
  return expected;
}

template <typename T>
void check_case(const Case& c) {
  const Inputs<T> inputs(c);
  const auto expected = expected_of(inputs);
  in_every_order([&] { check_output(inputs, expected, attend(inputs)); });
}

// Outputs of a row's tokens.
template <typename T>
std::vector<T> row_of(const Inputs<T>& inputs, const std::vector<T>& out, int row) {
  std::vector<T> values;
  const auto start = [&](int r) { return inputs.batch.query_starts[static_cast<std::size_t>(r)]; };
  for (int token = start(row); token < start(row + 1); ++token) {
    const auto at = out.begin() + std::ptrdiff_t{token} * inputs.out_stride;
    values.insert(values.end(), at, at + inputs.c.heads * inputs.c.dim);
  }
  return values;
}

}  // namespace

TEST("CUDA attention of F32 is that of the definition for heads of every width") {
  for (const int dim : {8, 64, 80, 96, 128, 136, 256, 512})
    check_case<float>({.heads = 4, .kv_heads = 2, .dim = dim, .rows = {{0, 1}, {40, 1}, {7, 5}}});
}

TEST("CUDA attention of F32 sees all of a long context, or its window's end") {
  for (const int window : {0, 1, 200})
    check_case<float>({.heads = 2, .kv_heads = 1, .dim = 64, .rows = {{600, 1}, {300, 2}}, .window = window});
}

TEST("CUDA attention of F32 reads caches of smaller types") {
  for (const DType kv_dtype : {DType::kBF16, DType::kF16})
    check_case<float>(
        {.heads = 2, .kv_heads = 1, .dim = 64, .rows = {{0, 1}, {40, 3}}, .kv_dtype = kv_dtype});
}

TEST("CUDA attention takes heads of widths that tensor cores do not") {
  for (const int dim : {72, 112, 192, 320}) {
    const Case c{.heads = 2, .kv_heads = 1, .dim = dim, .rows = {{0, 1}, {40, 3}}};
    check_case<gpu::bf16>(c);
    check_case<gpu::f16>(c);
  }
}

TEST("CUDA attention of padding is zero, and an empty row has none") {
  const Case c{
      .heads = 4, .kv_heads = 2, .dim = 64, .rows = {{3, 1}, {0, 0}, {0, 1}, {17, 1}}, .padding_row = 2};
  check_case<float>(c);
  check_case<gpu::bf16>(c);
}

TEST("CUDA attention agrees with the scalar CPU device") {
  const Case c{
      .heads = 8, .kv_heads = 2, .dim = 64, .rows = {{0, 1}, {100, 1}, {3, 40}, {0, 33}}, .window = 50};
  Inputs<float> inputs(c);
  const auto out = attend(inputs);
  std::vector<float> expected(out.size());
  make_device(Isa::kScalar)
      ->attention(inputs.batch.batch(),
                  {.q = {inputs.q.data(), inputs.batch.num_tokens(), c.heads * c.dim, inputs.q_stride},
                   .kv = inputs.kv.layer(),
                   .num_heads = c.heads,
                   .scale = inputs.scale(),
                   .sliding_window = c.window,
                   .out = {expected.data(), inputs.batch.num_tokens(), c.heads * c.dim, inputs.out_stride}});
  float worst = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (static_cast<int>(i) % inputs.out_stride >= c.heads * c.dim) continue;
    worst = worse_of(worst, std::abs(out[i] - expected[i]));
  }
  CHECK(worst <= 2e-6F);
}

TEST("CUDA decode attention takes every width and group") {
  const std::vector<RowShape> rows = {{0, 1}, {15, 1}, {16, 1}, {70, 1}, {130, 1}};
  for (const int dim : {64, 80, 96, 128, 256})
    check_case<gpu::bf16>({.heads = 8, .kv_heads = 2, .dim = dim, .rows = rows});
  for (const int group : {1, 2, 7, 8, 12})
    check_case<gpu::f16>({.heads = 2 * group, .kv_heads = 2, .dim = 64, .rows = rows});
}

TEST("CUDA decode attention of a few tokens a row is causal") {
  for (const int group : {1, 2, 4})
    check_case<gpu::bf16>({.heads = 2 * group, .kv_heads = 2, .dim = 64, .rows = {{0, 2}, {60, 2}, {15, 2}}});
  check_case<gpu::f16>({.heads = 1, .kv_heads = 1, .dim = 64, .rows = {{100, 8}, {0, 8}, {0, 5}}});
}

TEST("CUDA decode attention of a long sequence is merged from parts") {
  // With 8 multiprocessors, 1 KV head and 1 row, 16 parts; with 2 rows, 8.
  check_case<gpu::bf16>({.heads = 4, .kv_heads = 1, .dim = 64, .rows = {{900, 1}}, .multiprocessors = 8});
  check_case<gpu::f16>(
      {.heads = 4, .kv_heads = 1, .dim = 128, .rows = {{20, 1}, {1100, 2}}, .multiprocessors = 8});
}

TEST("CUDA prefill attention takes every width and group") {
  for (const int dim : {64, 80, 96, 128, 256})
    check_case<gpu::bf16>({.heads = 4, .kv_heads = 1, .dim = dim, .rows = {{0, 40}, {33, 37}}});
  for (const int group : {1, 2, 7, 8})
    check_case<gpu::f16>({.heads = group, .kv_heads = 1, .dim = 64, .rows = {{0, 9}, {70, 37}}});
}

TEST("CUDA prefill attention of many tiles is causal behind a cached prefix") {
  check_case<gpu::bf16>({.heads = 1, .kv_heads = 1, .dim = 64, .rows = {{0, 256}, {200, 130}}});
  check_case<gpu::f16>({.heads = 2, .kv_heads = 2, .dim = 128, .rows = {{128, 129}}});
}

TEST("CUDA prefill attention of few queries behind a long prefix is merged from parts") {
  // With 8 multiprocessors and one tile, 16 parts of at least 256 positions: one, and one more.
  for (const int past : {200, 201})
    check_case<gpu::bf16>({.heads = 2, .kv_heads = 1, .dim = 64, .rows = {{past, 56}}, .multiprocessors = 8});
  check_case<gpu::f16>({.heads = 1, .kv_heads = 1, .dim = 256, .rows = {{530, 30}}, .multiprocessors = 8});
  check_case<gpu::bf16>({.heads = 2, .kv_heads = 1, .dim = 64, .rows = {{700, 20}}, .multiprocessors = 8});
  check_case<gpu::f16>({.heads = 1, .kv_heads = 1, .dim = 128, .rows = {{530, 30}}, .multiprocessors = 8});
  check_case<gpu::bf16>(
      {.heads = 1, .kv_heads = 1, .dim = 64, .rows = {{900, 150}}, .window = 400, .multiprocessors = 8});
}

TEST("CUDA attention keeps up with scores that grow along the sequence, a little or by far") {
  for (const float q_scale : {4.0F, 40.0F}) {
    const Case c{.heads = 2,
                 .kv_heads = 1,
                 .dim = 64,
                 .rows = {{700, 1}, {300, 40}, {0, 130}},
                 .multiprocessors = 2,
                 .q_scale = q_scale};
    check_case<gpu::bf16>(c);
    check_case<gpu::f16>(c);
  }
}

TEST("a workspace of CUDA attention serves launches of every shape") {
  Case c{.heads = 2, .kv_heads = 1, .dim = 64, .rows = {{500, 1}}, .multiprocessors = 8};
  const CardArray<std::byte> workspace(workspace_bytes(c, 12));
  std::memset(workspace.data(), 0, static_cast<std::size_t>(workspace.bytes()));
  const auto check = [&](std::vector<RowShape> rows) {
    c.rows = std::move(rows);
    const Inputs<gpu::bf16> inputs(c);
    check_output(inputs, expected_of(inputs), attend(inputs, workspace.data()));
  };
  check({{500, 1}});
  check(std::vector<RowShape>(12, {300, 1}));
  check({{600, 20}});
  check(std::vector<RowShape>(7, {270, 2}));
}

TEST("CUDA attention sees the window and nothing before it") {
  for (const int window : {1, 16, 50, 100, 140}) {
    const Case c{.heads = 2,
                 .kv_heads = 1,
                 .dim = 64,
                 .rows = {{0, 1}, {150, 1}, {300, 2}, {90, 70}},
                 .block_tokens = window == 140 ? 5 : 16,
                 .window = window};
    check_case<gpu::bf16>(c);
  }
}

TEST("CUDA attention finds positions in blocks of any size") {
  for (const int block_tokens : {1, 5, 16, 32, 64})
    check_case<gpu::bf16>(
        {.heads = 4,
         .kv_heads = 2,
         .dim = 64,
         .rows =
             {{block_tokens - 1, 1}, {block_tokens, 1}, {77, 1}, {2 * block_tokens, 13}, {0, block_tokens}},
         .block_tokens = block_tokens});
}

TEST("CUDA attention takes prompts and decoding rows in one batch, with padding and empty rows") {
  const Case c{.heads = 8,
               .kv_heads = 2,
               .dim = 64,
               .rows = {{40, 1}, {0, 0}, {5, 20}, {0, 1}, {0, 33}, {100, 2}, {0, 7}},
               .padding_row = 3};
  check_case<gpu::bf16>(c);
  Case padded_prompt = c;
  padded_prompt.padding_row = 4;
  check_case<gpu::f16>(padded_prompt);
}

TEST("CUDA attention finds its rows among many") {
  std::vector<RowShape> rows;
  for (int i = 0; i < 70; ++i) rows.push_back({i % 3 * 20, i % 7 == 0 ? 5 : i % 5 == 0 ? 0 : 1});
  check_case<gpu::bf16>({.heads = 2, .kv_heads = 1, .dim = 64, .rows = rows});
}

TEST("CUDA attention of random batches is that of the definition") {
  auto rng = make_rng(7);
  for (int i = 0; i < 4; ++i) {
    const int group = uniform(rng, 1, 8), kv_heads = uniform(rng, 1, 2);
    Case c{.heads = group * kv_heads,
           .kv_heads = kv_heads,
           .dim = std::array{64, 80, 96, 128, 256}[rng() % 5],
           .rows = {}};
    for (int r = uniform(rng, 1, 5); r > 0; --r)
      c.rows.push_back({uniform(rng, 0, 200), uniform(rng, 0, 1) == 0 ? 1 : uniform(rng, 0, 40)});
    c.block_tokens = std::array{16, 16, 8, 48}[rng() % 4];
    c.window = uniform(rng, 0, 2) == 0 ? uniform(rng, 1, 120) : 0;
    check_case<gpu::bf16>(c);
  }
}

TEST("a row's CUDA attention has the same bits whatever the other rows are") {
  const Case alone{.heads = 4, .kv_heads = 2, .dim = 64, .rows = {{200, 1}, {30, 20}, {0, 0}, {0, 0}}};
  Inputs<gpu::bf16> few(alone);
  Case all = alone;
  all.rows[2] = {500, 1};
  all.rows[3] = {0, 64};
  Inputs<gpu::bf16> many(all);
  // The same tokens with the same keys and values.
  std::copy_n(few.q.begin(), few.q.size(), many.q.begin());
  for (int row = 0; row < 2; ++row) {
    for (int position = 0; position < few.batch.context_lens[static_cast<std::size_t>(row)]; ++position) {
      for (int head = 0; head < 2; ++head) {
        for (int d = 0; d < 64; ++d) {
          const auto from = few.kv.offset(few.batch.block_of(row, position), head, position, d);
          const auto to = many.kv.offset(many.batch.block_of(row, position), head, position, d);
          many.kv.put(many.kv.keys, to, few.kv.get(few.kv.keys, from));
          many.kv.put(many.kv.values, to, few.kv.get(few.kv.values, from));
        }
      }
    }
  }
  const auto of_few = attend(few), of_many = attend(many);
  for (int row = 0; row < 2; ++row)
    CHECK(bytes_of(row_of(few, of_few, row)) == bytes_of(row_of(many, of_many, row)));
}

TEST("CUDA attention needs each of its barriers") {
  const auto attended = []<typename T>(const Case& c) {
    return [=] { return bytes_of(attend(Inputs<T>(c))); };
  };
  check_every_barrier_matters(
      attended.operator()<float>({.heads = 1, .kv_heads = 1, .dim = 64, .rows = {{290, 1}, {5, 1}}}));
  // A block counts itself as done when all of its threads have written; here no other block runs meanwhile.
  check_every_barrier_matters(
      attended.operator()<gpu::bf16>(
          {.heads = 2, .kv_heads = 1, .dim = 64, .rows = {{5, 1}, {70, 1}, {150, 1}}, .multiprocessors = 1}),
      {"ends_last 1"});
  check_every_barrier_matters(attended.operator()<gpu::bf16>(
      {.heads = 1, .kv_heads = 1, .dim = 64, .rows = {{300, 70}}, .multiprocessors = 2}));
  check_every_barrier_matters(
      attended.operator()<gpu::f16>(
          {.heads = 1, .kv_heads = 1, .dim = 256, .rows = {{40, 9}, {70, 1}}, .multiprocessors = 1}),
      {"ends_last 1"});
}

}  // namespace millrace::test
