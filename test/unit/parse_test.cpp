// The text format of vectors: what is read, what is refused and why, and that writing loses no bit.
#include "core/parse.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <climits>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <string_view>
#include <vector>

namespace avq {
namespace {

struct Parsed {
  ParseStatus status;
  std::vector<float> values;
  std::string token;
};

Parsed parse(const std::string& text, int max_dims = 16000) {
  // A copy without slack, for the address sanitizer.
  std::vector<char> exact(text.c_str(), text.c_str() + text.size() + 1);
  int room = count_elements_at_most(exact.data(), max_dims);
  std::vector<float> out(static_cast<size_t>(room));
  ParseResult result = parse_vector(exact.data(), out.data(), room);
  out.resize(static_cast<size_t>(result.dims));
  std::string token;
  if (result.token != nullptr) token.assign(result.token, result.token_bytes);
  return {result.status, out, token};
}

std::string format(float value) {
  char buffer[kMaxFloatBytes + 1];
  std::memset(buffer, '#', sizeof(buffer));
  char* end = format_float(value, buffer);
  EXPECT_LE(end, buffer + kMaxFloatBytes);
  EXPECT_EQ(buffer[kMaxFloatBytes], '#');
  return std::string(buffer, end);
}

uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

TEST(Parse, ReadsVectors) {
  EXPECT_EQ(parse("[1,2,3]").values, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(parse("[-1.5]").values, (std::vector<float>{-1.5f}));
  EXPECT_EQ(parse(" \t\n\v\f\r[ 1 ,\t2\n] \v").values, (std::vector<float>{1, 2}));
  EXPECT_EQ(parse("[+1,.5,5.,1e2,1E-2,0x10,0x1p-2,00012]").values,
            (std::vector<float>{1, .5f, 5, 100, .01f, 16, .25f, 12}));
}

TEST(Parse, KeepsSignsAndSubnormals) {
  Parsed parsed = parse("[-0,1e-46,-1e-46,1e-45,-1.5e-42]");
  ASSERT_EQ(parsed.status, ParseStatus::ok);
  EXPECT_EQ(bits(parsed.values[0]), 0x80000000u);
  EXPECT_EQ(bits(parsed.values[1]), 0u);
  EXPECT_EQ(bits(parsed.values[2]), 0x80000000u);
  EXPECT_EQ(bits(parsed.values[3]), 1u);
  EXPECT_EQ(parsed.values[4], -1.5e-42f);
}

TEST(Parse, RoundsOnce) {
  // By way of double this would become 1: it lies just above half way to the next float.
  EXPECT_EQ(parse("[1.00000005960464477539062500001]").values[0], std::nextafter(1.0f, 2.0f));
  EXPECT_EQ(parse("[1.000000059604644775390625]").values[0], 1.0f);
}

TEST(Parse, SaysWhatIsWrong) {
  struct {
    const char* text;
    ParseStatus status;
  } cases[] = {
      {"", ParseStatus::no_opening},
      {" ", ParseStatus::no_opening},
      {"1,2", ParseStatus::no_opening},
      {"{1}", ParseStatus::no_opening},
      {"]", ParseStatus::no_opening},
      {"[", ParseStatus::syntax},
      {"[1", ParseStatus::syntax},
      {"[1,", ParseStatus::syntax},
      {"[1,]", ParseStatus::syntax},
      {"[,1]", ParseStatus::syntax},
      {"[1,,2]", ParseStatus::syntax},
      {"[1 2]", ParseStatus::syntax},
      {"[x]", ParseStatus::syntax},
      {"[1a]", ParseStatus::syntax},
      {"[1e]", ParseStatus::syntax},
      {"[--1]", ParseStatus::syntax},
      {"[+-1]", ParseStatus::syntax},
      {"[-]", ParseStatus::syntax},
      {"[.]", ParseStatus::syntax},
      {"[[1]]", ParseStatus::syntax},
      {"[]", ParseStatus::empty},
      {" [ ] ", ParseStatus::empty},
      {"[]]", ParseStatus::empty},
      {"[1]]", ParseStatus::trailing_junk},
      {"[1] 2", ParseStatus::trailing_junk},
      {"[1],", ParseStatus::trailing_junk},
      {"[nan]", ParseStatus::not_a_number},
      {"[1,-NaN(7)]", ParseStatus::not_a_number},
      {"[inf]", ParseStatus::infinite},
      {"[1,-Infinity]", ParseStatus::infinite},
      {"[nan,x]", ParseStatus::not_a_number},
      {"[x,nan]", ParseStatus::syntax},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(parse(c.text).status, c.status) << c.text;
  }
}

TEST(Parse, NamesTheNumberOutOfRange) {
  Parsed parsed = parse("[1, -4e38 ,2]");
  EXPECT_EQ(parsed.status, ParseStatus::out_of_range);
  EXPECT_EQ(parsed.token, "-4e38");
  // The first number that rounds beyond the largest float, and the last that does not.
  EXPECT_EQ(parse("[3.4028235677973367e38]").status, ParseStatus::out_of_range);
  EXPECT_EQ(parse("[3.4028235677973366e38]").values[0], std::numeric_limits<float>::max());
  EXPECT_EQ(parse("[0x1p128]").token, "0x1p128");
}

TEST(Parse, HoldsTheLimit) {
  std::string text = "[1";
  for (int i = 1; i < 16000; ++i) text += ",1";
  EXPECT_EQ(parse(text + "]").values.size(), 16000u);
  EXPECT_EQ(parse(text + ",1]").status, ParseStatus::too_many);
  EXPECT_EQ(parse(text + ",").status, ParseStatus::too_many);
  EXPECT_EQ(parse("[1,2]", 1).status, ParseStatus::too_many);
  EXPECT_EQ(count_elements_at_most("[]", 10), 1);
  EXPECT_EQ(count_elements_at_most("[1,2,3]", 10), 3);
  EXPECT_EQ(count_elements_at_most(",,,,,,,,,,,,,,", 10), 10);
}

TEST(Parse, OutOfRangeOfANarrowerType) {
  float out[2];
  const auto read = [&](const char* text) { return parse_vector(text, out, 2, 65520); };
  EXPECT_EQ(read("[65519.99,-65519.99]").status, ParseStatus::ok);
  EXPECT_EQ(read("[65520]").status, ParseStatus::out_of_range);
  EXPECT_EQ(read("[1,-1e9]").status, ParseStatus::out_of_range);
  EXPECT_EQ(read("[inf]").status, ParseStatus::infinite);
  EXPECT_EQ(read("[1e39]").status, ParseStatus::out_of_range);
}

struct SparseParsed {
  ParseStatus status;
  int dims;
  std::vector<std::pair<int, float>> elements;
  std::string token;
  bool operator==(const SparseParsed&) const = default;
};

SparseParsed sparse(const std::string& text) {
  const int room = count_elements_at_most(text.c_str(), 1000);
  std::vector<SparseElement> out(static_cast<size_t>(room));
  int count = 0;
  const ParseResult result = parse_sparse(text.c_str(), out.data(), &count);
  SparseParsed parsed = {result.status, result.dims, {}, {}};
  for (int i = 0; i < count; ++i) parsed.elements.emplace_back(out[i].index, out[i].value);
  if (result.token != nullptr) parsed.token = std::string(result.token, result.token_bytes);
  return parsed;
}

TEST(ParseSparse, ReadsElementsAsTheyCome) {
  EXPECT_EQ(sparse("{1:1.5,3:-2}/5"), (SparseParsed{ParseStatus::ok, 5, {{0, 1.5f}, {2, -2}}, {}}));
  EXPECT_EQ(sparse(" { 9 : 1 ,\t2:0, 1:-0,+3:0x10 } / 7 \n"),
            (SparseParsed{ParseStatus::ok, 7, {{8, 1}, {2, 16}}, {}}));
  EXPECT_EQ(sparse("{}/3"), (SparseParsed{ParseStatus::ok, 3, {}, {}}));
  EXPECT_EQ(sparse("{-5:1,99999999999999999999:2}/-1"),
            (SparseParsed{ParseStatus::ok, -1, {{-6, 1}, {INT_MAX - 1, 2}}, {}}));
  EXPECT_EQ(sparse("{-99999999999999999999:1}/99999999999"),
            (SparseParsed{ParseStatus::ok, INT_MAX, {{INT_MIN, 1}}, {}}));
}

TEST(ParseSparse, SaysWhatIsWrong) {
  const struct {
    const char* text;
    ParseStatus status;
  } cases[] = {
      {"", ParseStatus::no_opening},
      {"[1]", ParseStatus::no_opening},
      {"{", ParseStatus::syntax},
      {"{1", ParseStatus::syntax},
      {"{1:", ParseStatus::syntax},
      {"{1:1", ParseStatus::syntax},
      {"{1:1,", ParseStatus::syntax},
      {"{1:0,}/1", ParseStatus::syntax},
      {"{,1:1}/1", ParseStatus::syntax},
      {"{1:1;}/1", ParseStatus::syntax},
      {"{x:1}/1", ParseStatus::syntax},
      {"{1:x}/1", ParseStatus::syntax},
      {"{1 1}/1", ParseStatus::syntax},
      {"{1:1}/", ParseStatus::syntax},
      {"{1:1}/x", ParseStatus::syntax},
      {"{}", ParseStatus::no_dims},
      {"{1:1}2", ParseStatus::no_dims},
      {"{1:1}/2 3", ParseStatus::trailing_junk},
      {"{1:nan}/1", ParseStatus::not_a_number},
      {"{1:-inf}/1", ParseStatus::infinite},
  };
  for (const auto& c : cases) EXPECT_EQ(sparse(c.text).status, c.status) << c.text;
  EXPECT_EQ(sparse("{1:1,2:-1e39 }/2").token, "-1e39");
  EXPECT_EQ(sparse("{1:1e-50}/1").status, ParseStatus::out_of_range);
  EXPECT_EQ(sparse("{1:1e-45}/1").status, ParseStatus::ok);
}

TEST(Format, SpellsFloatsAsPostgresDoes) {
  // What `SELECT x::real` prints.
  struct {
    float value;
    const char* text;
  } cases[] = {
      {0.0f, "0"},
      {-0.0f, "-0"},
      {1.0f, "1"},
      {-1.0f, "-1"},
      {0.1f, "0.1"},
      {100000.0f, "100000"},
      {123456.0f, "123456"},
      {123456.7f, "123456.7"},
      {999999.94f, "999999.94"},
      {1000000.0f, "1e+06"},
      {1234567.0f, "1.234567e+06"},
      {16777216.0f, "1.6777216e+07"},
      {0.0001f, "0.0001"},
      {0.00012345f, "0.00012345"},
      {0.00001f, "1e-05"},
      {1.5e-38f, "1.5e-38"},
      {1e-45f, "1e-45"},
      {std::numeric_limits<float>::min(), "1.1754944e-38"},
      {std::numeric_limits<float>::max(), "3.4028235e+38"},
      // Six digits would do for these by the reader's rounding of ties.
      {67115296.0f, "6.7115296e+07"},
      {-67121504.0f, "-6.7121504e+07"},
      {8589973504.0f, "8.589974e+09"},
  };
  for (const auto& c : cases) EXPECT_EQ(format(c.value), c.text);
}

void check_round_trip(float value) {
  std::string text = format(value);
  Parsed parsed = parse("[" + text + "]");
  ASSERT_EQ(parsed.status, ParseStatus::ok) << text;
  ASSERT_EQ(bits(parsed.values[0]), bits(value)) << text;

  // Not longer than needed: one digit less, rounded, is another float or a tie.
  int digits = 0;
  for (char c : text.substr(0, text.find('e'))) digits += c >= '0' && c <= '9';
  size_t zeros = text.find_first_not_of("-0.");
  if (zeros == std::string::npos) return;
  for (char c : text.substr(0, zeros)) digits -= c == '0';
  if (digits < 2 || text.find_first_of("e.") == std::string::npos) return;
  char shorter[32];
  std::snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, static_cast<double>(value));
  if (bits(std::strtof(shorter, nullptr)) == bits(value)) {
    double read = std::strtod(shorter, nullptr);
    double up = (static_cast<double>(value) + std::nextafter(value, HUGE_VALF)) / 2;
    double down = (static_cast<double>(value) + std::nextafter(value, -HUGE_VALF)) / 2;
    ASSERT_TRUE(read == up || read == down) << text << " could be " << shorter;
  }
}

TEST(Format, RoundTripsWithTheFewestDigits) {
  for (uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (uint32_t mantissa : {0u, 1u, 2u, 0x3fffffu, 0x400000u, 0x7ffffeu, 0x7fffffu}) {
      uint32_t pattern = exponent << 23 | mantissa;
      check_round_trip(std::bit_cast<float>(pattern));
      check_round_trip(std::bit_cast<float>(pattern | 0x80000000u));
    }
  }
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isfinite(value)) check_round_trip(value);
    // The range of embeddings.
    check_round_trip(std::ldexp(static_cast<float>(random()), -33));
  }
}

TEST(Format, FillsAtMostTheBytesPromised) {
  std::vector<float> values(100, -std::numeric_limits<float>::min());
  std::vector<char> text(formatted_vector_bytes(100));
  size_t length = format_vector(values.data(), 100, text.data());
  ASSERT_LT(length, text.size());
  EXPECT_EQ(text[length], '\0');
  EXPECT_EQ(parse(std::string(text.data(), length)).values, values);

  char one[formatted_vector_bytes(2)];
  float pair[] = {1, -0.5f};
  EXPECT_EQ(format_vector(pair, 2, one), std::strlen("[1,-0.5]"));
  EXPECT_STREQ(one, "[1,-0.5]");
}

}  // namespace
}  // namespace avq
