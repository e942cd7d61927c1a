#pragma once
// Reads the .npy files of the benchmark sets: two dimensions, C order, little endian, float16 or
// int32. Throws std::runtime_error for anything else.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/kernels.h"

namespace avq::bench {

template <class Value>
struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<Value> values;
  const Value* at(size_t row) const { return values.data() + row * columns; }
};

// The raw items of a file whose header names `type`, as in "<f2".
template <class Item>
Matrix<Item> read_npy_items(const std::string& path, const std::string& type) {
  std::ifstream file(path, std::ios::binary);
  char magic[10];
  if (!file.read(magic, sizeof(magic)) || std::string(magic, 6) != "\x93NUMPY" || magic[6] != 1) {
    throw std::runtime_error(path + ": not a version 1 .npy file");
  }
  std::string header(static_cast<uint8_t>(magic[8]) | static_cast<uint8_t>(magic[9]) << 8, ' ');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  Matrix<Item> matrix;
  const size_t shape = header.find('(');
  if (header.find("'" + type + "'") == std::string::npos || shape == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos ||
      std::sscanf(header.c_str() + shape, "(%zu, %zu)", &matrix.rows, &matrix.columns) != 2) {
    throw std::runtime_error(path + ": expected a two-dimensional array of " + type);
  }
  matrix.values.resize(matrix.rows * matrix.columns);
  const auto bytes = static_cast<std::streamsize>(matrix.values.size() * sizeof(Item));
  if (!file.read(reinterpret_cast<char*>(matrix.values.data()), bytes)) {
    throw std::runtime_error(path + ": too short");
  }
  return matrix;
}

inline Matrix<float> read_vectors(const std::string& path) {
  const Matrix<uint16_t> halves = read_npy_items<uint16_t>(path, "<f2");
  Matrix<float> matrix{halves.rows, halves.columns, std::vector<float>(halves.values.size())};
  half_to_float(halves.values.data(), matrix.values.data(), halves.values.size());
  return matrix;
}

inline Matrix<int32_t> read_answers(const std::string& path) {
  return read_npy_items<int32_t>(path, "<i4");
}

}  // namespace avq::bench
