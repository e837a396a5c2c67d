#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/dtype.hpp"
#include "runtime/model_spec.hpp"
#include "runtime/sampling.hpp"
#include "runtime/weight.hpp"

namespace millrace {

struct DeviceInfo {
  std::string name;  // "cpu:0"
  std::string description;
  int threads = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t free_bytes = -1;         // of a card; -1: not known
  std::string compute_capability = {};  // of a card, such as "8.6"
  std::string driver = {};              // of a card, such as "12.4"
  std::string products = {};            // of a card: what multiplies many rows, such as "cuBLASLt 12.8.5"
  std::string reason = {};              // why it cannot be used; empty when it can
};

// Memory on a device, aligned to 64 bytes, zeroed.
class Buffer {
 public:
  virtual ~Buffer() = default;
  [[nodiscard]] virtual void* data() = 0;
  [[nodiscard]] virtual std::int64_t bytes() const = 0;
};

// Activations: `rows` rows of `cols` elements, `stride` elements apart, in device memory. The element
// type is the device's own (F32 on the CPU); that of logits is F32 everywhere.
struct Tensor {
  void* data = nullptr;
  int rows = 0;
  int cols = 0;
  std::int64_t stride = 0;
};

// A ragged batch in device memory. Row i is one sequence; tokens of a row are consecutive. A row with
// context_lens 0 is padding: it has a token and no KV, and what is computed of it is not used.
struct Batch {
  int num_rows = 0;
  int num_tokens = 0;
  int max_blocks = 0;  // width of block_tables
  int block_tokens = 0;
  int max_query_tokens = 0;                    // of one row, at most
  int max_context_tokens = 0;                  // of one row, at most
  const std::int32_t* token_ids = nullptr;     // (num_tokens,)
  const std::int32_t* positions = nullptr;     // (num_tokens,)
  const std::int32_t* token_rows = nullptr;    // (num_tokens,) row of each token
  const std::int32_t* query_starts = nullptr;  // (num_rows + 1,)
  const std::int32_t* context_lens = nullptr;  // (num_rows,) tokens in KV once this step has run
  const std::int32_t* block_tables = nullptr;  // (num_rows, max_blocks) block ids, -1 past a row's end
};

// Keys and values of one layer on one rank: each (num_blocks, num_kv_heads, block_tokens, head_dim).
struct KvLayer {
  void* keys = nullptr;
  void* values = nullptr;
  DType dtype = DType::kF32;  // F32, F16 or BF16
  int num_blocks = 0;
  int num_kv_heads = 0;
  int block_tokens = 0;
  int head_dim = 0;
};

// x += delta (when given); out = x / rms(x) * weight. All (rows, cols); weight (cols,).
struct NormArgs {
  Tensor x;
  const Tensor* delta = nullptr;
  const Weight* weight = nullptr;
  float epsilon = 0;
  Tensor out;
};

// y = x · wᵀ + bias: x (rows, w.cols), w (w.rows, w.cols), y (rows, w.rows), bias (w.rows,) or null.
// With an activation, w is stacked of two views of n rows, gate and up, and y (rows, n) =
// activation(x · gateᵀ) * (x · upᵀ); there is no bias then.
struct MatmulArgs {
  Tensor x;
  const Weight* weight = nullptr;
  const Weight* bias = nullptr;
  Tensor y;
  std::optional<Activation> activation = std::nullopt;
  bool y_is_f32 = false;  // whatever activations are: logits
};

// In place on qkv (num_tokens, (num_heads + 2 * num_kv_heads) * head_dim): q/k norm per head when given,
// rotation of q and k, then K and V into their blocks.
struct RopeStoreArgs {
  Tensor qkv;
  int num_heads = 0;
  const Weight* q_norm = nullptr;  // (head_dim,) or null
  const Weight* k_norm = nullptr;
  float norm_epsilon = 0;
  RopeForm form = RopeForm::kHalves;
  const float* inverse_frequencies = nullptr;  // (rotary_dim / 2,) in device memory
  int rotary_dim = 0;
  float magnitude = 1;
  KvLayer kv;
};

// Causal attention of each token over its sequence's KV, found by the block table.
// PagedAttention: Kwon et al. 2023, arXiv:2309.06180. Online softmax: Milakov & Gimelshein 2018,
// arXiv:1805.02867.
struct AttentionArgs {
  Tensor q;  // (num_tokens, >= num_heads * head_dim): the first columns are read
  KvLayer kv;
  int num_heads = 0;
  float scale = 0;
  int sliding_window = 0;  // tokens that a query sees, itself included; 0 = all
  Tensor out;              // (num_tokens, num_heads * head_dim)
};

// A block to copy before the forward pass: every layer, keys and values. Both are device blocks for
// copy-on-write; one is a host block when a sequence is swapped out or in.
struct BlockCopy {
  std::int32_t from;
  std::int32_t to;
};

// One layer's part of the host blocks: block i begins at data + i * stride, keys first, then values, each as
// they are in a device block.
struct HostLayer {
  std::byte* data = nullptr;
  std::int64_t stride = 0;
};

// The largest work that a device will get; what it needs beside tensors, it takes when it hears of it.
struct WorkLimits {
  int max_rows = 0;
  int max_tokens = 0;
  int max_logit_rows = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int vocab_size = 0;  // 0: no logits
  int max_logprobs = 0;
};

// The seam under which cpu:N and cuda:N do the same work. Operations are queued in order and may return
// before they are done; `synchronize` waits. None of them allocates. One thread drives a device at a time.
class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual DeviceInfo info() const = 0;
  // F32, BF16 or F16.
  [[nodiscard]] virtual DType activation_dtype() const { return DType::kF32; }
  // Whether its memory can be read and written through a pointer, once synchronized.
  [[nodiscard]] virtual bool has_host_memory() const { return true; }
  // Rows of logits that are worth being in memory at once: on the CPU, 32 rows of a vocabulary of 152k are
  // 19 MB.
  [[nodiscard]] virtual int most_logit_rows() const { return 32; }
  // Called once, when the weights are there. Returns the bytes taken.
  virtual std::int64_t prepare(const WorkLimits& /*limits*/) { return 0; }

  // Whether repeat() saves time, so that it is worth making batches alike.
  [[nodiscard]] virtual bool repeats() const { return false; }
  // Does what `record` queues. The same key stands for the same operations on the same memory: a device that
  // has seen it may do them again without calling `record`.
  virtual void repeat(std::uint64_t /*key*/, const std::function<void()>& record) { record(); }

  // Throws ERR_OUT_OF_MEMORY with the numbers.
  [[nodiscard]] virtual std::unique_ptr<Buffer> allocate(std::int64_t bytes) = 0;
  // Memory of the host that copy_out and copy_in are fast with. The system gives it as late as it can.
  [[nodiscard]] virtual std::unique_ptr<Buffer> allocate_host(std::int64_t bytes) = 0;
  // Part of a buffer that is about to be used: takes from the system now what it would take at first use.
  // What it holds stays.
  virtual void populate(void* memory, std::int64_t bytes) = 0;
  // One weight out of views with equal columns, stacked by rows (q, k, v; gate, up), copied into a layout of
  // the device's own: the views' memory is not needed afterwards. With kInt4 the columns are a multiple of
  // the group.
  [[nodiscard]] virtual std::unique_ptr<Weight> upload(std::span<const WeightView> views,
                                                       Quantization quantization) = 0;
  // The source may change when it returns.
  virtual void copy_to_device(void* to, const void* from, std::int64_t bytes) = 0;
  // There after synchronize().
  virtual void copy_to_host(void* to, const void* from, std::int64_t bytes) = 0;
  // Copies from another device, after what is queued there and before what will be. False, with nothing done,
  // when that goes by way of the host only.
  virtual bool try_copy_from(Device& /*source*/, void* /*to*/, const void* /*from*/, std::int64_t /*bytes*/) {
    return false;
  }

  virtual void embed(const Batch& batch, const Weight& table, Tensor out) = 0;
  virtual void norm(const NormArgs& args) = 0;
  virtual void matmul(const MatmulArgs& args) = 0;
  virtual void rope_store(const Batch& batch, const RopeStoreArgs& args) = 0;
  virtual void attention(const Batch& batch, const AttentionArgs& args) = 0;
  // out[i] = x[indices[i]]; indices (out.rows,) in device memory.
  virtual void gather_rows(Tensor x, const std::int32_t* indices, Tensor out) = 0;
  virtual void add(Tensor x, Tensor delta) = 0;  // x += delta
  // The copies of a call have the effect of one after the other. So have the calls and all that is queued
  // beside them: a device that copies on a stream of its own has what touches the same blocks wait.
  virtual void copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) = 0;
  virtual void copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) = 0;
  virtual void copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) = 0;
  // logits (rows.size(), vocab), which may be overwritten; results may be read after synchronize().
  virtual void sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) = 0;
  // Log-probability of targets[i] and the `top` best of row i: top_ids, top_logprobs (rows, stride).
  virtual void log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                         std::int32_t* top_ids, float* top_logprobs, int top_stride) = 0;
  virtual void synchronize() = 0;
};

}  // namespace millrace
