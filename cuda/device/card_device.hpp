#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "device/card_memory.hpp"
#include "device/card_weight.hpp"
#include "device/host_copies.hpp"
#include "device/kv_swaps.hpp"
#include "device/logit_reader.hpp"
#include "device/repeated_work.hpp"
#include "kernels/matmul_library.hpp"
#include "plugin/device_abi.h"

namespace millrace::gpu {

class CardGroup;

// One card, open for one model: the operations of the table (plugin/device_abi.h) over kernels. All work is
// queued on one stream, but for KV that is swapped. Functions throw GpuError, and Error for what is wrong
// with an argument.
class CardDevice {
 public:
  explicit CardDevice(const MillraceOpenOptions& options);
  ~CardDevice();
  CardDevice(const CardDevice&) = delete;
  CardDevice& operator=(const CardDevice&) = delete;

  // Before any of the functions below: the calling thread drives this card from now on. Throws what the card
  // was lost by.
  void enter() const;
  // All that follows is refused with this reason.
  void lose(const std::string& reason);

  // What its group, if it is in one, needs of it.
  [[nodiscard]] int card() const { return card_; }
  [[nodiscard]] DType activations() const { return activations_; }
  [[nodiscard]] Stream& stream() { return stream_; }
  void join(CardGroup* group) { group_ = group; }
  void leave() { group_ = nullptr; }

  // Returns the bytes taken.
  std::int64_t prepare(const MillraceWorkLimits& limits);
  [[nodiscard]] void* allocate_zeroed(std::int64_t bytes);
  void release_memory(void* memory);
  void release_host(void* memory);
  [[nodiscard]] CardWeight* upload(std::span<const WeightView> views, Quantization quantization);
  void release_weight(CardWeight* weight);

  void copy_to_device(void* to, const void* from, std::int64_t bytes);
  void copy_to_host(void* to, const void* from, std::int64_t bytes);
  void copy_from(CardDevice& source, void* to, const void* from, std::int64_t bytes);

  void embed(const MillraceBatch& batch, const CardWeight& table, const MillraceTensor& out);
  void norm(const MillraceNorm& args);
  void matmul(const MillraceMatmul& args);
  void rope_store(const MillraceBatch& batch, const MillraceRopeStore& args);
  void attention(const MillraceBatch& batch, const MillraceAttention& args);
  void gather_rows(const MillraceTensor& x, const std::int32_t* indices, const MillraceTensor& out);
  void add(const MillraceTensor& x, const MillraceTensor& delta);
  void copy_blocks(const MillraceKvLayer& kv, std::span<const BlockCopy> copies);
  void copy_out(const MillraceKvLayer& kv, MillraceHostLayer host, std::span<const BlockCopy> copies);
  void copy_in(const MillraceKvLayer& kv, MillraceHostLayer host, std::span<const BlockCopy> copies);
  void sample(const MillraceTensor& logits, const MillraceSampleRow* rows, MillraceSampleResult* results);
  void log_probs(const MillraceLogProbs& args);

  [[nodiscard]] MillraceRepeat begin_repeat(std::uint64_t key);
  void end_repeat(bool failed);
  void synchronize();

 private:
  // Calls fn with a value of the activations' type.
  template <typename Fn>
  void with_type(const Fn& fn) const;
  void refuse_while_recording(const char* what) const;
  // Before memory that queued work may use goes.
  void wait_unless_lost();

  const int card_;
  const DType activations_;
  const CardInfo info_;
  std::string lost_;
  CardGroup* group_ = nullptr;
  Stream stream_;
  HostCopies copies_;
  KvSwaps swaps_;
  RepeatedWork repeated_;
  LogitReader logits_;
  std::unique_ptr<CublasLt> cublaslt_;  // null: products are of our kernels alone
  const ProductLibrary library_;
  WeightUploader uploader_;
  std::unordered_set<const CardWeight*> weights_;
  CardMemory attention_workspace_;  // kept zero between launches
  CardMemory workspace_;            // of one operation at a time
  CardMemory block_copies_;
  Event handed_over_;
  std::unordered_set<int> accessed_;  // other cards
};

}  // namespace millrace::gpu
