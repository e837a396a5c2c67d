// What the tiny model says to prompts, step by step.
#pragma once
#include <vector>

#include "runtime/tiny_model.hpp"

namespace millrace::test {

using Ids = std::vector<std::int32_t>;

inline Ids prompt_of(int first, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) ids.push_back((first + i * 7) % kPoison);
  return ids;
}

inline TinyRow row_of(Slot slot, const Ids& prompt, int step, std::int32_t outputs = kSample) {
  if (step == 0) return {slot, prompt, 0, outputs};
  return {slot, {-1}, static_cast<std::int32_t>(prompt.size()) + step - 1, outputs};
}

inline void close(TinyRuntime& tiny, Slot slot) {
  tiny.runtime->close_slot(slot);
  tiny.runtime->kv()->close(slot);
}

// Tokens of sequences that run together, one step of all at a time.
inline std::vector<Ids> answers(TinyRuntime& tiny, const std::vector<Ids>& prompts, int count,
                                const SamplingParams& params = greedy_params()) {
  std::vector<Slot> slots;
  for (std::size_t i = 0; i < prompts.size(); ++i) slots.push_back(tiny.open(params));
  std::vector<Ids> tokens(prompts.size());
  for (int step = 0; step < count; ++step) {
    std::vector<TinyRow> rows;
    for (std::size_t i = 0; i < prompts.size(); ++i) rows.push_back(row_of(slots[i], prompts[i], step));
    const TinyResult result = tiny.step(rows);
    REQUIRE(result.error_code.empty());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      REQUIRE(result.tokens.at(i).size() == 1);
      tokens[i].push_back(result.tokens[i][0]);
    }
  }
  for (const Slot slot : slots) close(tiny, slot);
  return tokens;
}

}  // namespace millrace::test
