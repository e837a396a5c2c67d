#include "runtime/collective.hpp"

#include <thread>

#include "../cpu/device_fixture.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

}  // namespace

TEST("all_reduce gives every rank the sum in order of rank, again and again") {
  auto rng = make_rng(70);
  for (const int ranks : {1, 2, 3}) {
    std::vector<std::unique_ptr<CpuDevice>> owned;
    std::vector<Device*> devices;
    for (int r = 0; r < ranks; ++r) devices.push_back(owned.emplace_back(make_device(Isa::kScalar)).get());
    const auto collective = make_in_process_collective(devices);
    for (int round = 0; round < 100; ++round) {
      const int rows = uniform(rng, 0, 9), cols = uniform(rng, 1, 40);
      std::vector<Matrix> tensors;
      for (int r = 0; r < ranks; ++r) tensors.emplace_back(rows, cols, rng);
      Matrix expected = tensors[0];
      for (int r = 1; r < ranks; ++r) {
        for (int i = 0; i < rows; ++i) {
          for (int c = 0; c < cols; ++c) expected.at(i, c) += tensors[static_cast<std::size_t>(r)].at(i, c);
        }
      }
      std::vector<std::thread> threads;
      for (int r = 0; r < ranks; ++r) {
        threads.emplace_back(
            [&, r] { collective->all_reduce(0, ranks, r, tensors[static_cast<std::size_t>(r)].tensor()); });
      }
      for (std::thread& thread : threads) thread.join();
      for (const Matrix& tensor : tensors) CHECK(same_bits(tensor, expected));
    }
  }
}

TEST("two groups of ranks reduce at the same time without mixing") {
  auto rng = make_rng(71);
  std::vector<std::unique_ptr<CpuDevice>> owned;
  std::vector<Device*> devices;
  for (int r = 0; r < 4; ++r) devices.push_back(owned.emplace_back(make_device(Isa::kScalar)).get());
  const auto collective = make_in_process_collective(devices);
  std::vector<Matrix> tensors;
  for (int r = 0; r < 4; ++r) tensors.emplace_back(5, 7, rng);
  const std::vector<Matrix> before = tensors;
  constexpr int kRounds = 6;  // each doubles what the first gave
  std::vector<std::thread> threads;
  for (int r = 0; r < 4; ++r) {
    threads.emplace_back([&, r] {
      for (int round = 0; round < kRounds; ++round) {
        collective->all_reduce(r / 2 * 2, 2, r, tensors[static_cast<std::size_t>(r)].tensor());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t r = 0; r < 4; ++r) {
    bool right = true;
    for (int i = 0; i < 5; ++i) {
      for (int c = 0; c < 7; ++c) {
        const float sum = before[r / 2 * 2].at(i, c) + before[r / 2 * 2 + 1].at(i, c);
        right = right && tensors[r].at(i, c) == sum * 32;
      }
    }
    CHECK(right);
  }
}

TEST("transfer copies the rows of a tensor and nothing between them") {
  auto rng = make_rng(72);
  const auto a = make_device(Isa::kScalar), b = make_device(Isa::kScalar);
  Device* const devices[] = {a.get(), b.get()};
  Matrix from(6, 11, rng), to(6, 11);
  make_in_process_collective(devices)->transfer(0, from.tensor(), 1, to.tensor());
  CHECK(same_bits(from, to));
}
