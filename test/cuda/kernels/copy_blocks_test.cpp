#include "kernels/copy_blocks.hpp"

#include "kernel_fixture.hpp"

namespace millrace::test {
namespace {

void check_copies(DType dtype, int heads, int block_tokens, int head_dim) {
  const int blocks = 9;
  const auto block_bytes =
      static_cast<std::size_t>(storage_bytes(dtype, std::int64_t{heads} * block_tokens * head_dim));
  auto rng = make_rng(block_bytes);
  std::vector<std::uint8_t> keys(blocks * block_bytes), values(keys.size());
  for (auto* bytes : {&keys, &values}) {
    for (auto& byte : *bytes) byte = static_cast<std::uint8_t>(rng());
  }
  const std::vector<BlockCopy> copies = {{0, 5}, {0, 8}, {7, 2}};
  const CardArray<std::uint8_t> card_keys{std::span<const std::uint8_t>(keys)},
      card_values{std::span<const std::uint8_t>(values)};
  const CardArray<BlockCopy> card_copies{std::span<const BlockCopy>(copies)};
  gpu::Stream stream;
  gpu::launch_copy_blocks(
      stream, {card_keys.data(), card_values.data(), dtype, blocks, heads, block_tokens, head_dim},
      card_copies.data(), static_cast<int>(copies.size()));
  stream.synchronize();
  for (auto* bytes : {&keys, &values}) {
    for (const BlockCopy& copy : copies) {
      std::memcpy(bytes->data() + static_cast<std::size_t>(copy.to) * block_bytes,
                  bytes->data() + static_cast<std::size_t>(copy.from) * block_bytes, block_bytes);
    }
  }
  CHECK(card_keys.values() == keys);
  CHECK(card_values.values() == values);
}

}  // namespace

TEST("CUDA copies of blocks take keys and values whole and touch no other block") {
  check_copies(DType::kBF16, 1, 1, 8);  // 16 bytes
  check_copies(DType::kBF16, 2, 16, 128);
  check_copies(DType::kF16, 3, 5, 80);
  check_copies(DType::kF32, 8, 16, 64);
}

TEST("no CUDA copies of blocks are no launch") {
  gpu::Stream stream;
  gpu::launch_copy_blocks(stream, {nullptr, nullptr, DType::kBF16, 1, 1, 16, 64}, nullptr, 0);
  stream.synchronize();
  CHECK(true);
}

}  // namespace millrace::test
