#include "runtime/model_weights.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "core/error.hpp"

namespace millrace {
namespace {

constexpr std::string_view kLayerMark = "{layer}";

std::string name_of(const TensorRef& ref, int layer) {
  std::string name = ref.name;
  if (const std::size_t at = name.find(kLayerMark); at != std::string::npos) {
    name.replace(at, kLayerMark.size(), std::to_string(layer));
  }
  return name;
}

std::string shape_text(std::int64_t rows, std::int64_t cols) {
  return "[" + std::to_string(rows) + (cols == 1 ? "" : ", " + std::to_string(cols)) + "]";
}

WeightView rows_of(const WeightView& view, std::int64_t start, std::int64_t count) {
  WeightView part = view;
  part.data += start * view.row_bytes;
  part.rows = count;
  return part;
}

WeightView cols_of(const WeightView& view, std::int64_t start, std::int64_t count) {
  if (start % block_elements(view.dtype) != 0 || count % block_elements(view.dtype) != 0) {
    throw Error("ERR_DEVICE_MAP", "Device map: a weight of type " + std::string(dtype_name(view.dtype)) +
                                      " cannot be split at column " + std::to_string(start) +
                                      "; use fewer devices for the stage.");
  }
  WeightView part = view;
  part.data += storage_bytes(view.dtype, start);
  part.cols = count;
  return part;
}

class Loader {
 public:
  Loader(const ModelFiles& files, const ModelSpec& spec, Quantization quantization, ModelWeights& out,
         const std::function<void(double)>& progress)
      : files_(files),
        spec_(spec),
        names_(spec.tensors),
        quantization_(quantization),
        out_(out),
        progress_(progress),
        file_bytes_(static_cast<double>(files.tensor_bytes())) {}

  LayerWeights layer(int layer, const Rank& rank, bool first_rank) {
    Device& device = *rank.device;
    const int group = spec_.num_heads / spec_.num_kv_heads;
    const std::int64_t dim = spec_.head_dim, hidden = spec_.hidden_size;
    const std::int64_t q_rows = spec_.num_heads * dim, kv_rows = spec_.num_kv_heads * dim;
    const std::int64_t q_start = rank.kv_heads.start * group * dim,
                       q_count = rank.kv_heads.size() * group * dim;
    const std::int64_t kv_start = rank.kv_heads.start * dim, kv_count = rank.kv_heads.size() * dim;

    LayerWeights weights;
    weights.input_norm = vector(device, {view(names_.input_norm, layer, hidden, 1)});
    weights.qkv = matrix(device, {rows_of(view(names_.q, layer, q_rows, hidden), q_start, q_count),
                                  rows_of(view(names_.k, layer, kv_rows, hidden), kv_start, kv_count),
                                  rows_of(view(names_.v, layer, kv_rows, hidden), kv_start, kv_count)});
    if (names_.q_bias && names_.k_bias && names_.v_bias) {
      weights.qkv_bias =
          vector(device, {rows_of(view(*names_.q_bias, layer, q_rows, 1), q_start, q_count),
                          rows_of(view(*names_.k_bias, layer, kv_rows, 1), kv_start, kv_count),
                          rows_of(view(*names_.v_bias, layer, kv_rows, 1), kv_start, kv_count)});
    }
    if (spec_.qk_norm) {
      weights.q_norm = vector(device, {view(*names_.q_norm, layer, dim, 1)});
      weights.k_norm = vector(device, {view(*names_.k_norm, layer, dim, 1)});
    }
    weights.o = matrix(device, {cols_of(view(names_.o, layer, hidden, q_rows), q_start, q_count)});
    if (names_.o_bias && first_rank)
      weights.o_bias = vector(device, {view(*names_.o_bias, layer, hidden, 1)});
    weights.post_norm = vector(device, {view(names_.post_norm, layer, hidden, 1)});
    weights.gate_up = matrix(
        device, {rows_of(view(names_.gate, layer, spec_.ffn_size, hidden), rank.ffn.start, rank.ffn.size()),
                 rows_of(view(names_.up, layer, spec_.ffn_size, hidden), rank.ffn.start, rank.ffn.size())});
    weights.down = matrix(
        device, {cols_of(view(names_.down, layer, hidden, spec_.ffn_size), rank.ffn.start, rank.ffn.size())});
    return weights;
  }

  std::unique_ptr<Weight> final_norm(Device& device) {
    return vector(device, {view(names_.final_norm, 0, spec_.hidden_size, 1)});
  }

  // The embedding or the head. What int4 loses there shows in every logit.
  std::unique_ptr<Weight> vocabulary(Device& device, const TensorRef& ref) {
    const Quantization quantization = quantization_.kind == Quantization::Kind::kNone
                                          ? quantization_
                                          : Quantization{Quantization::Kind::kInt8};
    return upload(device, {view(ref, 0, spec_.vocab_size, spec_.hidden_size)}, quantization);
  }

 private:
  // The checkpoint's tensor for that role, checked against the shape that the spec implies.
  WeightView view(const TensorRef& ref, int layer, std::int64_t rows, std::int64_t cols) {
    const std::string name = name_of(ref, layer);
    const TensorView* tensor = files_.find(name);
    if (tensor == nullptr) {
      throw Error("ERR_MODEL_TENSORS",
                  "The checkpoint has no tensor \"" + name + "\", which its configuration needs.");
    }
    read_.push_back(tensor);
    const DType dtype = require_dtype(*tensor);
    const std::int64_t file_rows = tensor->shape.empty() ? 1 : tensor->shape[0];
    std::int64_t file_cols = 1;
    for (std::size_t i = 1; i < tensor->shape.size(); ++i) file_cols *= tensor->shape[i];
    const std::int64_t end = ref.row_end < 0 ? file_rows : ref.row_end;
    if (file_cols != cols || end > file_rows || end - ref.row_start != rows) {
      throw Error("ERR_MODEL_TENSORS",
                  "The tensor \"" + name + "\" has shape " + shape_text(file_rows, file_cols) +
                      "; the model's configuration needs " + shape_text(rows, cols) + ".");
    }
    const WeightView whole{tensor->data, dtype, file_rows, cols, storage_bytes(dtype, cols)};
    const WeightView part = rows_of(whole, ref.row_start, rows);
    return ref.unpermute_heads > 0 ? unpermuted(part, ref.unpermute_heads) : part;
  }

  // GGUF files of the llama family hold the rows of each head of Q and K in the order 0, d/2, 1, d/2 + 1,
  // ...; this puts them back, so that both formats give the same sums.
  WeightView unpermuted(const WeightView& from, int heads) {
    const std::int64_t dim = from.rows / heads;
    auto copy = std::make_unique<std::byte[]>(static_cast<std::size_t>(from.rows * from.row_bytes));
    for (std::int64_t row = 0; row < from.rows; ++row) {
      const std::int64_t in_head = row % dim, half = in_head / (dim / 2), i = in_head % (dim / 2);
      const std::int64_t source = row - in_head + 2 * i + half;
      std::memcpy(copy.get() + row * from.row_bytes, from.data + source * from.row_bytes,
                  static_cast<std::size_t>(from.row_bytes));
    }
    WeightView view = from;
    view.data = copy.get();
    reordered_.push_back(std::move(copy));
    return view;
  }

  std::unique_ptr<Weight> matrix(Device& device, std::initializer_list<WeightView> views) {
    const bool in_groups = quantization_.kind == Quantization::Kind::kInt4;
    const bool divides = !in_groups || views.begin()->cols % quantization_.group == 0;
    return upload(device, views, divides ? quantization_ : Quantization{Quantization::Kind::kInt8});
  }
  std::unique_ptr<Weight> vector(Device& device, std::initializer_list<WeightView> views) {
    return upload(device, views, {});
  }
  std::unique_ptr<Weight> upload(Device& device, std::initializer_list<WeightView> views,
                                 Quantization quantization) {
    auto weight = device.upload({views.begin(), views.size()}, quantization);
    out_.bytes += weight->device_bytes();
    for (const WeightView& part : views) read_bytes_ += part.rows * storage_bytes(part.dtype, part.cols);
    progress_(std::min(1.0, static_cast<double>(read_bytes_) / file_bytes_));
    reordered_.clear();
    for (const TensorView* tensor : read_) files_.release(*tensor);
    read_.clear();
    return weight;
  }

  const ModelFiles& files_;
  const ModelSpec& spec_;
  const TensorNames& names_;
  const Quantization quantization_;
  ModelWeights& out_;
  const std::function<void(double)>& progress_;
  const double file_bytes_;
  std::int64_t read_bytes_ = 0;
  // For the next upload: the tensors that it takes, and rows of them that had to be put in order.
  std::vector<const TensorView*> read_;
  std::vector<std::unique_ptr<std::byte[]>> reordered_;
};

}  // namespace

ModelWeights load_weights(const ModelFiles& files, const ModelSpec& spec, const ExecutionPlan& plan,
                          Quantization quantization, const std::function<void(double)>& progress) {
  ModelWeights out;
  Loader loader(files, spec, quantization, out, progress);
  for (const Stage& stage : plan.stages) {
    const bool first_stage = &stage == &plan.stages.front(), last_stage = &stage == &plan.stages.back();
    for (const Rank& rank : stage.ranks) {
      const bool first_rank = &rank == &stage.ranks.front();
      RankWeights& weights = out.ranks.emplace_back();
      if (first_stage && first_rank) {
        weights.embedding = loader.vocabulary(*rank.device, spec.tensors.embedding);
      }
      for (int layer = stage.layers.start; layer < stage.layers.end; ++layer) {
        weights.layers.push_back(loader.layer(layer, rank, first_rank));
      }
      if (last_stage && first_rank) {
        weights.final_norm = loader.final_norm(*rank.device);
        // A tied head shares the device's copy where it is on the same device; forward.cpp looks there.
        const bool shared = !spec.tensors.lm_head && first_stage;
        if (!shared) {
          const TensorRef& head = spec.tensors.lm_head ? *spec.tensors.lm_head : spec.tensors.embedding;
          weights.lm_head = loader.vocabulary(*rank.device, head);
        }
      }
    }
  }
  progress(1);
  return out;
}

}  // namespace millrace
