#include "kernels/rope_store.hpp"

#include "barrier_check.hpp"
#include "paged_fixture.hpp"

namespace millrace::test {
namespace {

struct Case {
  RopeForm form;
  DType kv_dtype;
  int heads, kv_heads, dim, rotary_dim, block_tokens;
  bool norm;
  std::vector<RowShape> rows;
  int padding_row = -1;
};

// A head after its norm and rotation, in double precision.
std::vector<double> expected_head(std::span<const float> head, const std::vector<float>* norm, int position,
                                  const Case& c, const std::vector<float>& frequencies, double magnitude) {
  std::vector<double> x(head.begin(), head.end());
  if (norm != nullptr) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    for (std::size_t d = 0; d < x.size(); ++d)
      x[d] *= static_cast<double>((*norm)[d]) / std::sqrt(squares / c.dim + 1e-6);
  }
  const int pairs = c.rotary_dim / 2;
  for (int i = 0; i < pairs; ++i) {
    double& a = x[static_cast<std::size_t>(c.form == RopeForm::kHalves ? i : 2 * i)];
    double& b = x[static_cast<std::size_t>(c.form == RopeForm::kHalves ? i + pairs : 2 * i + 1)];
    const auto angle =
        static_cast<double>(static_cast<float>(position) * frequencies[static_cast<std::size_t>(i)]);
    const double cosine = std::cos(angle) * magnitude, sine = std::sin(angle) * magnitude, old = a;
    a = old * cosine - b * sine;
    b = b * cosine + old * sine;
  }
  return x;
}

template <typename T>
double tolerance_of(DType kv_dtype) {
  if (sizeof(T) == 4) return kv_dtype == DType::kF32 ? 4e-6 : kv_dtype == DType::kF16 ? 6e-4 : 4.5e-3;
  return kDTypeOf<T> == DType::kF16 ? 6e-4 : 4.5e-3;  // half of the last place, of results up to 2 and above
}

template <typename T>
struct Inputs {
  Case c;
  std::mt19937_64 rng;
  RaggedBatch batch;
  KvFixture kv;
  int stride;
  std::vector<T> qkv;
  std::vector<float> q_norm, k_norm, frequencies;

  explicit Inputs(const Case& of)
      : c(of),
        rng(make_rng(static_cast<std::uint64_t>(of.dim * 1000 + of.rotary_dim))),
        batch(c.rows, c.block_tokens, rng),
        kv(c.kv_dtype, batch, c.kv_heads, c.dim),
        stride((c.heads + 2 * c.kv_heads) * c.dim + 8) {
    if (c.padding_row >= 0) make_padding(batch, c.padding_row);
    qkv = rounded<T>(random_values(rng, std::int64_t{batch.num_tokens()} * stride));
    q_norm = random_values(rng, c.dim);
    k_norm = random_values(rng, c.dim);
    for (int i = 0; i < c.rotary_dim / 2; ++i)
      frequencies.push_back(
          std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(c.rotary_dim)));
  }
};

template <typename T>
struct Outputs {
  std::vector<T> qkv;
  std::vector<std::byte> keys, values;
};

template <typename T>
Outputs<T> rope_store(const Inputs<T>& inputs) {
  const Case& c = inputs.c;
  KvFixture kv = inputs.kv;
  const CardBatch batch(inputs.batch);
  const CardKv card_kv(kv);
  const CardArray<T> qkv{std::span<const T>(inputs.qkv)};
  const CardArray<float> frequencies{std::span<const float>(inputs.frequencies)},
      q_norm{std::span<const float>(inputs.q_norm)}, k_norm{std::span<const float>(inputs.k_norm)};
  gpu::Stream stream;
  gpu::launch_rope_store<T>(stream, {.batch = batch.batch(),
                                     .qkv = qkv.data(),
                                     .stride = inputs.stride,
                                     .num_heads = c.heads,
                                     .q_norm = c.norm ? q_norm.data() : nullptr,
                                     .k_norm = c.norm ? k_norm.data() : nullptr,
                                     .norm_epsilon = 1e-6F,
                                     .form = c.form,
                                     .inverse_frequencies = frequencies.data(),
                                     .rotary_dim = c.rotary_dim,
                                     .magnitude = 1.25F,
                                     .kv = card_kv.layer()});
  stream.synchronize();
  return {qkv.values(), card_kv.keys(), card_kv.values()};
}

template <typename T>
void check_case(const Case& c) {
  const Inputs<T> inputs(c);
  const RaggedBatch& batch = inputs.batch;
  const KvFixture& kv = inputs.kv;
  const int stride = inputs.stride;
  const auto before = widened<T>(inputs.qkv);
  in_every_order([&] {
    const Outputs<T> outputs = rope_store(inputs);
    const auto after = widened<T>(outputs.qkv);
    KvFixture stored = kv;
    stored.keys = outputs.keys;
    stored.values = outputs.values;
    KvFixture expected = kv;  // only what is not compared otherwise: NaN where nothing is stored
    double worst = 0;
    const auto compare = [&](double a, double b) {
      worst = worse_of(worst, std::abs(a - b) / std::max(1.0, std::abs(b)));
    };
    bool rest_is_kept = true;
    for (int t = 0; t < batch.num_tokens(); ++t) {
      const int row = batch.token_rows[static_cast<std::size_t>(t)];
      const int position = batch.positions[static_cast<std::size_t>(t)];
      const bool is_padding = batch.context_lens[static_cast<std::size_t>(row)] == 0;
      const auto* head_before = before.data() + t * stride;
      for (int i = is_padding ? 0 : c.heads * c.dim; i < stride; ++i)
        rest_is_kept = rest_is_kept && after[static_cast<std::size_t>(t * stride + i)] == head_before[i];
      if (is_padding) continue;
      for (int h = 0; h < c.heads + c.kv_heads; ++h) {
        const auto head = expected_head({head_before + h * c.dim, static_cast<std::size_t>(c.dim)},
                                        !c.norm       ? nullptr
                                        : h < c.heads ? &inputs.q_norm
                                                      : &inputs.k_norm,
                                        position, c, inputs.frequencies, 1.25);
        for (int d = 0; d < c.dim; ++d) {
          const double e = head[static_cast<std::size_t>(d)];
          if (h < c.heads) {
            compare(after[static_cast<std::size_t>(t * stride + h * c.dim + d)], e);
            continue;
          }
          const auto at = kv.offset(batch.block_of(row, position), h - c.heads, position, d);
          compare(stored.get(stored.keys, at), e);
          const float value = head_before[(h + c.kv_heads) * c.dim + d];
          compare(stored.get(stored.values, at), value);
          expected.put(expected.keys, at, stored.get(stored.keys, at));
          expected.put(expected.values, at, stored.get(stored.values, at));
        }
      }
    }
    CHECK(worst <= tolerance_of<T>(c.kv_dtype));
    CHECK(rest_is_kept);
    CHECK(stored.keys == expected.keys);
    CHECK(stored.values == expected.values);
  });
}

}  // namespace

TEST("CUDA rope_store rotates both forms, whole heads and parts, with and without norms") {
  const std::vector<RowShape> rows = {{0, 1}, {14, 5}, {300, 2}};
  for (const bool norm : {false, true}) {
    for (const RopeForm form : {RopeForm::kHalves, RopeForm::kPairs}) {
      check_case<float>({form, DType::kF32, 4, 2, 64, 64, 16, norm, rows});
      check_case<float>({form, DType::kF32, 3, 1, 80, 20, 16, norm, rows});
      check_case<gpu::bf16>({form, DType::kBF16, 7, 1, 128, 128, 16, norm, rows});
      check_case<gpu::f16>({form, DType::kF16, 2, 2, 96, 48, 16, norm, rows});
    }
  }
}

TEST("CUDA rope_store turns by the right angle at large positions") {
  check_case<float>({RopeForm::kHalves, DType::kF32, 1, 1, 16, 16, 16, false, {{100000, 2}}});
}

TEST("CUDA rope_store narrows F32 activations to the cache's type") {
  for (const DType kv_dtype : {DType::kBF16, DType::kF16})
    check_case<float>({RopeForm::kHalves, kv_dtype, 2, 1, 64, 64, 16, false, {{3, 4}}});
}

TEST("CUDA rope_store fills blocks of any size to their last token") {
  for (const int block_tokens : {1, 5, 16, 64})
    check_case<gpu::bf16>({RopeForm::kHalves,
                           DType::kBF16,
                           2,
                           2,
                           64,
                           64,
                           block_tokens,
                           false,
                           {{block_tokens - 1, 1}, {0, block_tokens}, {block_tokens, 2 * block_tokens}}});
}

TEST("CUDA rope_store stores nothing of padding and of empty rows") {
  check_case<gpu::bf16>(
      {RopeForm::kHalves, DType::kBF16, 2, 2, 64, 64, 16, true, {{3, 1}, {0, 0}, {0, 1}, {17, 1}}, 2});
}

TEST("CUDA rope_store gives a warp several heads of a long prompt") {
  check_case<gpu::bf16>({RopeForm::kHalves, DType::kBF16, 17, 3, 8, 8, 16, true, {{0, 520}}});
}

TEST("CUDA rope_store needs each of its barriers") {
  // Several heads a warp, and pairs that lie in different lanes.
  const Inputs<gpu::bf16> inputs({RopeForm::kHalves, DType::kBF16, 6, 2, 64, 64, 16, false, {{0, 512}}});
  check_every_barrier_matters([&] {
    const auto outputs = rope_store(inputs);
    return bytes_of(widened<gpu::bf16>(outputs.qkv), outputs.keys, outputs.values);
  });
}

}  // namespace millrace::test
