#include "ragged_batch.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

struct Case {
  RopeForm form;
  DType kv_dtype;
  int heads, kv_heads, dim, rotary_dim;
  bool norm;
};

// A head after its norm and rotation, in double precision.
std::vector<double> expected_head(const float* head, const Case& c, const RandomWeight* norm, float epsilon,
                                  const std::vector<float>& frequencies, int position, double magnitude) {
  std::vector<double> x(head, head + c.dim);
  if (norm != nullptr) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    for (int d = 0; d < c.dim; ++d) {
      x[static_cast<std::size_t>(d)] *= norm->value(0, d) / std::sqrt(squares / c.dim + epsilon);
    }
  }
  const int pairs = c.rotary_dim / 2;
  for (int i = 0; i < pairs; ++i) {
    double& a = x[static_cast<std::size_t>(c.form == RopeForm::kHalves ? i : 2 * i)];
    double& b = x[static_cast<std::size_t>(c.form == RopeForm::kHalves ? i + pairs : 2 * i + 1)];
    const float angle = static_cast<float>(position) * frequencies[static_cast<std::size_t>(i)];
    const double cosine = std::cos(static_cast<double>(angle)) * magnitude;
    const double sine = std::sin(static_cast<double>(angle)) * magnitude;
    const double old = a;
    a = old * cosine - b * sine;
    b = b * cosine + old * sine;
  }
  return x;
}

bool is_near(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance * (1 + std::abs(b));
}

void check_case(Isa isa, const Case& c, std::mt19937_64& rng) {
  const auto device = make_device(isa, 2);
  const RaggedBatch batch({{0, 1}, {14, 5}, {3000, 2}, {0, 33}}, 16, rng);
  KvFixture kv(c.kv_dtype, batch, c.kv_heads, c.dim);
  const RandomWeight q_norm(DType::kF32, 1, c.dim, rng), k_norm(DType::kBF16, 1, c.dim, rng);
  const WeightView q_views[] = {q_norm.view()}, k_views[] = {k_norm.view()};
  const auto q_weight = device->upload(q_views, {}), k_weight = device->upload(k_views, {});
  std::vector<float> frequencies;
  for (int i = 0; i < c.rotary_dim / 2; ++i) {
    frequencies.push_back(
        std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(c.rotary_dim)));
  }
  Matrix qkv(batch.num_tokens(), (c.heads + 2 * c.kv_heads) * c.dim, rng);
  const Matrix before = qkv;
  device->rope_store(batch.batch(), {.qkv = qkv.tensor(),
                                     .num_heads = c.heads,
                                     .q_norm = c.norm ? q_weight.get() : nullptr,
                                     .k_norm = c.norm ? k_weight.get() : nullptr,
                                     .norm_epsilon = 1e-6F,
                                     .form = c.form,
                                     .inverse_frequencies = frequencies.data(),
                                     .rotary_dim = c.rotary_dim,
                                     .magnitude = 1.25F,
                                     .kv = kv.layer()});
  bool q_right = qkv.guards_hold(), k_right = true, v_right = true;
  for (int t = 0; t < batch.num_tokens(); ++t) {
    const int position = batch.positions[static_cast<std::size_t>(t)];
    const std::int64_t block = batch.block_of(batch.token_rows[static_cast<std::size_t>(t)], position);
    for (int h = 0; h < c.heads + c.kv_heads; ++h) {
      const RandomWeight* norm = !c.norm ? nullptr : h < c.heads ? &q_norm : &k_norm;
      const auto expected = expected_head(before.data.data() + t * before.stride + h * c.dim, c, norm, 1e-6F,
                                          frequencies, position, 1.25);
      for (int d = 0; d < c.dim; ++d) {
        const double e = expected[static_cast<std::size_t>(d)];
        const float computed = qkv.at(t, h * c.dim + d);
        q_right = q_right && is_near(computed, e, 2e-6);
        if (h < c.heads) continue;
        // What is stored is the F32 value, rounded once.
        std::vector<std::byte> rounded(8);
        kv.put(rounded, 0, computed);
        k_right =
            k_right && kv.get(kv.keys, kv.offset(block, h - c.heads, position, d)) == kv.get(rounded, 0);
      }
    }
    for (int h = 0; h < c.kv_heads; ++h) {
      for (int d = 0; d < c.dim; ++d) {
        const float value = before.at(t, (c.heads + c.kv_heads + h) * c.dim + d);
        std::vector<std::byte> rounded(8);
        kv.put(rounded, 0, value);
        v_right = v_right && kv.get(kv.values, kv.offset(block, h, position, d)) == kv.get(rounded, 0);
      }
    }
  }
  CHECK(q_right);
  CHECK(k_right);
  CHECK(v_right);
}

}  // namespace

TEST("rotation, q/k norm and the store into blocks equal their formulas, in both forms") {
  auto rng = make_rng(30);
  for (const Isa isa : tested_isas()) {
    for (const RopeForm form : {RopeForm::kHalves, RopeForm::kPairs}) {
      for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
        check_case(isa, {form, dtype, 4, 2, 64, 64, true}, rng);
        check_case(isa, {form, dtype, 3, 1, 80, 32, false}, rng);
        check_case(isa, {form, dtype, 2, 2, 24, 24, true}, rng);
      }
    }
  }
}

TEST("a device that keeps the angles of a step gives what a fresh one gives, whatever changed since") {
  auto rng = make_rng(31);
  std::vector<float> frequencies(12), others(12);
  for (float& f : frequencies) f = 1 / static_cast<float>(uniform(rng, 1, 500));
  for (float& f : others) f = 1 / static_cast<float>(uniform(rng, 1, 500));
  struct Step {
    RowShape row;
    const std::vector<float>* frequencies;
    int rotary_dim;
    float magnitude;
    RopeForm form;
  };
  const Step first = {{40, 7}, &frequencies, 24, 1, RopeForm::kHalves};
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa);
    // The same again, as the next layer asks; then with one thing changed at a time.
    for (const Step& step :
         {first, first, Step{{41, 7}, &frequencies, 24, 1, RopeForm::kHalves},
          Step{{41, 9}, &frequencies, 24, 1, RopeForm::kHalves},
          Step{{41, 9}, &others, 24, 1, RopeForm::kHalves}, Step{{41, 9}, &others, 22, 1, RopeForm::kHalves},
          Step{{41, 9}, &others, 22, 1.5F, RopeForm::kHalves},
          Step{{41, 9}, &others, 22, 1.5F, RopeForm::kPairs}, first}) {
      const RaggedBatch batch({step.row}, 16, rng);
      KvFixture kv(DType::kF32, batch, 1, 24);
      Matrix kept(batch.num_tokens(), 3 * 24, rng), fresh = kept;
      RopeStoreArgs args;
      args.num_heads = 1;
      args.inverse_frequencies = step.frequencies->data();
      args.rotary_dim = step.rotary_dim;
      args.magnitude = step.magnitude;
      args.form = step.form;
      args.kv = kv.layer();
      args.qkv = kept.tensor();
      device->rope_store(batch.batch(), args);
      args.qkv = fresh.tensor();
      make_device(isa)->rope_store(batch.batch(), args);
      CHECK(same_bits(kept, fresh));
    }
  }
}
