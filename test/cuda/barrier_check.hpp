#pragma once
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace millrace::test {

// Runs `run`, which gives the results of its kernels, in every order of the threads, and then again without
// each one of the barriers and waits for copies that it met. Without it the results must change in some
// order, or the launch fail. One that proves redundant fails the test with its name, "norm_rows 1": the
// function, and which of its waits; `redundant` lists those that may.
void check_every_barrier_matters(const std::function<std::vector<std::byte>()>& run,
                                 const std::vector<std::string>& redundant = {});

// The values of vectors, one after the other.
template <typename... T>
std::vector<std::byte> bytes_of(const std::vector<T>&... values) {
  std::vector<std::byte> bytes;
  const auto append = [&](const void* from, std::size_t size) {
    const std::size_t at = bytes.size();
    bytes.resize(at + size);
    if (size > 0) std::memcpy(bytes.data() + at, from, size);
  };
  (append(values.data(), values.size() * sizeof(T)), ...);
  return bytes;
}

}  // namespace millrace::test
