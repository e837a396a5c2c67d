#pragma once
#include <string>
#include <vector>

namespace millrace {

// What this processor and its operating system let a program use.
struct CpuFeatures {
  bool avx2 = false;    // with FMA and F16C
  bool avx512 = false;  // F, BW, VL and DQ
  bool avx512_bf16 = false;
  bool avx512_vnni = false;
  bool amx_bf16 = false;  // the system saves tile registers; a process still asks for them once
  bool amx_int8 = false;
};

// Asked of the processor once per process.
const CpuFeatures& cpu_features();

// Asks the operating system, once per process, to let its threads use tiles. False when it refuses.
bool may_use_tiles();

// Names of the features that are there, such as "avx2", "avx512" and "amx_bf16".
std::vector<std::string> cpu_feature_names();

}  // namespace millrace
