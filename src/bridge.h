#pragma once
// The one boundary between PostgreSQL's error world (ereport, longjmp) and C++'s (exceptions).
//
//   AVQ_CORE({ avq::something_that_may_throw(span); });
//
// Invariants:
//  * The braces hold core code only: no PostgreSQL call happens in them.
//  * Results go to memory that the surrounding frame owns (palloc'ed arrays, plain structs), so
//    that nothing with a destructor is alive when the ereport jumps.
//  * Outside the braces, in any function that calls PostgreSQL, every local is trivially
//    destructible.
// Errors: std::bad_alloc becomes 53200, avq::Error its own SQLSTATE, anything else XX000. A
// cancellation seen inside core becomes the ordinary CHECK_FOR_INTERRUPTS error.
#include <cstring>
#include <exception>
#include <new>

#include "compat.h"
#include "core/error.h"

namespace avq::bridge {

struct Failure {
  int sqlstate;
  bool canceled;
  char message[256];
};

inline void set_failure(Failure& failure, int sqlstate, const char* message) noexcept {
  failure.sqlstate = sqlstate;
  strlcpy(failure.message, message, sizeof(failure.message));
}

template <class Function>
[[nodiscard]] bool run(Failure& failure, Function&& function) noexcept {
  failure.canceled = false;
  try {
    function();
    return true;
  } catch (const Error& error) {
    int sqlstate = ERRCODE_INTERNAL_ERROR;
    switch (error.code()) {
      case ErrorCode::invalid_argument:
        sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
        break;
      case ErrorCode::out_of_memory:
        sqlstate = ERRCODE_OUT_OF_MEMORY;
        break;
      case ErrorCode::canceled:
        failure.canceled = true;
        sqlstate = ERRCODE_QUERY_CANCELED;
        break;
      case ErrorCode::corrupted:
        sqlstate = ERRCODE_INDEX_CORRUPTED;
        break;
      case ErrorCode::internal:
        break;
    }
    set_failure(failure, sqlstate, error.what());
  } catch (const std::bad_alloc&) {
    set_failure(failure, ERRCODE_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    set_failure(failure, ERRCODE_INTERNAL_ERROR, error.what());
  } catch (...) {
    set_failure(failure, ERRCODE_INTERNAL_ERROR, "unknown C++ exception");
  }
  return false;
}

inline void report(const Failure& failure) {
  if (failure.canceled) CHECK_FOR_INTERRUPTS();
  ereport(ERROR, (errcode(failure.sqlstate), errmsg("avq: %s", failure.message)));
}

// The stop flag that PostgreSQL's side hands to long core loops: only what ends the statement.
// InterruptPending is also raised for requests that CHECK_FOR_INTERRUPTS serves and returns from
// (logging of memory contexts, barriers of DROP DATABASE); those must not cancel a build.
inline bool interrupt_pending() noexcept {
  return QueryCancelPending || ProcDiePending || transaction_timeout_pending();
}

}  // namespace avq::bridge

#define AVQ_CORE(...)                                       \
  do {                                                      \
    avq::bridge::Failure avq_failure_;                      \
    if (!avq::bridge::run(avq_failure_, [&] __VA_ARGS__)) { \
      avq::bridge::report(avq_failure_);                    \
    }                                                       \
  } while (0)
