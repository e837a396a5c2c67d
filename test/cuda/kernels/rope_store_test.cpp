#include "kernels/rope_store.hpp"

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
void check_case(const Case& c) {
  auto rng = make_rng(static_cast<std::uint64_t>(c.dim * 1000 + c.rotary_dim));
  RaggedBatch batch(c.rows, c.block_tokens, rng);
  if (c.padding_row >= 0) make_padding(batch, c.padding_row);
  KvFixture kv(c.kv_dtype, batch, c.kv_heads, c.dim);
  const int cols = (c.heads + 2 * c.kv_heads) * c.dim, stride = cols + 8;
  const auto qkv = rounded<T>(random_values(rng, batch.num_tokens() * stride));
  const auto before = widened<T>(qkv);
  const auto q_norm = random_values(rng, c.dim), k_norm = random_values(rng, c.dim);
  std::vector<float> frequencies;
  for (int i = 0; i < c.rotary_dim / 2; ++i)
    frequencies.push_back(
        std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(c.rotary_dim)));
  in_every_order([&] {
    const CardBatch card_batch(batch);
    const CardKv card_kv(kv);
    const CardArray<T> card_qkv{std::span<const T>(qkv)};
    const CardArray<float> card_frequencies{std::span<const float>(frequencies)},
        card_q_norm{std::span<const float>(q_norm)}, card_k_norm{std::span<const float>(k_norm)};
    gpu::Stream stream;
    gpu::launch_rope_store<T>(stream, {.batch = card_batch.batch(),
                                       .qkv = card_qkv.data(),
                                       .stride = stride,
                                       .num_heads = c.heads,
                                       .q_norm = c.norm ? card_q_norm.data() : nullptr,
                                       .k_norm = c.norm ? card_k_norm.data() : nullptr,
                                       .norm_epsilon = 1e-6F,
                                       .form = c.form,
                                       .inverse_frequencies = card_frequencies.data(),
                                       .rotary_dim = c.rotary_dim,
                                       .magnitude = 1.25F,
                                       .kv = card_kv.layer()});
    stream.synchronize();
    const auto after = widened<T>(card_qkv.values());
    KvFixture stored = kv;
    stored.keys = card_kv.keys();
    stored.values = card_kv.values();
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
                                        : h < c.heads ? &q_norm
                                                      : &k_norm,
                                        position, c, frequencies, 1.25);
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

}  // namespace millrace::test
