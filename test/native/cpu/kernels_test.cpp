#include <bit>
#include <limits>

#include "device_fixture.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

bool is_nan_f16(std::uint16_t bits) {
  return (bits & 0x7FFFU) > 0x7C00U;
}
bool is_nan_bf16(std::uint16_t bits) {
  return (bits & 0x7FFFU) > 0x7F80U;
}

// The value of an F16 number, from its definition.
double f16_value(unsigned bits) {
  const int exponent = static_cast<int>((bits >> 10) & 31U);
  const double fraction = bits & 1023U;
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  if (exponent == 31) return sign * std::numeric_limits<double>::infinity();
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

// Numbers that lie between, on and next to the numbers of a 16-bit float, with their neighbours.
std::vector<float> rounding_cases(std::mt19937_64& rng) {
  std::vector<float> cases = {0.0F,
                              -0.0F,
                              65504.0F,
                              65519.996F,
                              65520.0F,
                              65536.0F,
                              1e-8F,
                              2.98e-8F,
                              5.96e-8F,
                              -6e-8F,
                              std::numeric_limits<float>::infinity(),
                              std::nanf(""),
                              3.4e38F};
  for (int i = 0; i < 20000; ++i) cases.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(rng())));
  for (unsigned bits = 0; bits < 0x7C00U; bits += 7) {
    const auto middle = static_cast<float>((f16_value(bits) + f16_value(bits + 1)) / 2);
    if (!std::isfinite(middle)) continue;
    for (const float value : {middle, std::nextafter(middle, 1e9F), std::nextafter(middle, -1e9F)}) {
      cases.push_back(value);
      cases.push_back(-value);
    }
  }
  for (int i = 0; i < 5000; ++i) {
    cases.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(rng() & 0xFFFF0000U) | 0x8000U));
  }
  return cases;
}

// Nearest by search among the two neighbours; ties to the even pattern.
std::uint16_t nearest_f16(float value) {
  const unsigned sign = std::signbit(value) ? 0x8000U : 0;
  const double magnitude = std::abs(static_cast<double>(value));
  unsigned low = 0, high = 0x7C00U;
  const auto at = [](unsigned bits) { return bits == 0x7C00U ? 65536.0 : f16_value(bits); };
  while (high - low > 1) (at((low + high) / 2) <= magnitude ? low : high) = (low + high) / 2;
  const double to_low = magnitude - at(low), to_high = at(high) - magnitude;
  const unsigned best = to_low < to_high ? low : to_high < to_low ? high : (low & 1U) == 0 ? low : high;
  return static_cast<std::uint16_t>(sign | best);
}

}  // namespace

TEST("AVX2 kernels are among the tested ones") {
  if (!has_isa(Isa::kAvx2)) SKIP("this processor or build has no AVX2 with FMA and F16C");
  CHECK(&kernels_for(Isa::kAvx2) != &scalar_kernels());
}

TEST("AVX-512 kernels are among the tested ones") {
  if (!has_isa(Isa::kAvx512)) SKIP("this processor or build has no AVX-512");
  CHECK(&kernels_for(Isa::kAvx512) != &scalar_kernels());
  CHECK(best_isa() >= Isa::kAvx512);
}

TEST("AVX-512 kernels with VNNI and BF16 are among the tested ones") {
  if (!has_isa(Isa::kAvx512Bf16)) SKIP("this processor or build has no AVX-512 with VNNI and BF16");
  CHECK(best_isa() >= Isa::kAvx512Bf16);
}

TEST("AMX kernels are among the tested ones") {
  if (!has_isa(Isa::kAmx)) SKIP("this processor, its operating system or this build has no AMX");
  CHECK(best_isa() == Isa::kAmx);
}

TEST("every level of kernels is found by its name") {
  for (const Isa isa : kIsas) CHECK(parse_isa(isa_name(isa)) == isa);
  CHECK(!parse_isa("avx1024"));
}

TEST("every F16 and BF16 number is widened exactly") {
  std::vector<std::byte> bytes(2 * 65536 + 1);
  for (unsigned bits = 0; bits < 65536; ++bits) std::memcpy(bytes.data() + 1 + 2 * bits, &bits, 2);
  for (const Isa isa : tested_isas()) {
    const Kernels& kernels = kernels_for(isa);
    std::vector<float> f16(65536), bf16(65536);
    kernels.widen[static_cast<int>(DType::kF16)](bytes.data() + 1, f16.data(), 65536);
    kernels.widen[static_cast<int>(DType::kBF16)](bytes.data() + 1, bf16.data(), 65536);
    bool f16_right = true, bf16_right = true;
    for (unsigned bits = 0; bits < 65536; ++bits) {
      const auto half = static_cast<std::uint16_t>(bits);
      f16_right = f16_right && (is_nan_f16(half) ? std::isnan(f16[bits]) : f16[bits] == f16_value(bits));
      bf16_right = bf16_right && (is_nan_bf16(half) ? std::isnan(bf16[bits])
                                                    : std::bit_cast<std::uint32_t>(bf16[bits]) == bits << 16);
    }
    CHECK(f16_right);
    CHECK(bf16_right);
  }
}

TEST("narrowing rounds to the nearest, ties to even, and keeps NaN and infinity") {
  auto rng = make_rng(40);
  const std::vector<float> cases = rounding_cases(rng);
  const auto count = static_cast<std::int64_t>(cases.size());
  for (const Isa isa : tested_isas()) {
    const Kernels& kernels = kernels_for(isa);
    std::vector<std::uint16_t> f16(cases.size()), bf16(cases.size());
    kernels.narrow[static_cast<int>(DType::kF16)](cases.data(), reinterpret_cast<std::byte*>(f16.data()),
                                                  count);
    kernels.narrow[static_cast<int>(DType::kBF16)](cases.data(), reinterpret_cast<std::byte*>(bf16.data()),
                                                   count);
    bool f16_right = true, bf16_right = true;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(cases[i]);
      if (std::isnan(cases[i])) {
        f16_right = f16_right && is_nan_f16(f16[i]);
        bf16_right = bf16_right && is_nan_bf16(bf16[i]);
        continue;
      }
      f16_right = f16_right && f16[i] == nearest_f16(cases[i]);
      const std::uint32_t low = bits & 0xFFFFU, up = bits >> 16;
      const bool round_up = low > 0x8000U || (low == 0x8000U && (up & 1U) == 1);
      bf16_right = bf16_right && bf16[i] == up + (round_up ? 1U : 0U);
    }
    CHECK(f16_right);
    CHECK(bf16_right);
  }
}

TEST("widening and narrowing any number of elements touches no others") {
  auto rng = make_rng(41);
  for (const Isa isa : tested_isas()) {
    const Kernels& kernels = kernels_for(isa);
    for (int count = 0; count < 40; ++count) {
      std::vector<float> values(64), widened(64, -1.0F);
      for (float& value : values) value = static_cast<float>(uniform(rng, -100, 100));
      for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
        std::vector<std::byte> bytes(256, std::byte{0x77});
        kernels.narrow[static_cast<int>(dtype)](values.data(), bytes.data() + 1, count);
        const std::size_t used = 1 + static_cast<std::size_t>(storage_bytes(dtype, count));
        CHECK(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end(),
                          [](std::byte b) { return b == std::byte{0x77}; }));
        std::fill(widened.begin(), widened.end(), -1.0F);
        kernels.widen[static_cast<int>(dtype)](bytes.data() + 1, widened.data(), count);
        CHECK(std::equal(widened.begin(), widened.begin() + count, values.begin()));
        CHECK(std::all_of(widened.begin() + count, widened.end(), [](float v) { return v == -1; }));
      }
    }
  }
}
