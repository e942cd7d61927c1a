#pragma once
// The text format of vectors: [1,2.5,-3e-05]. Without a server, so that it can be fuzzed.
//
// Reading accepts what strtof accepts as a number (decimal and hexadecimal), white space round
// every token, and nothing after the closing bracket; it rounds to the nearest float once.
// Numbers too small for a float become a subnormal or a zero with their sign, as in pgvector.
// Writing gives the digits of PostgreSQL's float4out: the fewest that read back as the same float.
//
// Invariants: format_vector's output always reads back bit by bit.
// Errors: none thrown; parse_vector reports a status. Both expect LC_NUMERIC to be C, as it is in
// every server process.
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace avq {

enum class ParseStatus {
  ok,
  syntax,         // not a vector literal
  no_opening,     // the first thing is not the opening bracket
  no_dims,        // of a sparse vector: no / after }
  trailing_junk,  // something follows the end
  empty,          // []
  too_many,       // more than max_dims elements
  not_a_number,   // an element is NaN
  infinite,       // an element is spelt as infinity
  out_of_range,   // an element is too large, or too small for a sparse vector; the token says which
};

struct ParseResult {
  ParseStatus status;
  int dims;            // of use when status is ok
  const char* token;   // with out_of_range, the number's first character
  size_t token_bytes;  // and its length
};

// Reads the NUL-terminated text into out, which has room for max_dims elements. Finite numbers of
// this magnitude and above are out of range.
ParseResult parse_vector(const char* text, float* out, int max_dims,
                         float out_of_range = HUGE_VALF) noexcept;

struct SparseElement {
  int32_t index;  // from 0 on; not checked: any number read, brought into the range of int
  float value;
};

// The text format of sparse vectors: {1:1.5,3:-2}/5, positions from 1 on, in any order. Reads the
// NUL-terminated text into out, which has room for as many elements as it has commas, and one more;
// *count of them are not zero and kept. The dimensions are as read, brought into the range of int.
ParseResult parse_sparse(const char* text, SparseElement* out, int* count) noexcept;

// The most elements that the text can hold: one more than it has commas, at most max_dims.
int count_elements_at_most(const char* text, int max_dims) noexcept;

// A sign, nine digits with a point, an exponent: -1.17549435e-38.
inline constexpr size_t kMaxFloatBytes = 15;

// Writes at most kMaxFloatBytes characters, no NUL; returns the end. The value is finite.
char* format_float(float value, char* out) noexcept;

// Brackets, elements, commas and the NUL.
inline constexpr size_t formatted_vector_bytes(int dims) {
  return static_cast<size_t>(dims) * (kMaxFloatBytes + 1) + 3;
}

// Writes the text with a final NUL to out, which has formatted_vector_bytes(dims) bytes; returns
// the length without the NUL.
size_t format_vector(const float* values, int dims, char* out) noexcept;

}  // namespace avq
