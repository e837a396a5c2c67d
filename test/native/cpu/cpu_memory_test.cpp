#include "cpu/cpu_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "device_fixture.hpp"
#include "harness.hpp"

namespace millrace::test {
namespace {

// Pages of [memory, memory + bytes) that are there.
std::int64_t resident_pages(void* memory, std::int64_t bytes) {
  std::vector<unsigned char> pages(static_cast<std::size_t>(bytes / sysconf(_SC_PAGESIZE)));
  CHECK_EQ(mincore(memory, static_cast<std::size_t>(bytes), pages.data()), 0);
  return std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; });
}

}  // namespace

TEST("what is populated of a buffer is there and unchanged, and nothing behind it is") {
  const auto device = make_device(best_isa(), 2);
  constexpr std::int64_t kBytes = 32 << 20, kPart = (9 << 20) + 1000;
  const std::int64_t page = sysconf(_SC_PAGESIZE);
  const auto buffer = device->allocate(kBytes);
  auto* const bytes = static_cast<std::byte*>(buffer->data());
  CHECK_EQ(resident_pages(bytes, kBytes), 0);
  bytes[12345] = std::byte{7};
  device->populate(bytes, kPart);
  CHECK_EQ(resident_pages(bytes, kPart / page * page), kPart / page);
  // The last page that was touched may be a huge one.
  CHECK(resident_pages(bytes, kBytes) <= (kPart + (2 << 20)) / page + 1);
  CHECK(bytes[12345] == std::byte{7});
  CHECK_EQ(std::count(bytes, bytes + kPart, std::byte{0}), kPart - 1);
  device->populate(bytes, 0);
}

TEST("a buffer takes no memory before it is used, and is zeros") {
  const auto device = make_device(best_isa(), 1);
  for (const std::int64_t bytes : {std::int64_t{300} << 10, std::int64_t{3} << 20, std::int64_t{9} << 20}) {
    const auto buffer = device->allocate(bytes);
    CHECK_EQ(resident_pages(buffer->data(), bytes), 0);
    const auto* data = static_cast<const std::byte*>(buffer->data());
    CHECK_EQ(std::count(data, data + bytes, std::byte{0}), bytes);
  }
}

TEST("weights fill the tails of earlier mappings, which live as long as what was taken from them") {
  const auto budget = std::make_shared<MemoryBudget>(std::int64_t{1} << 30);
  WeightMemory memory("cpu:0", budget);
  constexpr std::int64_t kMiB = 1 << 20;
  auto first = memory.take(12 * kMiB);
  auto second = memory.take(8 * kMiB);
  auto third = memory.take(4 * kMiB - 64);
  CHECK_EQ(third.get() - first.get(), 12 * kMiB);
  auto fourth = memory.take(8 * kMiB);
  CHECK_EQ(fourth.get() - second.get(), 8 * kMiB);
  CHECK_EQ(budget->used_bytes(), 32 * kMiB);
  auto last = memory.take(64);
  CHECK_EQ(last.get() - third.get(), 4 * kMiB - 64);
  first.reset();
  third.reset();
  last.reset();
  CHECK_EQ(budget->used_bytes(), 16 * kMiB);
  second.reset();
  fourth.reset();
  CHECK_EQ(budget->used_bytes(), 0);
  CHECK(memory.take(kMiB).get() != nullptr);
}

}  // namespace millrace::test
