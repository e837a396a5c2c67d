#include "runtime/host_batch.hpp"

#include <set>

#include "harness.hpp"

namespace millrace::test {
namespace {

TEST(
    "rows are rounded up to few numbers, never down, and by an eighth at most where there are more than a "
    "few") {
  std::set<int> shapes;
  for (int rows = 1; rows <= 1024; ++rows) {
    const int rounded = rounded_rows(rows);
    shapes.insert(rounded);
    CHECK(rounded >= rows && rounded_rows(rounded) == rounded);
    if (rows > 56) CHECK((rounded - rows) * 8 <= rows);
  }
  CHECK(shapes.size() <= 60);
  CHECK_EQ(rounded_rows(1), 1);
  CHECK_EQ(rounded_rows(3), 4);
  CHECK_EQ(rounded_rows(5), 8);
  CHECK_EQ(rounded_rows(17), 24);
}

TEST("block tables of batches that are repeated have a power of two of columns, or all that there are") {
  CHECK_EQ(rounded_shape({1, 1, 3, 1}, 100).max_blocks, 8);
  CHECK_EQ(rounded_shape({1, 1, 9, 1}, 100).max_blocks, 16);
  CHECK_EQ(rounded_shape({1, 1, 65, 1}, 100).max_blocks, 100);
  CHECK_EQ(rounded_shape({3, 3, 1, 2}, 100).num_samples, 4);
  CHECK_EQ(rounded_shape({3, 3, 1, 0}, 100).num_samples, 0);
}

TEST("what a batch is filled up with are rows of one token and no context, after those that are used") {
  HostBatch batch;
  batch.reset({3, 3, 2, 2}, {8, 8, 4, 8});  // of what was there before, nothing may stay
  std::ranges::fill(batch.block_tables(), 77);
  batch.reset({5, 5, 3, 4}, {8, 8, 4, 8});
  for (int row = 0; row < 5; ++row) {
    const auto i = static_cast<std::size_t>(row);
    batch.token_ids()[i] = 9;
    batch.token_rows()[i] = row;
    batch.positions()[i] = 20;
    batch.context_lens()[i] = 21;
    batch.query_starts()[i + 1] = row + 1;
  }
  const Batch found = batch.on_device(batch.numbers().data(), 16);
  CHECK_EQ(found.num_rows, 8);
  CHECK_EQ(found.num_tokens, 8);
  for (int row = 0; row < 8; ++row) {
    CHECK_EQ(found.query_starts[row], row);
    CHECK_EQ(found.token_rows[row], row);
    CHECK_EQ(found.context_lens[row], row < 5 ? 21 : 0);
    CHECK_EQ(found.token_ids[row], row < 5 ? 9 : 0);
    CHECK_EQ(found.positions[row], row < 5 ? 20 : 0);
    for (int block = 0; block < 4; ++block) CHECK_EQ(found.block_tables[row * 4 + block], -1);
  }
  CHECK_EQ(found.query_starts[8], 8);
  for (std::size_t sample = 4; sample < 8; ++sample) CHECK_EQ(batch.sample_tokens()[sample], 0);
}

}  // namespace
}  // namespace millrace::test
