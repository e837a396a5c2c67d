#include "support/random_checkpoint.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.hpp"

namespace millrace::test {
namespace {

struct Part {
  std::string name;
  std::int64_t rows, cols;  // cols 0: a vector
  bool is_norm;

  [[nodiscard]] std::int64_t count() const { return rows * std::max<std::int64_t>(cols, 1); }
};

std::vector<Part> parts_of(const ModelSpec& spec) {
  const TensorNames& names = spec.tensors;
  const std::int64_t hidden = spec.hidden_size, q = std::int64_t{spec.num_heads} * spec.head_dim,
                     kv = std::int64_t{spec.num_kv_heads} * spec.head_dim;
  std::vector<Part> parts;
  const auto add = [&](const TensorRef& ref, int layer, std::int64_t rows, std::int64_t cols, bool is_norm) {
    std::string name = ref.name;
    if (const std::size_t at = name.find("{layer}"); at != std::string::npos)
      name.replace(at, 7, std::to_string(layer));
    parts.push_back({name, rows, cols, is_norm});
  };
  add(names.embedding, 0, spec.vocab_size, hidden, false);
  for (int layer = 0; layer < spec.num_layers; ++layer) {
    add(names.input_norm, layer, hidden, 0, true);
    add(names.q, layer, q, hidden, false);
    add(names.k, layer, kv, hidden, false);
    add(names.v, layer, kv, hidden, false);
    if (names.q_bias) add(*names.q_bias, layer, q, 0, false);
    if (names.k_bias) add(*names.k_bias, layer, kv, 0, false);
    if (names.v_bias) add(*names.v_bias, layer, kv, 0, false);
    if (names.q_norm) add(*names.q_norm, layer, spec.head_dim, 0, true);
    if (names.k_norm) add(*names.k_norm, layer, spec.head_dim, 0, true);
    add(names.o, layer, hidden, q, false);
    if (names.o_bias) add(*names.o_bias, layer, hidden, 0, false);
    add(names.post_norm, layer, hidden, 0, true);
    add(names.gate, layer, spec.ffn_size, hidden, false);
    add(names.up, layer, spec.ffn_size, hidden, false);
    add(names.down, layer, hidden, spec.ffn_size, false);
  }
  add(names.final_norm, 0, hidden, 0, true);
  if (names.lm_head) add(*names.lm_head, 0, spec.vocab_size, hidden, false);
  return parts;
}

std::string header_of(const std::vector<Part>& parts) {
  std::string header = "{";
  std::int64_t offset = 0;
  for (const Part& part : parts) {
    const std::string shape =
        std::to_string(part.rows) + (part.cols == 0 ? "" : "," + std::to_string(part.cols));
    const std::int64_t end = offset + 2 * part.count();
    header += (offset == 0 ? "\"" : ",\"") + part.name + R"(":{"dtype":"BF16","shape":[)" + shape +
              R"(],"data_offsets":[)" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

std::uint16_t bf16_bits(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

using Table = std::array<std::uint16_t, 1 << 16>;

// Quantiles of the normal distribution by Box and Muller, from a generator with the same numbers everywhere.
Table normal_table(float mean, float deviation) {
  std::mt19937_64 rng(11);
  const auto uniform = [&] { return (static_cast<double>(rng() >> 11) + 0.5) / 9007199254740992.0; };
  Table table;
  for (std::uint16_t& value : table) {
    const double normal = std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
    value = bf16_bits(mean + deviation * static_cast<float>(normal));
  }
  return table;
}

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

// Elements [from, to) of a tensor; `from` is a multiple of 4.
void fill(std::uint16_t* values, const Table& table, std::uint64_t key, std::int64_t from, std::int64_t to) {
  for (std::int64_t i = from; i < to; i += 4) {
    std::uint64_t bits = mix(key + static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15U);
    for (std::int64_t k = i; k < std::min(i + 4, to); ++k, bits >>= 16) values[k] = table[bits & 0xFFFF];
  }
}

// A file of that size, mapped to be written.
class NewFile {
 public:
  NewFile(const std::filesystem::path& path, std::int64_t bytes) : bytes_(static_cast<std::size_t>(bytes)) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
    // posix_fallocate, so that a full disk is an error here and no signal later.
    if (file >= 0 && posix_fallocate(file, 0, bytes) == 0) {
      void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (mapped != MAP_FAILED) data_ = static_cast<std::byte*>(mapped);
    }
    if (file >= 0) ::close(file);
    if (data_ == nullptr) {
      throw Error("ERR_MODEL_FILE",
                  path.string() + " cannot be written: it takes " + std::to_string(bytes >> 20) + " MiB.");
    }
  }
  ~NewFile() { munmap(data_, bytes_); }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  [[nodiscard]] std::byte* data() const { return data_; }

 private:
  std::size_t bytes_;
  std::byte* data_ = nullptr;
};

}  // namespace

std::int64_t random_checkpoint_bytes(const ModelSpec& spec) {
  std::int64_t bytes = 0;
  for (const Part& part : parts_of(spec)) bytes += 2 * part.count();
  return bytes;
}

void write_random_checkpoint(const ModelSpec& spec, const std::filesystem::path& folder, int threads) {
  const std::vector<Part> parts = parts_of(spec);
  const std::string header = header_of(parts);
  const Table matrices = normal_table(0, 0.02F), norms = normal_table(1, 0.1F);
  struct Piece {
    std::uint16_t* values;
    const Table* table;
    std::uint64_t key;
    std::int64_t from, to;
  };
  std::filesystem::create_directories(folder);
  const std::uint64_t header_bytes = header.size();
  const auto begin = static_cast<std::int64_t>(sizeof header_bytes + header_bytes);
  const NewFile file(folder / "model.safetensors", begin + random_checkpoint_bytes(spec));
  std::memcpy(file.data(), &header_bytes, sizeof header_bytes);
  std::memcpy(file.data() + sizeof header_bytes, header.data(), header.size());

  constexpr std::int64_t kPieceElements = 1 << 22;
  std::vector<Piece> pieces;
  auto* values = reinterpret_cast<std::uint16_t*>(file.data() + begin);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t count = parts[i].count();
    for (std::int64_t from = 0; from < count; from += kPieceElements) {
      pieces.push_back({values, parts[i].is_norm ? &norms : &matrices, mix(i + 1), from,
                        std::min(count, from + kPieceElements)});
    }
    values += count;
  }
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&] {
      for (std::size_t i = next++; i < pieces.size(); i = next++) {
        const Piece& piece = pieces[i];
        fill(piece.values, *piece.table, piece.key, piece.from, piece.to);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
}

}  // namespace millrace::test
