#pragma once
// The one exception type that core throws on purpose. The bridge (src/bridge.h) turns it, and
// whatever else escapes (std::bad_alloc above all), into an ereport; see CONTRIBUTING.md.
#include <stdexcept>
#include <string>

namespace avq {

enum class ErrorCode {
  invalid_argument,  // a value outside the documented range
  out_of_memory,     // a budget that the caller set does not suffice
  canceled,          // the caller's stop flag was raised
  corrupted,         // bytes that no version of avq writes
  internal,          // a broken invariant: a bug
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// Polled by long loops; returns true when the work must be given up. Never throws.
using StopFlag = bool (*)() noexcept;

inline void check_stop(StopFlag stop) {
  if (stop != nullptr && stop()) throw Error(ErrorCode::canceled, "canceled");
}

}  // namespace avq
