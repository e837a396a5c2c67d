#pragma once
#include <cstdint>
#include <vector>

#include "device/card_memory.hpp"
#include "device/host_copies.hpp"
#include "plugin/device_abi.h"

namespace millrace::gpu {

// Sampling and log-probabilities: brings what the rows want to the card, and the results to the host.
class LogitReader {
 public:
  LogitReader(Stream& stream, HostCopies& copies) : stream_(stream), copies_(copies) {}

  // For that many rows of logits. Returns the bytes of the card's memory that are taken.
  std::int64_t reserve(int max_rows, int vocab, int max_logprobs);
  [[nodiscard]] static std::int64_t workspace_bytes(int max_rows, int vocab);

  // The results are written by finish().
  void sample(const MillraceTensor& logits, const MillraceSampleRow* rows, MillraceSampleResult* results,
              void* workspace);
  void log_probs(const MillraceLogProbs& args, void* workspace);
  // The stream has been waited for.
  void finish();
  void drop() { waiting_rows_ = 0; }

 private:
  void make_room(std::int64_t bytes);

  Stream& stream_;
  HostCopies& copies_;
  int max_rows_ = 0, max_logprobs_ = 0;
  std::int64_t result_bytes_ = 0;
  CardMemory wishes_;   // grows with the longest mask and list that comes
  CardMemory results_;  // (max_rows,) results, then ids and log-probabilities (max_rows, max_logprobs)
  std::vector<std::byte> blob_, found_;  // both on the host
  MillraceSampleResult* waiting_ = nullptr;
  int waiting_rows_ = 0;
  std::vector<int> launch_ends_;            // rows at which one launch ends and the next begins
  std::vector<std::int32_t> waiting_tops_;  // of each row: how many are wanted
};

}  // namespace millrace::gpu
