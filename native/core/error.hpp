#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace millrace {

// A failure with a stable code (docs/errors.md). The binding turns it into a JavaScript Error with that code.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  [[nodiscard]] const std::string& code() const noexcept { return code_; }

 private:
  std::string code_;
};

}  // namespace millrace
