#pragma once
// What an input function says of a text that is no value of its type, with pgvector's words.
#include "core/parse.h"
#include "pg.h"

namespace avq {

struct TextFormat {
  const char* type;
  int most;             // dimensions
  const char* opening;  // bracket
  const char* end;      // behind which there is junk
};

// Errors: what the result tells, softly where the caller of the input function asked for that.
Datum report_bad_text(FunctionCallInfo fcinfo, const TextFormat& format, const char* text,
                      const ParseResult& result);

}  // namespace avq
