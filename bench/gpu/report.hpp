#pragma once
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

// Lines of figures: printed as they come, and written as JSON at the end.
class Report {
 public:
  using Figures = std::vector<std::pair<std::string, double>>;

  void add(const std::string& what, const Figures& figures) {
    std::printf("%-44s", what.c_str());
    std::string line = "{\"what\": \"" + what + "\"";
    for (const auto& [name, value] : figures) {
      char number[32];
      std::snprintf(number, sizeof(number), "%.4g", value);
      std::printf("  %s %s", name.c_str(), number);
      line += ", \"" + name + "\": " + number;
    }
    std::printf("\n");
    std::fflush(stdout);
    lines_.push_back(line + "}");
  }

  // `head` is the JSON of what the figures were taken on. False when the file cannot be written.
  [[nodiscard]] bool write(const char* path, const std::string& head) const {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr) return false;
    std::fprintf(file, "{\n  \"card\": %s,\n  \"figures\": [\n", head.c_str());
    for (std::size_t i = 0; i < lines_.size(); ++i)
      std::fprintf(file, "    %s%s\n", lines_[i].c_str(), i + 1 < lines_.size() ? "," : "");
    std::fprintf(file, "  ]\n}\n");
    return std::fclose(file) == 0;
  }

 private:
  std::vector<std::string> lines_;
};

}  // namespace millrace::bench
