#include "device/card_weight.hpp"

#include "card_fixture.hpp"
#include "cpu/cpu_weight.hpp"
#include "emulation/emulated_card.hpp"

namespace millrace::test {
namespace {

constexpr gpu::CardFormat kActivations[] = {gpu::CardFormat::kF32, gpu::CardFormat::kBF16,
                                            gpu::CardFormat::kF16};

float rounded_to(gpu::CardFormat format, float value) {
  if (format == gpu::CardFormat::kBF16) return gpu::to_float(gpu::from_float<gpu::bf16>(value));
  return format == gpu::CardFormat::kF16 ? gpu::to_float(gpu::from_float<gpu::f16>(value)) : value;
}

// What the CPU keeps of the same views; where it is a float, rounded to the activations' type.
bool equals_cpu(const gpu::CardWeight& weight, const CpuWeight& cpu, gpu::CardFormat activations,
                bool is_float) {
  for (std::int64_t row = 0; row < weight.rows(); ++row) {
    std::vector<float> expected(static_cast<std::size_t>(weight.cols()));
    cpu.read_row(row, expected.data());
    const std::vector<float> values = card_row(weight, row);
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (!(values[k] == (is_float ? rounded_to(activations, expected[k]) : expected[k]))) return false;
    }
  }
  return true;
}

}  // namespace

TEST("a weight on the card has the codes, scales and minima that the CPU makes of it") {
  auto rng = make_rng(21);
  const auto device = make_device(Isa::kScalar, 2);
  for (const WeightForm& form : kWeightForms) {
    for (const int rows : {1, 7, 16, 45}) {
      const std::int64_t cols = form.whole(uniform(rng, 2, 400));
      const RandomWeight random(form.dtype, rows, cols, rng);
      const WeightView views[] = {random.view()};
      const auto cpu = device->upload(views, form.quantization);
      for (const gpu::CardFormat activations : kActivations) {
        const auto weight = upload_to_card(activations, views, form.quantization);
        const bool is_float = !gpu::has_codes(weight->segments()[0].matrix.format);
        if (!equals_cpu(*weight, static_cast<const CpuWeight&>(*cpu), activations, is_float)) {
          fail(__FILE__, __LINE__,
               form.name() + " " + std::to_string(rows) + " rows of " + std::to_string(cols));
        }
        count_check();
      }
    }
  }
}

TEST("neighbouring views in one format are one matrix on the card, others are not") {
  auto rng = make_rng(22);
  const auto device = make_device(Isa::kScalar);
  const RandomWeight a(DType::kBF16, 13, 256, rng), b(DType::kF32, 6, 256, rng), c(DType::kQ4_K, 5, 256, rng),
      d(DType::kQ6_K, 20, 256, rng);
  const WeightView views[] = {a.view(), b.view(), c.view(), c.view(), d.view()};
  const auto weight = upload_to_card(gpu::CardFormat::kBF16, views);
  REQUIRE(weight->segments().size() == 3);
  CHECK_EQ(weight->segments()[0].matrix.rows, 19);
  CHECK_EQ(weight->segments()[1].first_row, 19);
  CHECK_EQ(weight->segments()[1].matrix.rows, 10);
  CHECK_EQ(weight->segments()[2].first_row, 29);
  const auto cpu = device->upload(views, {});
  for (std::int64_t row = 19; row < 49; ++row) {
    std::vector<float> expected(256);
    static_cast<const CpuWeight&>(*cpu).read_row(row, expected.data());
    CHECK(card_row(*weight, row) == expected);
  }
}

TEST("codes of views whose rows fill no panel lie behind each other") {
  auto rng = make_rng(23);
  const auto device = make_device(Isa::kScalar);
  const Quantization int4{Quantization::Kind::kInt4, 32};
  const RandomWeight a(DType::kBF16, 5, 96, rng), b(DType::kF32, 30, 96, rng), c(DType::kF16, 3, 96, rng);
  const WeightView views[] = {a.view(), b.view(), c.view()};
  const auto weight = upload_to_card(gpu::CardFormat::kBF16, views, int4);
  CHECK_EQ(weight->segments().size(), 1);
  const auto cpu = device->upload(views, int4);
  CHECK(equals_cpu(*weight, static_cast<const CpuWeight&>(*cpu), gpu::CardFormat::kBF16, false));
}

TEST("vectors are on the card in F32, and those of one column in the activations' 16 bits too") {
  auto rng = make_rng(24);
  const RandomWeight bias(DType::kBF16, 37, 1, rng), row(DType::kF16, 1, 40, rng),
      both(DType::kF32, 2, 8, rng);
  const WeightView biases[] = {bias.view(), bias.view()}, rows[] = {row.view()}, none[] = {both.view()};
  const auto vector = upload_to_card(gpu::CardFormat::kF16, biases);
  REQUIRE(vector->vector() != nullptr);
  for (int i = 0; i < 74; ++i) CHECK_EQ(static_cast<double>(vector->vector()[i]), bias.value(i % 37, 0));
  REQUIRE(vector->narrow_vector() != nullptr);
  const auto* narrow = static_cast<const gpu::f16*>(vector->narrow_vector());
  for (int i = 0; i < 74; ++i)
    CHECK_EQ(narrow[i].bits, gpu::from_float<gpu::f16>(static_cast<float>(bias.value(i % 37, 0))).bits);
  CHECK(vector->device_bytes() <= 74 * (4 + 2) + 2 * 256);
  CHECK(upload_to_card(gpu::CardFormat::kF32, biases)->narrow_vector() == nullptr);
  const auto one_row = upload_to_card(gpu::CardFormat::kBF16, rows);
  REQUIRE(one_row->vector() != nullptr);
  for (int i = 0; i < 40; ++i) CHECK_EQ(static_cast<double>(one_row->vector()[i]), row.value(0, i));
  CHECK(upload_to_card(gpu::CardFormat::kBF16, none)->vector() == nullptr);
}

TEST("a weight takes the card's memory that it says it takes, and gives it back") {
  auto rng = make_rng(25);
  const RandomWeight random(DType::kQ4_K, 20, 512, rng);
  const WeightView views[] = {random.view()};
  const std::int64_t before = gpu::emulated_card().used_bytes;
  auto weight = upload_to_card(gpu::CardFormat::kBF16, views);
  CHECK_EQ(gpu::emulated_card().used_bytes - before, weight->device_bytes());
  // 24 rows with half a byte for a code, and two F16 for 32 of them.
  CHECK_EQ(weight->device_bytes(), 24 * 512 / 2 + 2 * 24 * 16 * 2);
  weight.reset();
  CHECK_EQ(gpu::emulated_card().used_bytes, before);
}

TEST("rows that are not finite stay so on the card") {
  auto rng = make_rng(26);
  RandomWeight random(DType::kF32, 3, 64, rng);
  const float bad = std::nanf("");
  std::memcpy(random.bytes.data() + 1 + random.row_bytes + 40, &bad, 4);
  const WeightView views[] = {random.view()};
  for (const Quantization quantization :
       {Quantization{Quantization::Kind::kInt8}, Quantization{Quantization::Kind::kInt4, 64}}) {
    const auto weight = upload_to_card(gpu::CardFormat::kBF16, views, quantization);
    CHECK(std::isnan(card_row(*weight, 1)[0]));
    CHECK(!std::isnan(card_row(*weight, 0)[0]) && !std::isnan(card_row(*weight, 2)[0]));
  }
}

TEST("views that make no weight are refused by the card as by the CPU") {
  auto rng = make_rng(27);
  const RandomWeight a(DType::kF32, 3, 64, rng), b(DType::kF32, 3, 65, rng), q(DType::kQ8_0, 2, 32, rng);
  const WeightView different[] = {a.view(), b.view()}, whole[] = {a.view()}, uneven[] = {b.view()};
  WeightView odd[] = {q.view()}, narrow[] = {a.view()}, empty[] = {a.view()};
  odd[0].cols = 31;
  narrow[0].row_bytes = 255;
  empty[0].rows = 0;
  const auto refusal = [&](std::span<const WeightView> views, Quantization quantization = {}) {
    return CHECK_THROWS_CODE(upload_to_card(gpu::CardFormat::kBF16, views, quantization),
                             "ERR_INVALID_PARAMETER");
  };
  CHECK_CONTAINS(refusal(different), "64 and 65 columns");
  CHECK_CONTAINS(refusal(odd), "31 columns");
  CHECK_CONTAINS(refusal(narrow), "row_bytes is 255");
  CHECK_CONTAINS(refusal(empty), "empty");
  CHECK_CONTAINS(refusal({}), "at least one view");
  CHECK_CONTAINS(refusal(uneven, {Quantization::Kind::kInt4, 32}), "group of 32");
  CHECK_CONTAINS(refusal(whole, {Quantization::Kind::kInt4, 16}), "a group of 16");
}

TEST("a weight that the card has no room for is an error of its memory") {
  auto rng = make_rng(28);
  const RandomWeight random(DType::kBF16, 64, 256, rng);
  const WeightView views[] = {random.view()};
  gpu::EmulatedCard& card = gpu::emulated_card();
  const std::int64_t total = std::exchange(card.total_bytes, card.used_bytes + 1000);
  auto kind = gpu::GpuError::Kind::kOther;
  try {
    (void)upload_to_card(gpu::CardFormat::kBF16, views);
  } catch (const gpu::GpuError& error) {
    kind = error.kind();
  }
  card.total_bytes = total;
  CHECK(kind == gpu::GpuError::Kind::kOutOfMemory);
}

}  // namespace millrace::test
