#include "cpu/cpu_weight.hpp"
#include "device_fixture.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

std::unique_ptr<Weight> upload(Device& device, const RandomWeight& weight) {
  const WeightView views[] = {weight.view()};
  return device.upload(views, {});
}

double gate_value(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return 0;
}

}  // namespace

TEST(
    "embedding copies the rows of the token ids, from every element type: exactly, but for the scales of "
    "K-quants") {
  auto rng = make_rng(20);
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa, 2);
    for (const DType dtype : kDTypes) {
      const auto block = static_cast<int>(block_elements(dtype));
      // Scales of 11 bits.
      const double rounding = dtype == DType::kQ4_K || dtype == DType::kQ6_K ? 1e-3 : 0;
      for (const int least : {32, 96, 544}) {
        const int cols = (least + block - 1) / block * block;
        const RandomWeight a(dtype, 9, cols, rng), b(dtype, 3, cols, rng);
        const WeightView views[] = {a.view(), b.view()};
        const auto table = device->upload(views, {});
        double largest = 0;
        for (const double value : a.values) largest = std::max(largest, std::fabs(value));
        for (const double value : b.values) largest = std::max(largest, std::fabs(value));
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 40; ++i) ids.push_back(uniform(rng, 0, 11));
        Matrix out(40, cols);
        device->embed({.num_tokens = 40, .token_ids = ids.data()}, *table, out.tensor());
        bool right = out.guards_hold();
        for (int i = 0; i < 40; ++i) {
          const int id = ids[static_cast<std::size_t>(i)];
          for (int c = 0; c < cols; ++c) {
            const double expected = id < 9 ? a.value(id, c) : b.value(id - 9, c);
            right = right && std::fabs(out.at(i, c) - expected) <= rounding * largest;
          }
        }
        CHECK(right);
      }
    }
  }
}

TEST("RMS norm adds the delta first and equals its formula at any width") {
  auto rng = make_rng(21);
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa, 2);
    for (const int cols : {1, 7, 16, 33, 100, 1024, 1031}) {
      for (const bool with_delta : {false, true}) {
        const int rows = uniform(rng, 1, 20);
        const RandomWeight weight(DType::kBF16, 1, cols, rng);
        const auto uploaded = upload(*device, weight);
        Matrix x(rows, cols, rng), delta(rows, cols, rng), out(rows, cols);
        const Matrix before = x;
        const Tensor delta_tensor = delta.tensor();
        device->norm({x.tensor(), with_delta ? &delta_tensor : nullptr, uploaded.get(), 1e-5F, out.tensor()});
        bool right = x.guards_hold() && out.guards_hold();
        for (int i = 0; i < rows; ++i) {
          double squares = 0;
          for (int c = 0; c < cols; ++c) {
            const float sum = before.at(i, c) + (with_delta ? delta.at(i, c) : 0);
            right = right && x.at(i, c) == sum;
            squares += static_cast<double>(sum) * sum;
          }
          const double scale = 1 / std::sqrt(squares / cols + 1e-5);
          for (int c = 0; c < cols; ++c) {
            const double expected = x.at(i, c) * scale * weight.value(0, c);
            right = right && std::abs(out.at(i, c) - expected) <= 2e-6 * std::abs(expected);
          }
        }
        CHECK(right);
      }
    }
  }
}

TEST("a gated activation equals its formula, also far from zero") {
  auto rng = make_rng(22);
  for (const Isa isa : tested_isas()) {
    for (const Activation activation : {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
      for (const int cols : {1, 17, 48, 771}) {
        Matrix gate_up(30, 2 * cols, rng), out(30, cols);
        for (int i = 0; i < 30; ++i) {
          for (int c = 0; c < cols; ++c) gate_up.at(i, c) *= i < 10 ? 1.0F : i < 20 ? 5.0F : 60.0F;
        }
        const auto gated = kernels_for(isa).gated[static_cast<int>(activation)];
        for (int i = 0; i < 30; ++i) gated(&gate_up.at(i, 0), &gate_up.at(i, cols), &out.at(i, 0), cols);
        bool right = out.guards_hold();
        for (int i = 0; i < 30; ++i) {
          for (int c = 0; c < cols; ++c) {
            const double gate = gate_up.at(i, c), up = gate_up.at(i, cols + c);
            const double expected = gate_value(activation, gate) * up;
            // 1 + tanh and 1 + erf cancel for negative gates: an error of the size of the gate's last place.
            right = right && std::abs(out.at(i, c) - expected) <= 1e-6 * std::abs(gate * up) + 1e-30;
          }
        }
        CHECK(right);
      }
    }
  }
}

TEST("the sigmoid gate keeps NaN and the limits at infinity") {
  for (const Isa isa : tested_isas()) {
    Matrix gate_up(1, 8), out(1, 4);
    const float infinity = std::numeric_limits<float>::infinity();
    const float gates[] = {std::nanf(""), 1000, -1000, infinity};
    for (int c = 0; c < 4; ++c) {
      gate_up.at(0, c) = gates[c];
      gate_up.at(0, 4 + c) = 1;
    }
    kernels_for(isa).gated[static_cast<int>(Activation::kSilu)](&gate_up.at(0, 0), &gate_up.at(0, 4),
                                                                &out.at(0, 0), 4);
    CHECK(std::isnan(out.at(0, 0)));
    CHECK_EQ(out.at(0, 1), 1000.0F);
    CHECK_NEAR(out.at(0, 2), 0, 1e-30);
    CHECK_EQ(out.at(0, 3), infinity);
  }
}

TEST("gathering copies the chosen rows and adding adds every element") {
  auto rng = make_rng(23);
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa, 3);
    for (const int cols : {1, 13, 64, 3000}) {
      Matrix x(12, cols, rng), out(20, cols), delta(20, cols, rng);
      std::vector<std::int32_t> indices;
      for (int i = 0; i < 20; ++i) indices.push_back(uniform(rng, 0, 11));
      device->gather_rows(x.tensor(), indices.data(), out.tensor());
      device->add(out.tensor(), delta.tensor());
      bool right = out.guards_hold();
      for (int i = 0; i < 20; ++i) {
        for (int c = 0; c < cols; ++c) {
          right = right && out.at(i, c) == x.at(indices[static_cast<std::size_t>(i)], c) + delta.at(i, c);
        }
      }
      CHECK(right);
    }
  }
}

TEST("copying blocks copies keys and values, in order") {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const auto device = make_device(Isa::kScalar);
    const std::int64_t block_bytes = storage_bytes(dtype, 2 * 4 * 8);
    std::vector<std::byte> keys(static_cast<std::size_t>(5 * block_bytes)), values(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      keys[i] = static_cast<std::byte>(i / static_cast<std::size_t>(block_bytes));
      values[i] = keys[i] | std::byte{0x40};
    }
    const BlockCopy copies[] = {{0, 3}, {3, 4}, {1, 0}};
    device->copy_blocks({keys.data(), values.data(), dtype, 5, 2, 4, 8}, copies);
    const int expected[] = {1, 1, 2, 0, 0};
    bool right = true;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto from = static_cast<std::byte>(expected[i / static_cast<std::size_t>(block_bytes)]);
      right = right && keys[i] == from && values[i] == (from | std::byte{0x40});
    }
    CHECK(right);
  }
}

TEST("blocks go to the host and come back as they were, and nothing beside them is touched") {
  constexpr int kBlocks = 40, kHostBlocks = 50, kHeads = 3;
  // Short blocks are copied by one thread, long ones by all.
  for (const int block_tokens : {1, 64}) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      const auto device = make_device(Isa::kScalar, 3);
      const std::int64_t block_bytes = storage_bytes(dtype, kHeads * block_tokens * 8LL);
      const auto size = static_cast<std::size_t>(kBlocks * block_bytes);
      std::vector<std::byte> keys(size), values(size), new_keys(size), new_values(size);
      for (std::size_t i = 0; i < size; ++i) {
        keys[i] = static_cast<std::byte>(i * 31 / 16);
        values[i] = static_cast<std::byte>(i * 37 / 16 + 1);
      }
      // The second of two layers in a host block.
      const HostLayer at{nullptr, 4 * block_bytes};
      const auto host = device->allocate_host(kHostBlocks * at.stride);
      const HostLayer layer{static_cast<std::byte*>(host->data()) + 2 * block_bytes, at.stride};
      std::vector<BlockCopy> out{{0, 7}}, in;
      for (int i = 0; i < 30; ++i) out.push_back({i + 5, 49 - i});
      out.push_back({39, 7});  // the later copy counts
      for (const BlockCopy& copy : out) in.push_back({copy.to, copy.from});
      device->copy_out({keys.data(), values.data(), dtype, kBlocks, kHeads, block_tokens, 8}, layer, out);
      device->copy_in({new_keys.data(), new_values.data(), dtype, kBlocks, kHeads, block_tokens, 8}, layer,
                      in);
      bool right = true;
      for (std::size_t i = 0; i < size; ++i) {
        const auto block = static_cast<std::int64_t>(i) / block_bytes;
        const bool copied = block == 0 || block == 39 || (block >= 5 && block < 35);
        const std::size_t from = block == 0 ? i + static_cast<std::size_t>(39 * block_bytes) : i;
        right = right && new_keys[i] == (copied ? keys[from] : std::byte{0}) &&
                new_values[i] == (copied ? values[from] : std::byte{0});
      }
      const auto* first_layer = static_cast<const std::byte*>(host->data());
      for (std::int64_t block = 0; block < kHostBlocks; ++block) {
        for (std::int64_t i = 0; i < 2 * block_bytes; ++i)
          right = right && first_layer[block * at.stride + i] == std::byte{0};
      }
      CHECK(right);
    }
  }
}

TEST("a vector weight is kept in F32, whether it lies as a row or as a column") {
  auto rng = make_rng(24);
  const RandomWeight row(DType::kF16, 1, 40, rng), a(DType::kBF16, 3, 1, rng), b(DType::kF32, 4, 1, rng);
  const WeightView row_views[] = {row.view()}, column_views[] = {a.view(), b.view()};
  WeightMemory memory("cpu:0", std::make_shared<MemoryBudget>(std::int64_t{1} << 30));
  ThreadPool pool(1);
  const CpuWeight row_weight(row_views, {}, Isa::kScalar, memory, pool);
  const CpuWeight column_weight(column_views, {}, Isa::kScalar, memory, pool);
  for (int i = 0; i < 40; ++i) CHECK_EQ(row_weight.vector()[i], row.value(0, i));
  for (int i = 0; i < 7; ++i) CHECK_EQ(column_weight.vector()[i], i < 3 ? a.value(i, 0) : b.value(i - 3, 0));
}

TEST("memory of weights is zeroed, aligned and counted until the last of it is given up") {
  const auto budget = std::make_shared<MemoryBudget>(std::int64_t{64} << 20);
  {
    WeightMemory memory("cpu:3", budget);
    std::vector<std::shared_ptr<std::byte>> pieces;
    for (const std::int64_t bytes :
         {std::int64_t{1}, std::int64_t{100}, std::int64_t{17} << 20, std::int64_t{3} << 20}) {
      const auto piece = memory.take(bytes);
      CHECK_EQ(reinterpret_cast<std::uintptr_t>(piece.get()) % 64, 0U);
      CHECK(std::all_of(piece.get(), piece.get() + bytes, [](std::byte b) { return b == std::byte{0}; }));
      std::memset(piece.get(), 0xFF, static_cast<std::size_t>(bytes));
      pieces.push_back(piece);
    }
    CHECK(budget->used_bytes() >= std::int64_t{20} << 20);
    const std::string message = CHECK_THROWS_CODE(memory.take(std::int64_t{60} << 20), "ERR_OUT_OF_MEMORY");
    CHECK_CONTAINS(message, "cpu:3: 60 MiB more than");
  }
  CHECK_EQ(budget->used_bytes(), 0);
}

TEST("device memory is zeroed, aligned to 64 bytes, and counted against the limit") {
  const auto budget = std::make_shared<MemoryBudget>(std::int64_t{64} << 20);
  CpuDevice device(3, std::make_shared<ThreadPool>(1), Isa::kScalar, budget);
  for (const std::int64_t bytes : {std::int64_t{0}, std::int64_t{100}, std::int64_t{5} << 20}) {
    const auto buffer = device.allocate(bytes);
    CHECK_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % 64, 0U);
    const auto* data = static_cast<const char*>(buffer->data());
    CHECK(std::all_of(data, data + bytes, [](char c) { return c == 0; }));
    CHECK(budget->used_bytes() >= bytes);
  }
  CHECK_EQ(budget->used_bytes(), 0);
  const auto most = device.allocate(std::int64_t{60} << 20);
  const std::string message = CHECK_THROWS_CODE(device.allocate(std::int64_t{5} << 20), "ERR_OUT_OF_MEMORY");
  CHECK_CONTAINS(message, "cpu:3: 5 MiB more than the 60 MiB in use are over the 64 MiB");
  CHECK_THROWS_CODE(device.allocate(-1), "ERR_INVALID_PARAMETER");
  CHECK_EQ(budget->used_bytes(), std::int64_t{60} << 20);
}

TEST("sampling and log-probabilities of a batch are those of its rows, on any number of threads") {
  auto rng = make_rng(25);
  const auto one = make_device(Isa::kScalar, 1), many = make_device(Isa::kScalar, 3);
  Matrix logits(9, 5000, rng);
  std::vector<SamplingParams> params(9);
  std::vector<SampleRow> rows(9);
  std::vector<std::int32_t> targets;
  for (int i = 0; i < 9; ++i) {
    const auto at = static_cast<std::size_t>(i);
    params[at] = {.temperature = i % 2 == 0 ? 1.0F : 0.0F, .top_p = 0.9F, .seed = rng()};
    rows[at] = {.params = &params[at], .position = i};
    targets.push_back(uniform(rng, 0, 4999));
  }
  std::vector<SampleResult> results(9), expected(9);
  many->sample(logits.tensor(), rows, results);
  std::vector<float> logprobs(9), top_logprobs(9 * 4);
  std::vector<std::int32_t> top_ids(9 * 4);
  many->log_probs(logits.tensor(), targets, 3, logprobs.data(), top_ids.data(), top_logprobs.data(), 4);
  SampleScratch scratch;
  for (int i = 0; i < 9; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::span<const float> row(&logits.at(i, 0), 5000);
    sample_row(row, rows[at], scratch, expected[at]);
    CHECK_EQ(results[at].token, expected[at].token);
    std::int32_t ids[3];
    float best[3];
    CHECK_EQ(logprobs[at], log_probabilities(row, targets[at], 3, ids, best, scratch));
    CHECK(std::equal(ids, ids + 3, &top_ids[at * 4]) && std::equal(best, best + 3, &top_logprobs[at * 4]));
  }
  one->log_probs(logits.tensor(), targets, 0, logprobs.data(), nullptr, nullptr, 4);
  CHECK_EQ(logprobs[8],
           log_probabilities({&logits.at(8, 0), 5000}, targets[8], 0, nullptr, nullptr, scratch));
}
