#include "device/repeated_work.hpp"

#include "device/plugin_fixture.hpp"
#include "runtime/tiny_model.hpp"

namespace millrace::test {
namespace {

using Next = gpu::RepeatedWork::Next;

// Work that is counted, and that says as long as it is kept.
struct Counted {
  gpu::Stream stream;
  gpu::RepeatedWork repeated{stream};
  std::shared_ptr<int> done = std::make_shared<int>(0);

  Next repeat(std::uint64_t key) {
    const Next next = repeated.begin(key);
    if (next != Next::kDone) gpu::detail::queue(stream, [count = done] { ++*count; });
    if (next == Next::kRecord) repeated.end();
    stream.synchronize();
    return next;
  }
};

TEST(
    "with one graph more than are kept, the one not used for the longest time goes, and its memory with it") {
  constexpr auto kMost = static_cast<int>(gpu::RepeatedWork::kMostGraphs);
  Counted work;
  for (int key = 0; key < kMost; ++key) {
    CHECK(work.repeat(static_cast<std::uint64_t>(key)) == Next::kQueue);
    CHECK(work.repeat(static_cast<std::uint64_t>(key)) == Next::kRecord);
  }
  CHECK_EQ(work.done.use_count(), kMost + 1);
  CHECK(work.repeat(0) == Next::kDone);  // used last
  const std::uint64_t another = kMost;
  CHECK(work.repeat(another) == Next::kQueue);
  CHECK_EQ(work.done.use_count(), kMost);  // without the graph of key 1
  CHECK(work.repeat(another) == Next::kRecord);
  CHECK(work.repeat(another) == Next::kDone);
  CHECK_EQ(work.done.use_count(), kMost + 1);
  CHECK(work.repeat(0) == Next::kDone);
  CHECK(work.repeat(1) == Next::kQueue);
  CHECK_EQ(*work.done, 2 * kMost + 6);
}

TEST("whatever comes in whatever order is done once each time, with no more graphs than are kept") {
  Counted work;
  auto rng = make_rng(83);
  int expected = 0;
  for (int i = 0; i < 2000; ++i) {
    (void)work.repeat(rng() % 130);
    CHECK_EQ(*work.done, ++expected);
    CHECK(work.done.use_count() <= static_cast<long>(gpu::RepeatedWork::kMostGraphs) + 1);
  }
}

TEST("what cannot be recorded is done as it is, now and from then on") {
  gpu::EmulatedCard& card = gpu::emulated_card();
  Counted work;
  CHECK(work.repeat(7) == Next::kQueue);
  card.refuse_captures = true;
  const Next next = work.repeated.begin(7);
  CHECK(next == Next::kRecord);
  gpu::detail::queue(work.stream, [count = work.done] { ++*count; });
  bool failed = false;
  try {
    work.repeated.end();
  } catch (const gpu::GpuError&) {
    failed = true;
  }
  CHECK(failed);
  work.repeated.drop();  // as after any failure
  card.refuse_captures = false;
  CHECK(!work.repeated.is_recording());
  CHECK(work.repeat(7) == Next::kQueue);
  CHECK(work.repeat(7) == Next::kQueue);
  CHECK_EQ(*work.done, 3);
}

TEST("a model whose steps cannot be recorded answers all the same") {
  const auto answer = [] {
    TinyRuntime tiny(std::vector<DeviceMapEntry>{{0, 2, {open_card()}}});
    const Slot slot = tiny.open();
    std::vector<std::int32_t> tokens;
    for (int step = 0; step < 6; ++step) {
      const TinyResult result =
          tiny.step({step == 0 ? TinyRow{slot, {5, 6, 7}, 0} : TinyRow{slot, {-1}, step + 2}});
      REQUIRE(result.error_code.empty());
      tokens.push_back(result.tokens.at(0).at(0));
    }
    return tokens;
  };
  const auto expected = answer();
  const std::int64_t captures = gpu::emulated_card().captures;
  gpu::emulated_card().refuse_captures = true;
  const auto tokens = answer();
  gpu::emulated_card().refuse_captures = false;
  CHECK_EQ(tokens, expected);
  CHECK_EQ(gpu::emulated_card().captures, captures);
}

}  // namespace
}  // namespace millrace::test
