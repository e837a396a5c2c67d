#include "emulation/waits.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace millrace::emulation {
namespace {

struct Waits {
  bool noting = false;
  std::vector<WaitPlace> met;
  std::optional<WaitPlace> left_out;
  // The last place that was met: all threads of a block come by one after the other.
  const char* last_file = nullptr;
  unsigned last_line = 0, last_column = 0;
};

Waits& waits() {
  thread_local Waits instance;
  return instance;
}

// "norm_rows" of "void ns::norm_rows(ns::Params<T>) [with T = float]".
std::string short_name(std::string_view function) {
  function = function.substr(0, function.find('('));
  function = function.substr(0, function.find('<'));
  const auto start = function.find_last_of(" :*&");
  return std::string(start == std::string_view::npos ? function : function.substr(start + 1));
}

WaitPlace place_of(const std::source_location& at) {
  const std::string_view path = at.file_name();
  const auto slash = path.find_last_of('/');
  return {std::string(slash == std::string_view::npos ? path : path.substr(slash + 1)),
          short_name(at.function_name()), at.line(), at.column()};
}

bool is_at(const WaitPlace& place, const std::source_location& at) {
  return place.line == at.line() && place.column == at.column() && place_of(at).file == place.file;
}

}  // namespace

void note_waits() {
  waits() = {};
  waits().noting = true;
}

std::vector<WaitPlace> take_waits() {
  Waits& of = waits();
  of.noting = false;
  auto met = std::exchange(of.met, {});
  std::sort(met.begin(), met.end(), [](const WaitPlace& a, const WaitPlace& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  return met;
}

void leave_out(std::optional<WaitPlace> place) {
  waits().left_out = std::move(place);
}

bool is_left_out(const std::source_location& place, const char* kind) {
  Waits& of = waits();
  if (of.noting) {
    const bool is_last =
        place.file_name() == of.last_file && place.line() == of.last_line && place.column() == of.last_column;
    if (!is_last) {
      of.last_file = place.file_name();
      of.last_line = place.line();
      of.last_column = place.column();
      const bool is_known =
          std::any_of(of.met.begin(), of.met.end(), [&](const WaitPlace& met) { return is_at(met, place); });
      if (!is_known) {
        of.met.push_back(place_of(place));
        of.met.back().function += kind;
      }
    }
  }
  return of.left_out.has_value() && is_at(*of.left_out, place);
}

}  // namespace millrace::emulation
