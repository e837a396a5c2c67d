#include "libraries/cublaslt_functions.hpp"

namespace millrace::gpu::cublaslt {
namespace {

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};
constexpr int kLeastMajor = 12, kMostMajor = 13;

}  // namespace

std::unique_ptr<Functions> Functions::find(const std::string& path, std::string& reason) {
#if !defined(__CUDACC__)
  // The system's would look for a real card.
  if (path.empty()) {
    reason = "the emulated card takes none but one whose path is given";
    return nullptr;
  }
#endif
  auto library = SharedLibrary::open(path, kNames, reason);
  if (library == nullptr) return nullptr;
  auto f = std::make_unique<Functions>();
  const SharedLibrary& in = *library;
  const bool all = in.find("cublasLtGetVersion", f->get_version, reason) &&
                   in.find("cublasLtCreate", f->create, reason) &&
                   in.find("cublasLtDestroy", f->destroy, reason) &&
                   in.find("cublasLtMatmulDescCreate", f->descriptor_create, reason) &&
                   in.find("cublasLtMatmulDescDestroy", f->descriptor_destroy, reason) &&
                   in.find("cublasLtMatmulDescSetAttribute", f->descriptor_set, reason) &&
                   in.find("cublasLtMatrixLayoutCreate", f->layout_create, reason) &&
                   in.find("cublasLtMatrixLayoutDestroy", f->layout_destroy, reason) &&
                   in.find("cublasLtMatrixLayoutSetAttribute", f->layout_set, reason) &&
                   in.find("cublasLtMatmulPreferenceCreate", f->preference_create, reason) &&
                   in.find("cublasLtMatmulPreferenceDestroy", f->preference_destroy, reason) &&
                   in.find("cublasLtMatmulPreferenceSetAttribute", f->preference_set, reason) &&
                   in.find("cublasLtMatmulAlgoGetHeuristic", f->get_heuristic, reason) &&
                   in.find("cublasLtMatmul", f->matmul, reason);
  if (!all) return nullptr;
  f->library = std::move(library);
  const int version = f->version(), major = version / 10000;
  if (major < kLeastMajor || major > kMostMajor) {
    reason = "its version is " + std::to_string(version) + "; versions " + std::to_string(kLeastMajor) +
             " and " + std::to_string(kMostMajor) + " are known";
    return nullptr;
  }
  return f;
}

}  // namespace millrace::gpu::cublaslt
