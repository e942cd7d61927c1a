// The text parser against a slow reading of the same rules, on any bytes; and that what is read is
// written without loss. Buffers have no slack, so that the address sanitizer sees every overrun.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/parse.h"

namespace {

constexpr int kMaxDims = 50;  // small, so that the limit is met

void require(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "violated: %s\n", what);
    std::abort();
  }
}

void skip_space(const std::string& text, size_t& at) {
  while (at < text.size() && std::strchr(" \t\n\v\f\r", text[at]) != nullptr) ++at;
}

// The rules by the C library alone, one element at a time.
avq::ParseStatus read_slowly(const std::string& text, std::vector<float>& values) {
  using avq::ParseStatus;
  size_t at = 0;
  skip_space(text, at);
  if (at == text.size() || text[at] != '[') return ParseStatus::no_opening;
  ++at;
  skip_space(text, at);
  if (at < text.size() && text[at] == ']') return ParseStatus::empty;
  for (;;) {
    if (values.size() == kMaxDims) return ParseStatus::too_many;
    skip_space(text, at);
    const char* begin = text.c_str() + at;
    char* end;
    errno = 0;
    float value = std::strtof(begin, &end);
    if (end == begin) return ParseStatus::syntax;
    if (std::isnan(value)) return ParseStatus::not_a_number;
    if (std::isinf(value)) {
      return errno == ERANGE ? ParseStatus::out_of_range : ParseStatus::infinite;
    }
    values.push_back(value);
    at += static_cast<size_t>(end - begin);
    skip_space(text, at);
    if (at == text.size()) return ParseStatus::syntax;
    char separator = text[at++];
    if (separator == ']') break;
    if (separator != ',') return ParseStatus::syntax;
  }
  skip_space(text, at);
  return at == text.size() ? ParseStatus::ok : ParseStatus::trailing_junk;
}

// The same for sparse vectors: the elements that are not zero, in the order of the text.
avq::ParseStatus read_sparse_slowly(const std::string& text,
                                    std::vector<std::pair<long, float>>& elements, long& dims) {
  using avq::ParseStatus;
  size_t at = 0;
  const auto next = [&] {
    skip_space(text, at);
    return at < text.size() ? text[at] : '\0';
  };
  const auto integer = [&](long& value) {
    char* end;
    const char* begin = text.c_str() + at;
    value = std::strtol(begin, &end, 10);
    at += static_cast<size_t>(end - begin);
    return end != begin;
  };
  if (next() != '{') return ParseStatus::no_opening;
  ++at;
  bool more = next() != '}';
  while (more) {
    long index;
    next();
    if (!integer(index)) return ParseStatus::syntax;
    if (next() != ':') return ParseStatus::syntax;
    ++at;
    next();
    const char* begin = text.c_str() + at;
    char* end;
    errno = 0;
    const float value = std::strtof(begin, &end);
    if (end == begin) return ParseStatus::syntax;
    if (std::isnan(value)) return ParseStatus::not_a_number;
    if (errno == ERANGE && (value == 0 || std::isinf(value))) return ParseStatus::out_of_range;
    if (std::isinf(value)) return ParseStatus::infinite;
    if (value != 0) elements.emplace_back(index, value);
    at += static_cast<size_t>(end - begin);
    const char separator = next();
    if (separator != ',' && separator != '}') return ParseStatus::syntax;
    more = separator == ',';
    if (more) ++at;
  }
  ++at;
  if (next() != '/') return ParseStatus::no_dims;
  ++at;
  next();
  if (!integer(dims)) return ParseStatus::syntax;
  return next() == '\0' && at == text.size() ? ParseStatus::ok : ParseStatus::trailing_junk;
}

void check_sparse(const std::string& text, const std::vector<char>& exact) {
  std::vector<avq::SparseElement> out(
      static_cast<size_t>(avq::count_elements_at_most(exact.data(), 1 << 20)));
  int count = 0;
  const avq::ParseResult result = avq::parse_sparse(exact.data(), out.data(), &count);
  std::vector<std::pair<long, float>> expected;
  long dims = 0;
  require(result.status == read_sparse_slowly(text, expected, dims), "sparse: the status");
  if (result.status != avq::ParseStatus::ok) return;
  const auto limited = [](long value, long least) {
    return std::clamp<long>(value, least, std::numeric_limits<int>::max());
  };
  constexpr long kLeast = std::numeric_limits<int>::min();
  require(result.dims == limited(dims, kLeast), "sparse: the dimensions");
  require(static_cast<size_t>(count) == expected.size(), "sparse: as many elements");
  for (size_t i = 0; i < expected.size(); ++i) {
    require(out[i].index == limited(expected[i].first, kLeast + 1) - 1, "sparse: the position");
    require(std::memcmp(&out[i].value, &expected[i].second, sizeof(float)) == 0,
            "sparse: the value");
  }
}

bool same_bits(const float* a, const float* b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size_t length = strnlen(reinterpret_cast<const char*>(data), size);
  std::string text(reinterpret_cast<const char*>(data), length);
  std::vector<char> exact(text.c_str(), text.c_str() + length + 1);

  check_sparse(text, exact);

  int room = avq::count_elements_at_most(exact.data(), kMaxDims);
  std::vector<float> out(static_cast<size_t>(room));
  avq::ParseResult result = avq::parse_vector(exact.data(), out.data(), room);

  std::vector<float> expected;
  avq::ParseStatus status = read_slowly(text, expected);
  require(result.status == status, "the status is the slow reader's");
  if (status == avq::ParseStatus::out_of_range) {
    require(result.token >= exact.data() && result.token_bytes > 0 &&
                result.token + result.token_bytes < exact.data() + exact.size(),
            "the token lies in the text");
  }
  if (status != avq::ParseStatus::ok) return 0;

  size_t dims = static_cast<size_t>(result.dims);
  require(dims == expected.size(), "as many elements");
  require(same_bits(out.data(), expected.data(), dims), "the same elements");

  std::vector<char> written(avq::formatted_vector_bytes(result.dims));
  size_t bytes = avq::format_vector(out.data(), result.dims, written.data());
  require(bytes < written.size() && written[bytes] == '\0', "the text fits");
  std::vector<float> again(dims);
  avq::ParseResult second = avq::parse_vector(written.data(), again.data(), result.dims);
  require(second.status == avq::ParseStatus::ok && second.dims == result.dims, "it reads back");
  require(same_bits(out.data(), again.data(), dims), "bit by bit");
  return 0;
}
