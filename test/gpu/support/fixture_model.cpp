#include "support/fixture_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/error.hpp"
#include "formats/json.hpp"

namespace millrace::test {
namespace {

std::string text_of(const std::filesystem::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// The programs are run in the project's folder, or are told where it is.
std::filesystem::path project_folder() {
  const char* folder = std::getenv("MILLRACE_PROJECT");
  return folder == nullptr ? "." : folder;
}

std::filesystem::path folder_of(const std::string& name) {
  return project_folder() / "test" / "fixtures" / "models" / name;
}

std::vector<FixtureCase> read_cases(const std::filesystem::path& path) {
  const std::string text = text_of(path), name = path.string();
  JsonReader json(text, name);
  std::vector<FixtureCase> cases;
  json.array([&] {
    FixtureCase& read = cases.emplace_back();
    const auto ids = [&](std::vector<std::int32_t>& to) {
      json.array([&] { to.push_back(static_cast<std::int32_t>(json.unsigned_integer())); });
    };
    json.object([&](const std::string& key) {
      if (key == "name") {
        read.name = json.string();
      } else if (key == "promptIds") {
        ids(read.prompt);
      } else if (key == "greedyIds") {
        ids(read.greedy);
      } else {
        json.skip();
      }
    });
  });
  return cases;
}

// log of the sum of exponentials, by which log-softmax moves a row.
double log_sum(std::span<const float> row) {
  const double best = *std::ranges::max_element(row);
  double sum = 0;
  for (const float logit : row) sum += std::exp(logit - best);
  return best + std::log(sum);
}

}  // namespace

FixtureModel::FixtureModel(const std::string& name)
    : files_(open_model_files(folder_of(name))),
      expected_(open_model_files(folder_of(name) / "expected.safetensors")),
      spec_(parse_model_spec(text_of(project_folder() / "test" / "gpu" / "specs" / (name + ".json")))),
      cases_(read_cases(folder_of(name) / "expected.json")) {}

template <typename T>
std::vector<T> FixtureModel::values(const std::string& name) const {
  const TensorView& tensor = expected_.require(name);
  std::vector<T> values(tensor.bytes / sizeof(T));
  std::memcpy(values.data(), tensor.data, values.size() * sizeof(T));
  return values;
}

std::vector<std::int32_t> FixtureModel::positions(const FixtureCase& of) const {
  return values<std::int32_t>(of.name + ".positions");
}

std::vector<float> FixtureModel::logits(const FixtureCase& of, const std::string& kind) const {
  return values<float>(of.name + "." + kind);
}

double logit_error(std::span<const float> ours, std::span<const float> reference, int vocab) {
  return logit_error(ours, reference, vocab, largest_of(reference));
}

double logit_error(std::span<const float> ours, std::span<const float> reference, int vocab, double largest) {
  const auto cols = static_cast<std::size_t>(vocab);
  if (ours.size() != reference.size() || ours.empty()) return std::nan("");
  double worst = 0;
  for (std::size_t row = 0; row < ours.size(); row += cols) {
    const auto a = ours.subspan(row, cols), b = reference.subspan(row, cols);
    const double moved = log_sum(a) - log_sum(b);
    for (std::size_t i = 0; i < cols; ++i) {
      const double difference = std::abs(double{a[i]} - double{b[i]} - moved);
      if (!(difference <= worst)) worst = difference;
      if (std::isnan(difference)) return difference;
    }
  }
  return worst / largest;
}

double largest_of(std::span<const float> logits) {
  double largest = 0;
  for (const float logit : logits) largest = std::max(largest, std::abs(double{logit}));
  return largest;
}

std::vector<float> rows_at(std::span<const float> logits, std::span<const std::int32_t> rows, int vocab) {
  std::vector<float> picked;
  for (const std::int32_t row : rows) {
    const auto from = logits.begin() + static_cast<std::ptrdiff_t>(row) * vocab;
    picked.insert(picked.end(), from, from + vocab);
  }
  return picked;
}

}  // namespace millrace::test
