// What a fuzz target provides to fuzz_main.cpp, which drives it without a fuzzing engine.
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace millrace::fuzz {

using Input = std::vector<std::uint8_t>;
using Rng = std::mt19937_64;

// A number in [0, bound), bound > 0.
inline std::uint64_t below(Rng& rng, std::uint64_t bound) {
  return rng() % bound;
}
inline bool one_in(Rng& rng, std::uint64_t n) {
  return below(rng, n) == 0;
}

// A valid file that exercises the reader; another one for each state of the generator.
Input make_seed(Rng& rng);

// Mends what a mutation usually breaks and what hides everything behind it, such as a length at the start.
// Called for half of the mutants.
void repair(Input& input);

// Reads the input, and when it is accepted, everything that the result gives access to. Returns whether it
// was accepted. Throws nothing, and never calls more than ERR_MODEL_FILE a refusal.
bool parses(const std::uint8_t* data, std::size_t size);

// Looks at a byte in a way that the compiler cannot leave out.
inline void touch(std::byte byte) {
  __asm__ volatile("" : : "r"(static_cast<int>(byte)));
}

}  // namespace millrace::fuzz
