#include "core/parse.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace avq {
namespace {

// As PostgreSQL's array_isspace: the C locale's, whatever the locale is.
bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

const char* skip_space(const char* at) noexcept {
  while (is_space(*at)) ++at;
  return at;
}

// Reads the number at `at` and returns its end, or `at` when there is none. Sets overflow when it
// is finite but too large.
const char* read_number(const char* at, const char* end, float& value, bool& overflow) noexcept {
  overflow = false;
  // The usual spelling. from_chars refuses a leading plus, hexadecimals and subnormals that
  // strtof reads, so whatever is unusual goes to strtof.
  const char* digits = at + (*at == '-');
  if (is_digit(*digits) || *digits == '.') {
    auto [stop, error] = std::from_chars(at, end, value);
    if (error == std::errc() && *stop != 'x' && *stop != 'X') return stop;
  }
  char* stop = nullptr;
  errno = 0;
  value = std::strtof(at, &stop);
  overflow = errno == ERANGE && std::isinf(value);
  return stop;
}

ParseResult failure(ParseStatus status) noexcept { return {status, 0, nullptr, 0}; }

// The digits of a float, d.ddd x 10^exponent.
struct Decimal {
  char digits[16];
  int count;
  int exponent;
};

// Splits to_chars' scientific form, d[.ddd]e[+-]xx, without sign.
Decimal split_scientific(const char* begin, const char* end) noexcept {
  Decimal decimal;
  decimal.count = 0;
  const char* at = begin;
  for (; at != end && *at != 'e'; ++at) {
    if (*at != '.') decimal.digits[decimal.count++] = *at;
  }
  ++at;
  bool negative = *at == '-';
  ++at;
  decimal.exponent = 0;
  for (; at != end; ++at) decimal.exponent = decimal.exponent * 10 + (*at - '0');
  if (negative) decimal.exponent = -decimal.exponent;
  while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') --decimal.count;
  return decimal;
}

// Whether the decimal text lies exactly half way between value and a neighbour. Such a text reads
// back as value only because the reader rounds ties to even; float4out does not count on that and
// takes more digits. Half-way points of floats are exact doubles.
bool is_tie(const char* begin, const char* end, float value) noexcept {
  double read;
  std::from_chars(begin, end, read);
  if (read == static_cast<double>(value)) return false;
  float neighbour = std::nextafter(value, read > value ? HUGE_VALF : 0.0f);
  // Beyond the largest float the next step would be 2^128.
  double next = std::isinf(neighbour) ? 0x1p128 : static_cast<double>(neighbour);
  return read == (static_cast<double>(value) + next) / 2;
}

Decimal shortest_decimal(float magnitude) noexcept {
  char text[32];
  auto end = std::to_chars(text, text + sizeof(text), magnitude, std::chars_format::scientific).ptr;
  Decimal decimal = split_scientific(text, end);
  // Below 2^24 a half-way point has more digits than the float itself, so it is never shortest.
  if (magnitude < 0x1p24f || !is_tie(text, end, magnitude)) return decimal;
  int decimals = decimal.count;
  do {
    end = std::to_chars(text, text + sizeof(text), magnitude, std::chars_format::scientific,
                        decimals++)
              .ptr;
  } while (is_tie(text, end, magnitude));
  return split_scientific(text, end);
}

char* append(char* out, const char* from, int count) noexcept {
  std::memcpy(out, from, static_cast<size_t>(count));
  return out + count;
}

char* append_zeros(char* out, int count) noexcept {
  std::memset(out, '0', static_cast<size_t>(count));
  return out + count;
}

// Reads a decimal integer, brought into [least, most]; the end, or `at` when there is none.
const char* read_integer(const char* at, int least, int most, int& value) noexcept {
  char* stop = nullptr;
  const long long read = std::strtoll(at, &stop, 10);
  value = static_cast<int>(std::clamp<long long>(read, least, most));
  return stop;
}

// One element, index:value; the end, or null with `result` set.
const char* read_element(const char* at, const char* end, SparseElement& element,
                         ParseResult& result) noexcept {
  result = failure(ParseStatus::syntax);
  int position;
  const char* stop = read_integer(at, INT_MIN + 1, INT_MAX, position);
  if (stop == at) return nullptr;
  at = skip_space(stop);
  if (*at != ':') return nullptr;
  at = skip_space(at + 1);
  bool overflow = false;
  element.index = position - 1;
  element.value = 0;
  errno = 0;
  stop = read_number(at, end, element.value, overflow);
  if (stop == at) return nullptr;
  if (overflow || (errno == ERANGE && element.value == 0)) {
    result = {ParseStatus::out_of_range, 0, at, static_cast<size_t>(stop - at)};
    return nullptr;
  }
  if (std::isnan(element.value)) result.status = ParseStatus::not_a_number;
  if (std::isinf(element.value)) result.status = ParseStatus::infinite;
  return std::isfinite(element.value) ? stop : nullptr;
}

}  // namespace

int count_elements_at_most(const char* text, int max_dims) noexcept {
  int count = 1;
  for (const char* at = text; count < max_dims && (at = std::strchr(at, ',')) != nullptr; ++at) {
    ++count;
  }
  return count;
}

ParseResult parse_vector(const char* text, float* out, int max_dims, float out_of_range) noexcept {
  const char* end = text + std::strlen(text);
  const char* at = skip_space(text);
  if (*at != '[') return failure(ParseStatus::no_opening);
  at = skip_space(at + 1);
  if (*at == ']') return failure(ParseStatus::empty);

  int dims = 0;
  for (;;) {
    if (dims == max_dims) return failure(ParseStatus::too_many);
    at = skip_space(at);
    float value = 0;
    bool overflow = false;
    const char* stop = read_number(at, end, value, overflow);
    if (stop == at) return failure(ParseStatus::syntax);
    if (overflow || (std::fabs(value) >= out_of_range && !std::isinf(value))) {
      return {ParseStatus::out_of_range, 0, at, static_cast<size_t>(stop - at)};
    }
    if (std::isnan(value)) return failure(ParseStatus::not_a_number);
    if (std::isinf(value)) return failure(ParseStatus::infinite);
    out[dims++] = value;

    at = skip_space(stop);
    if (*at == ']') break;
    if (*at != ',') return failure(ParseStatus::syntax);
    ++at;
  }

  at = skip_space(at + 1);
  if (*at != '\0') return failure(ParseStatus::trailing_junk);
  return {ParseStatus::ok, dims, nullptr, 0};
}

ParseResult parse_sparse(const char* text, SparseElement* out, int* count) noexcept {
  const char* end = text + std::strlen(text);
  const char* at = skip_space(text);
  if (*at != '{') return failure(ParseStatus::no_opening);
  at = skip_space(at + 1);
  *count = 0;
  while (*at != '}') {
    ParseResult result;
    at = read_element(at, end, out[*count], result);
    if (at == nullptr) return result;
    if (out[*count].value != 0) ++*count;
    at = skip_space(at);
    if (*at == '}') break;
    if (*at != ',') return failure(ParseStatus::syntax);
    at = skip_space(at + 1);
    if (*at == '}') return failure(ParseStatus::syntax);
  }
  at = skip_space(at + 1);
  if (*at != '/') return failure(ParseStatus::no_dims);
  at = skip_space(at + 1);
  int dims;
  const char* stop = read_integer(at, INT_MIN, INT_MAX, dims);
  if (stop == at) return failure(ParseStatus::syntax);
  if (*skip_space(stop) != '\0') return failure(ParseStatus::trailing_junk);
  return {ParseStatus::ok, dims, nullptr, 0};
}

char* format_float(float value, char* out) noexcept {
  if (std::signbit(value)) *out++ = '-';
  float magnitude = std::fabs(value);
  if (magnitude == 0.0f) {
    *out++ = '0';
    return out;
  }

  Decimal decimal = shortest_decimal(magnitude);
  const char* digits = decimal.digits;
  int count = decimal.count;
  int exponent = decimal.exponent;

  // The bounds of float4out, those of printf's %g with FLT_DIG digits.
  if (exponent < -4 || exponent >= 6) {
    *out++ = digits[0];
    if (count > 1) {
      *out++ = '.';
      out = append(out, digits + 1, count - 1);
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    exponent = std::abs(exponent);  // at most 45
    *out++ = static_cast<char>('0' + exponent / 10);
    *out++ = static_cast<char>('0' + exponent % 10);
    return out;
  }
  if (exponent < 0) {
    out = append(out, "0.", 2);
    out = append_zeros(out, -exponent - 1);
    return append(out, digits, count);
  }
  int whole = std::min(count, exponent + 1);
  out = append(out, digits, whole);
  out = append_zeros(out, exponent + 1 - whole);
  if (count > whole) {
    *out++ = '.';
    out = append(out, digits + whole, count - whole);
  }
  return out;
}

size_t format_vector(const float* values, int dims, char* out) noexcept {
  char* at = out;
  *at++ = '[';
  for (int i = 0; i < dims; ++i) {
    if (i > 0) *at++ = ',';
    at = format_float(values[i], at);
  }
  *at++ = ']';
  *at = '\0';
  return static_cast<size_t>(at - out);
}

}  // namespace avq
