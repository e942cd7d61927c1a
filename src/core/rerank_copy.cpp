#include "core/rerank_copy.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernels.h"

namespace avq {

namespace {

constexpr uint32_t kChunk = 256;  // elements converted at a time, on the stack

float largest_element(const float* vector, uint32_t dims) noexcept {
  float largest = 0;
  for (uint32_t i = 0; i < dims; i++) largest = std::max(largest, std::fabs(vector[i]));
  return largest;
}

// The power of two just above `largest`.
float power_of_two_above(float largest) noexcept {
  if (largest == 0) return 1;
  int exponent;
  std::frexp(largest, &exponent);
  return std::ldexp(1.0f, std::clamp(exponent, -120, 127));
}

CopyHeader header_of(const void* record) noexcept {
  CopyHeader header;
  std::memcpy(&header, record, sizeof(header));
  return header;
}

const char* payload_of(const void* record) noexcept {
  return static_cast<const char*>(record) + sizeof(CopyHeader);
}

void store_half(const float* vector, uint32_t dims, float scale, char* payload) noexcept {
  float scaled[kChunk];
  const float inverse = 1 / scale;  // exact: a power of two
  for (uint32_t at = 0; at < dims; at += kChunk) {
    const uint32_t count = std::min(kChunk, dims - at);
    for (uint32_t i = 0; i < count; i++) scaled[i] = vector[at + i] * inverse;
    uint16_t halves[kChunk];
    float_to_half(scaled, halves, count);
    std::memcpy(payload + at * sizeof(uint16_t), halves, count * sizeof(uint16_t));
  }
}

void store_int8(const float* vector, uint32_t dims, float scale, char* payload) noexcept {
  const float inverse = scale > 0 ? 1 / scale : 0;
  for (uint32_t i = 0; i < dims; i++) {
    const float rounded = std::nearbyint(vector[i] * inverse);
    payload[i] = static_cast<char>(static_cast<int8_t>(std::clamp(rounded, -127.0f, 127.0f)));
  }
}

}  // namespace

uint32_t copy_bytes(Rerank rerank, uint32_t dims) noexcept {
  uint32_t bytes = sizeof(CopyHeader);
  switch (rerank) {
    case Rerank::heap:
      return 0;
    case Rerank::half:
      bytes += dims * 2;
      break;
    case Rerank::int8:
      bytes += dims;
      break;
    case Rerank::float4:
      bytes += dims * 4;
      break;
  }
  return (bytes + 3) & ~3u;
}

void make_copy(Rerank rerank, const float* vector, uint32_t dims, void* record) noexcept {
  char* payload = static_cast<char*>(record) + sizeof(CopyHeader);
  std::memset(record, 0, copy_bytes(rerank, dims));
  CopyHeader header = {1, 0};
  if (rerank == Rerank::half) {
    header.scale = power_of_two_above(largest_element(vector, dims));
    store_half(vector, dims, header.scale, payload);
  } else if (rerank == Rerank::int8) {
    header.scale = largest_element(vector, dims) / 127;
    store_int8(vector, dims, header.scale, payload);
  } else {
    std::memcpy(payload, vector, dims * sizeof(float));
  }
  std::memcpy(record, &header, sizeof(header));

  double error = 0, norm = 0;
  float decoded[kChunk];
  for (uint32_t at = 0; at < dims; at += kChunk) {
    const uint32_t count = std::min(kChunk, dims - at);
    if (rerank == Rerank::half) {
      uint16_t halves[kChunk];
      std::memcpy(halves, payload + at * sizeof(uint16_t), count * sizeof(uint16_t));
      half_to_float(halves, decoded, count);
    } else if (rerank == Rerank::int8) {
      for (uint32_t i = 0; i < count; i++) decoded[i] = static_cast<int8_t>(payload[at + i]);
    } else {
      std::memcpy(decoded, vector + at, count * sizeof(float));
    }
    for (uint32_t i = 0; i < count; i++) {
      const double difference = double(vector[at + i]) - double(decoded[i]) * header.scale;
      error += difference * difference;
      norm += double(vector[at + i]) * vector[at + i];
    }
  }
  // Float sums of d products of random sign err by about sqrt(d) * 2^-24 of |q||x|; four times
  // that.
  const double rounding = std::sqrt(norm) * std::sqrt(double(dims)) * 0x1p-22;
  header.error = static_cast<float>((std::sqrt(error) + rounding) * (1 + 0x1p-20));
  std::memcpy(record, &header, sizeof(header));
}

float copy_dot(Rerank rerank, const float* query, const void* record, uint32_t dims) noexcept {
  const char* payload = payload_of(record);
  const float scale = header_of(record).scale;
  switch (rerank) {
    case Rerank::half:
      return scale * dot_half(query, reinterpret_cast<const uint16_t*>(payload), dims);
    case Rerank::int8:
      return scale * dot_int8(query, reinterpret_cast<const int8_t*>(payload), dims);
    default:
      return dot(query, reinterpret_cast<const float*>(payload), dims);
  }
}

void read_copy_floats(Rerank rerank, const void* record, uint32_t dims, float* out) noexcept {
  const char* payload = payload_of(record);
  const float scale = header_of(record).scale;
  if (rerank == Rerank::half) {
    half_to_float(reinterpret_cast<const uint16_t*>(payload), out, dims);
  } else if (rerank == Rerank::int8) {
    for (uint32_t i = 0; i < dims; i++) out[i] = static_cast<int8_t>(payload[i]);
  } else {
    std::memcpy(out, payload, dims * sizeof(float));
  }
  for (uint32_t i = 0; i < dims; i++) out[i] *= scale;
}

float copy_slack(Rerank rerank, float query_norm, const void* record, uint32_t dims,
                 bool certain) noexcept {
  const float certified = query_norm * header_of(record).error;
  if (certain || rerank == Rerank::float4) return certified;
  constexpr float kDeviations = 2.5f;
  return std::min(certified, certified * kDeviations / std::sqrt(static_cast<float>(dims)));
}

}  // namespace avq
