#pragma once
// What every SQL-callable function of a type needs.
#include "pg.h"

// Opens the definition of the C function behind a SQL function; the symbol is exported. (The
// server's macro exports the function itself only from PostgreSQL 16 on.)
#define AVQ_FUNCTION(name)                  \
  extern "C" {                              \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
  PG_FUNCTION_INFO_V1(name);                \
  }                                         \
  Datum name(PG_FUNCTION_ARGS)

// The function of vector and that of halfvec by one template over the value's class.
#define AVQ_DENSE_FUNCTION(name, body)                             \
  AVQ_FUNCTION(avq_vector_##name) { return body<Vector>(fcinfo); } \
  AVQ_FUNCTION(avq_halfvec_##name) { return body<HalfVector>(fcinfo); }

// Reports bad input from an input function: softly where the caller asked for it (PostgreSQL 16:
// pg_input_is_valid, COPY ... ON_ERROR), as an ordinary error otherwise. Leaves the function.
#ifdef ereturn
#define AVQ_INPUT_ERROR(...) ereturn(fcinfo->context, static_cast<Datum>(0), __VA_ARGS__)
#else
#define AVQ_INPUT_ERROR(...) ereport(ERROR, __VA_ARGS__)
#endif
