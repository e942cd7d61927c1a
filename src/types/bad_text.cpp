#include "types/bad_text.h"

#include "types/entry.h"

namespace avq {

Datum report_bad_text(FunctionCallInfo fcinfo, const TextFormat& format, const char* text,
                      const ParseResult& result) {
  const char* type = format.type;
  const char* detail = nullptr;
  switch (result.status) {
    case ParseStatus::ok:
    case ParseStatus::syntax:
      break;
    case ParseStatus::no_opening:
      detail = psprintf("Vector contents must start with \"%s\".", format.opening);
      break;
    case ParseStatus::no_dims:
      detail = "Unexpected end of input.";
      break;
    case ParseStatus::trailing_junk:
      detail = psprintf("Junk after %s.", format.end);
      break;
    case ParseStatus::empty:
      AVQ_INPUT_ERROR(
          (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s must have at least 1 dimension", type)));
      break;
    case ParseStatus::too_many:
      AVQ_INPUT_ERROR((errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                       errmsg("%s cannot have more than %d dimensions", type, format.most)));
      break;
    case ParseStatus::not_a_number:
      AVQ_INPUT_ERROR((errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", type)));
      break;
    case ParseStatus::infinite:
      AVQ_INPUT_ERROR(
          (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in %s", type)));
      break;
    case ParseStatus::out_of_range:
      AVQ_INPUT_ERROR((errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                       errmsg("\"%s\" is out of range for type %s",
                              pnstrdup(result.token, result.token_bytes), type)));
      break;
  }
  AVQ_INPUT_ERROR((errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                   errmsg("invalid input syntax for type %s: \"%s\"", type, text),
                   detail != nullptr ? errdetail("%s", detail) : 0));
  return static_cast<Datum>(0);
}

}  // namespace avq
