#include "device/kv_swaps.hpp"

#include "device/plugin_fixture.hpp"
#include "kernel_fixture.hpp"

namespace millrace::test {
namespace {

constexpr int kBlocks = 40, kHostBlocks = 32, kBytes = 2 * 16;  // one head of 16 BF16, blocks of one token

struct Pools {
  std::vector<std::uint8_t> keys, values, host;

  void swap(const BlockCopy& copy, bool out) {
    const std::size_t card = static_cast<std::size_t>(out ? copy.from : copy.to) * kBytes,
                      at = static_cast<std::size_t>(out ? copy.to : copy.from) * 2 * kBytes;
    for (std::size_t i = 0; i < kBytes; ++i) {
      if (out) {
        host[at + i] = keys[card + i];
        host[at + kBytes + i] = values[card + i];
      } else {
        keys[card + i] = host[at + i];
        values[card + i] = host[at + kBytes + i];
      }
    }
  }
};

}  // namespace

TEST(
    "swaps of a layer have the effect of one after the other, in runs or scattered, to one block twice or "
    "not") {
  auto rng = make_rng(91);
  Pools expected;
  for (const auto& [bytes, count] : {std::pair{&expected.keys, kBlocks * kBytes},
                                     {&expected.values, kBlocks * kBytes},
                                     {&expected.host, kHostBlocks * 2 * kBytes}}) {
    for (int i = 0; i < count; ++i) bytes->push_back(static_cast<std::uint8_t>(rng()));
  }
  CardArray<std::uint8_t> keys{std::span<const std::uint8_t>(expected.keys)},
      values{std::span<const std::uint8_t>(expected.values)};
  auto* const host =
      static_cast<std::uint8_t*>(gpu::allocate_pinned(static_cast<std::int64_t>(expected.host.size())));
  std::copy(expected.host.begin(), expected.host.end(), host);
  const KvLayer kv{keys.data(), values.data(), DType::kBF16, kBlocks, 1, 1, 16};
  const HostLayer layer{reinterpret_cast<std::byte*>(host), 2 * kBytes};
  {
    gpu::Stream stream;
    gpu::KvSwaps swaps(stream);
    for (int turn = 0; turn < 60; ++turn) {
      std::vector<BlockCopy> copies;
      const bool out = rng() % 2 == 0, scattered = rng() % 3 != 0;
      const int count = 1 + static_cast<int>(rng() % 20);
      for (int i = 0; i < count; ++i) {
        const auto block = static_cast<std::int32_t>(scattered ? rng() % kBlocks : i),
                   on_host = static_cast<std::int32_t>(scattered ? rng() % kHostBlocks : i + 3);
        copies.push_back(out ? BlockCopy{block, on_host} : BlockCopy{on_host, block});
        expected.swap(copies.back(), out);
      }
      if (out) {
        swaps.copy_out(kv, layer, copies);
      } else {
        swaps.copy_in(kv, layer, copies);
      }
      CHECK(swaps.is_pending());
      if (rng() % 2 == 0) swaps.settle(kv);
    }
    swaps.settle(kv);
    CHECK(!swaps.is_pending());
    stream.synchronize();
  }
  CHECK(keys.values() == expected.keys);
  CHECK(values.values() == expected.values);
  CHECK(std::equal(expected.host.begin(), expected.host.end(), host));
  gpu::release_pinned(host);
}

TEST("scattered swaps of a layer are one launch, a few runs of neighbours none") {
  const CardArray<std::uint8_t> halves(static_cast<std::size_t>(kBlocks) * kBytes * 2);
  std::vector<std::byte> host(kHostBlocks * 2 * kBytes);
  const KvLayer kv{halves.data(), halves.data() + kBlocks * kBytes, DType::kBF16, kBlocks, 1, 1, 16};
  gpu::Stream stream;
  gpu::KvSwaps swaps(stream);
  const auto launches = [&](int step) {
    std::vector<BlockCopy> copies;
    for (int i = 0; i < 12; ++i) copies.push_back({i * step % kBlocks, i});
    const std::int64_t before = gpu::emulated_card().launches;
    swaps.copy_out(kv, {host.data(), 2 * kBytes}, copies);
    swaps.wait();
    return gpu::emulated_card().launches - before;
  };
  CHECK_EQ(launches(1), 0);
  CHECK_EQ(launches(3), 1);
}

}  // namespace millrace::test
