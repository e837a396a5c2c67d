#include "kernels/swap_blocks.hpp"

#include "kernel_fixture.hpp"

namespace millrace::test {
namespace {

using gpu::SwapDirection;

// Of a host pool with `layers` layers, the second.
void check_swaps(DType dtype, int heads, int block_tokens, int head_dim, int count, SwapDirection direction) {
  const int blocks = count + 3, host_blocks = count + 2;
  constexpr std::size_t kLayers = 3;
  const auto bytes =
      static_cast<std::size_t>(storage_bytes(dtype, std::int64_t{heads} * block_tokens * head_dim));
  auto rng = make_rng(bytes * static_cast<std::size_t>(count));
  const auto random = [&](std::size_t size) {
    std::vector<std::uint8_t> all(size);
    for (auto& byte : all) byte = static_cast<std::uint8_t>(rng());
    return all;
  };
  auto keys = random(static_cast<std::size_t>(blocks) * bytes), values = random(keys.size());
  auto host = random(static_cast<std::size_t>(host_blocks) * kLayers * 2 * bytes);
  // In another order on either side, every block once.
  std::vector<std::int32_t> on_card(static_cast<std::size_t>(blocks)),
      on_host(static_cast<std::size_t>(host_blocks));
  for (auto* ids : {&on_card, &on_host}) {
    for (std::size_t i = 0; i < ids->size(); ++i) (*ids)[i] = static_cast<std::int32_t>(i);
    std::shuffle(ids->begin(), ids->end(), rng);
  }
  std::vector<BlockCopy> copies;
  const bool out = direction == SwapDirection::kOut;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    copies.push_back(out ? BlockCopy{on_card[i], on_host[i]} : BlockCopy{on_host[i], on_card[i]});

  const CardArray<std::uint8_t> card_keys{std::span<const std::uint8_t>(keys)},
      card_values{std::span<const std::uint8_t>(values)};
  auto* const pinned =
      static_cast<std::uint8_t*>(gpu::allocate_pinned(static_cast<std::int64_t>(host.size())));
  std::copy(host.begin(), host.end(), pinned);
  const std::size_t stride = kLayers * 2 * bytes;
  {
    gpu::Stream stream;
    gpu::launch_swap_blocks(
        stream, {card_keys.data(), card_values.data(), dtype, blocks, heads, block_tokens, head_dim},
        {reinterpret_cast<std::byte*>(pinned) + 2 * bytes, static_cast<std::int64_t>(stride)}, copies,
        direction);
    stream.synchronize();
  }
  for (const BlockCopy& copy : copies) {
    const auto card = static_cast<std::size_t>(out ? copy.from : copy.to) * bytes,
               at = static_cast<std::size_t>(out ? copy.to : copy.from) * stride + 2 * bytes;
    for (std::size_t i = 0; i < bytes; ++i) {
      if (out) {
        host[at + i] = keys[card + i];
        host[at + bytes + i] = values[card + i];
      } else {
        keys[card + i] = host[at + i];
        values[card + i] = host[at + bytes + i];
      }
    }
  }
  CHECK(card_keys.values() == keys);
  CHECK(card_values.values() == values);
  CHECK(std::equal(host.begin(), host.end(), pinned));
  gpu::release_pinned(pinned);
}

}  // namespace

TEST("CUDA swaps take keys and values of scattered blocks to the host and back, and touch nothing else") {
  for (const SwapDirection direction : {SwapDirection::kOut, SwapDirection::kIn}) {
    check_swaps(DType::kBF16, 1, 1, 8, 5, direction);    // 16 bytes
    check_swaps(DType::kF16, 3, 5, 80, 3, direction);    // no whole number of parts
    check_swaps(DType::kF32, 2, 16, 256, 2, direction);  // several parts
    check_swaps(DType::kBF16, 1, 2, 8, 900, direction);  // several launches
  }
}

TEST("no CUDA swaps are no launch") {
  gpu::Stream stream;
  gpu::launch_swap_blocks(stream, {nullptr, nullptr, DType::kBF16, 1, 1, 16, 64}, {}, {}, SwapDirection::kIn);
  stream.synchronize();
  CHECK(true);
}

}  // namespace millrace::test
