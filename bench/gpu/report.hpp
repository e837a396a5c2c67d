#pragma once
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

// In quotes; messages of the system may have some themselves.
inline std::string json_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return quoted + "\"";
}

// Lines of figures: printed as they come, and written as JSON at the end.
class Report {
 public:
  using Figures = std::vector<std::pair<std::string, double>>;

  explicit Report(std::FILE* shown = stdout) : shown_(shown) {}

  void add(const std::string& what, const Figures& figures) {
    std::fprintf(shown_, "%-52s", what.c_str());
    std::string line = "{\"what\": \"" + what + "\"";
    for (const auto& [name, value] : figures) {
      std::fprintf(shown_, "  %s %s", name.c_str(), number(value).c_str());
      line += ", \"" + name + "\": " + number(value);
    }
    std::fprintf(shown_, "\n");
    std::fflush(shown_);
    figures_.push_back(line + "}");
  }

  // A figure that has to be met. `limit` is what the card's measured ceilings allow; 0: they say nothing.
  enum class Better { kLess, kMore };
  void target(const std::string& what, const std::string& unit, Better better, double measured, double target,
              double limit) {
    const bool met = better == Better::kLess ? measured <= target : measured >= target;
    std::fprintf(shown_, "TARGET %-45s  measured %s / target %s / limit %s %s: %s\n", what.c_str(),
                 number(measured).c_str(), number(target).c_str(), limit == 0 ? "-" : number(limit).c_str(),
                 unit.c_str(), met ? "met" : "missed");
    std::fflush(shown_);
    targets_.push_back("{\"what\": \"" + what + "\", \"unit\": \"" + unit +
                       "\", \"measured\": " + number(measured) + ", \"target\": " + number(target) +
                       ", \"limit\": " + (limit == 0 ? "null" : number(limit)) +
                       ", \"met\": " + (met ? "true}" : "false}"));
  }

  void left_out(const std::string& what, const std::string& reason) {
    std::fprintf(shown_, "left out: %s: %s\n", what.c_str(), reason.c_str());
    std::fflush(shown_);
    left_out_.push_back("{\"what\": " + json_text(what) + ", \"reason\": " + json_text(reason) + "}");
  }

  // `head` is the JSON members of what the figures were taken on. False when the file cannot be written.
  [[nodiscard]] bool write(const char* path, const std::string& head) const {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr) return false;
    std::fprintf(file, "{\n%s", head.c_str());
    const std::pair<const char*, const std::vector<std::string>*> lists[] = {
        {"targets", &targets_}, {"figures", &figures_}, {"leftOut", &left_out_}};
    for (const auto& [name, lines] : lists) {
      std::fprintf(file, ",\n  \"%s\": [", name);
      for (std::size_t i = 0; i < lines->size(); ++i)
        std::fprintf(file, "%s\n    %s", i == 0 ? "" : ",", (*lines)[i].c_str());
      std::fprintf(file, "%s]", lines->empty() ? "" : "\n  ");
    }
    std::fprintf(file, "\n}\n");
    return std::fclose(file) == 0;
  }

 private:
  static std::string number(double value) {
    if (!std::isfinite(value)) return "null";
    char text[32];
    std::snprintf(text, sizeof(text), "%.4g", value);
    return text;
  }

  std::FILE* shown_;
  std::vector<std::string> figures_, targets_, left_out_;
};

// The time that a run may take.
class Budget {
 public:
  explicit Budget(double seconds) : end_(Clock::now() + std::chrono::duration<double>(seconds)) {}
  [[nodiscard]] double left_s() const { return std::chrono::duration<double>(end_ - Clock::now()).count(); }
  // Whether there is time for what takes so long; else it is noted as left out.
  [[nodiscard]] bool has(double seconds, const std::string& what, Report& report) const {
    if (left_s() >= seconds) return true;
    report.left_out(what, "no time is left for it");
    return false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::time_point<Clock, std::chrono::duration<double>> end_;
};

}  // namespace millrace::bench
