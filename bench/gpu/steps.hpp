#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "report.hpp"

namespace millrace::bench {

// What this card does at its best, measured.
struct Ceilings {
  double bytes_per_us = 0;       // of a large copy, read and written counted
  double operations_per_us = 0;  // of a large BF16 product, by our own kernel or cuBLASLt
  int multiprocessors = 0;
};

// What is measured of whole steps.
struct StepPlan {
  // Below bench/gpu/shapes.
  std::vector<std::string> shapes = {"qwen3-4b", "llama-8b"};
  std::vector<std::string> forms = {"BF16", "INT4", "INT8"};
  std::vector<int> batches = {1, 8, 64, 256};
  std::vector<int> prompts = {512, 2048, 8192};
  int context = 1024;
  int steps = 96;       // of decoding, at most
  double case_s = 1.5;  // that the steps of one batch may take
  // Prompts that are answered together, as transformers answers them beside it.
  int requests = 64, request_tokens = 128, answer_tokens = 128;
  // Seconds below which loading a model is not begun.
  double load_s = 40;
};

// Decodes and prefills through the runtime's steps and the plugin's device, with random weights: checkpoints
// of the shapes are written to `scratch` unless they are there already, and left there.
void measure_steps(Report& report, const StepPlan& plan, const Ceilings& ceilings, const Budget& budget,
                   const std::filesystem::path& shapes, const std::filesystem::path& scratch);

}  // namespace millrace::bench
