// Random-weight checkpoints, and the logits of a model on one device for given tokens. agreement.py compares
// them with those of transformers.
//
//   millrace_gpu_score write SHAPE_FOLDER MODEL_FOLDER
//   millrace_gpu_score score MODEL_FOLDER PROMPTS LOGITS [--device cuda:0] [--dtype bf16] [--quantize int4]
//                      [--decode 32]
//
// SHAPE_FOLDER has config.json and spec.json (bench/gpu/shapes). PROMPTS has the token ids of one prompt a
// line; LOGITS gets (tokens, vocab) F32 of one prompt after the other. The last --decode tokens of each are
// computed one at a time, all prompts together, as decoding does; the others at once.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "cpu/registry.hpp"
#include "formats/mapped_file.hpp"
#include "support/card.hpp"
#include "support/logit_tap.hpp"
#include "support/model_driver.hpp"
#include "support/random_checkpoint.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;
using Ids = std::vector<std::int32_t>;

struct Options {
  std::string device = "cuda:0", dtype = "bf16", quantize;
  int decode = 0;
};

[[noreturn]] void refuse(const std::string& message) {
  throw Error("ERR_INVALID_PARAMETER", message);
}

ModelSpec read_spec(const std::filesystem::path& folder) {
  const MappedFile file(folder / "spec.json");
  return parse_model_spec({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
}

int host_threads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void write(const std::filesystem::path& shape, const std::filesystem::path& to) {
  write_random_checkpoint(read_spec(shape), to, host_threads());
  for (const char* name : {"config.json", "spec.json"}) {
    std::filesystem::copy_file(shape / name, to / name, std::filesystem::copy_options::overwrite_existing);
  }
}

DType dtype_of(const std::string& name) {
  for (const auto& [known, dtype] :
       {std::pair{"bf16", DType::kBF16}, {"f16", DType::kF16}, {"f32", DType::kF32}}) {
    if (name == known) return dtype;
  }
  refuse("--dtype is " + name + "; it must be bf16, f16 or f32.");
}

Quantization quantization_of(const std::string& name) {
  if (name.empty()) return {};
  if (name == "int8") return {Quantization::Kind::kInt8, 0};
  if (name == "int4") return {Quantization::Kind::kInt4, 128};
  refuse("--quantize is " + name + "; it must be int8 or int4.");
}

std::shared_ptr<Device> open_device(const Options& options) {
  if (options.device == "cuda:0") return card_plugin().open(0, dtype_of(options.dtype), host_threads());
  if (options.dtype != "f32" && options.device.starts_with("cpu:")) refuse("--dtype must be f32 on the CPU.");
  return Registry::instance().device(options.device);
}

std::vector<Ids> read_prompts(const std::string& path, int vocab) {
  std::ifstream file(path);
  std::vector<Ids> prompts;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Ids ids;
    for (std::int32_t id = 0; words >> id;) {
      if (id < 0 || id >= vocab) refuse(path + " has the token id " + std::to_string(id) + ".");
      ids.push_back(id);
    }
    if (!ids.empty()) prompts.push_back(std::move(ids));
  }
  if (prompts.empty()) refuse(path + " has no prompt.");
  return prompts;
}

// The file is (tokens, vocab) of each prompt: rows come in another order.
class LogitFile {
 public:
  LogitFile(const std::string& path, const std::vector<Ids>& prompts, int vocab)
      : file_(path, std::ios::binary | std::ios::trunc),
        path_(path),
        vocab_(static_cast<std::size_t>(vocab)) {
    std::size_t rows = 0;
    for (const Ids& ids : prompts) {
      starts_.push_back(rows);
      rows += ids.size();
    }
  }
  void put(std::size_t prompt, std::size_t position, std::span<const float> logits) {
    const std::size_t row = starts_[prompt] + position;
    file_.seekp(static_cast<std::streamoff>(row * vocab_ * sizeof(float)));
    file_.write(reinterpret_cast<const char*>(logits.data()),
                static_cast<std::streamsize>(logits.size() * sizeof(float)));
    if (!file_) throw Error("ERR_MODEL_FILE", path_ + " cannot be written.");
  }

 private:
  std::ofstream file_;
  std::string path_;
  std::size_t vocab_;
  std::vector<std::size_t> starts_;
};

void score(const std::string& folder, const std::string& prompts_path, const std::string& out,
           const Options& options) {
  const ModelSpec spec = read_spec(folder);
  const std::vector<Ids> prompts = read_prompts(prompts_path, spec.vocab_size);
  const std::size_t longest = std::ranges::max(prompts, {}, &Ids::size).size();
  const auto at_once = [&](const Ids& ids) {
    return ids.size() - std::min(ids.size() - 1, static_cast<std::size_t>(options.decode));
  };
  constexpr int kBlockTokens = 16;
  RuntimeOptions runtime;
  runtime.spec = spec;
  runtime.kv_dtype = dtype_of(options.dtype);
  runtime.quantization = quantization_of(options.quantize);
  runtime.kv_blocks = static_cast<int>(prompts.size() * (longest / kBlockTokens + 1));
  runtime.limits = {.max_rows = static_cast<int>(prompts.size()),
                    .max_tokens = static_cast<int>(longest),
                    .max_sequence_tokens = static_cast<int>(longest),
                    .block_tokens = kBlockTokens,
                    .max_logprobs = 1};
  const auto tap = std::make_shared<LogitTap>(open_device(options));
  runtime.device_map = {{0, spec.num_layers, {tap}}};
  const auto start = std::chrono::steady_clock::now();
  ModelDriver driver(open_model_files(folder), std::move(runtime));
  const std::chrono::duration<double> loading = std::chrono::steady_clock::now() - start;

  LogitFile file(out, prompts, spec.vocab_size);
  std::vector<Slot> slots;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Ids& ids = prompts[i];
    slots.push_back(driver.open(static_cast<int>(ids.size())));
    const std::size_t count = at_once(ids);
    const Ids first(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
    driver.step({{slots.back(), first, 0, kPromptLogprobs, count < ids.size() ? ids[count] : 0}});
    file.put(i, 0, tap->take());
  }
  const auto vocab = static_cast<std::size_t>(spec.vocab_size);
  for (std::size_t done = 0; done < static_cast<std::size_t>(options.decode); ++done) {
    std::vector<DrivenRow> rows;
    std::vector<std::size_t> who;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const std::size_t position = at_once(prompts[i]) + done;
      if (position >= prompts[i].size()) continue;
      rows.push_back({slots[i], {prompts[i][position]}, static_cast<std::int32_t>(position)});
      who.push_back(i);
    }
    if (rows.empty()) break;
    driver.step(rows);
    const std::vector<float> logits = tap->take();
    for (std::size_t row = 0; row < who.size(); ++row)
      file.put(who[row], at_once(prompts[who[row]]) + done, std::span(logits).subspan(row * vocab, vocab));
  }
  std::printf("{\"loadS\": %.1f, \"weightsBytes\": %lld, \"replays\": %d}\n", loading.count(),
              static_cast<long long>(driver.runtime().weights_bytes()), tap->replays());
}

int run(int argc, char** argv) {
  std::vector<std::string> words;
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      words.push_back(word);
      continue;
    }
    if (i + 1 == argc) refuse(word + " needs a value.");
    const std::string value = argv[++i];
    if (word == "--device") {
      options.device = value;
    } else if (word == "--dtype") {
      options.dtype = value;
    } else if (word == "--quantize") {
      options.quantize = value;
    } else if (word == "--decode") {
      options.decode = std::max(0, std::atoi(value.c_str()));
    } else {
      refuse("There is no option " + word + ".");
    }
  }
  if (words.size() == 3 && words[0] == "write") {
    write(words[1], words[2]);
  } else if (words.size() == 4 && words[0] == "score") {
    score(words[1], words[2], words[3], options);
  } else {
    refuse("Usage: write SHAPE_FOLDER MODEL_FOLDER, or score MODEL_FOLDER PROMPTS LOGITS.");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", error.code().c_str(), error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}
