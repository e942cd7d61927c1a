// Runs a fuzz target without libFuzzer, so that every compiler can: `driver CASES SEED
// [DIRECTORY]`. Inputs are those of the directory as they are, then mutations of them and of bytes
// at random, the same for the same seed. It aims at nothing (no coverage): a bounded check, not a
// search.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kLongest = 4000;

void run(const std::string& input) {
  // A block of its own, exactly as long: reading beyond it is seen.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[input.size()]);
  std::copy(input.begin(), input.end(), bytes.get());
  LLVMFuzzerTestOneInput(bytes.get(), input.size());
}

std::string mutated(const std::vector<std::string>& inputs, std::mt19937_64& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  std::string value = inputs[below(inputs.size())];
  for (size_t edits = 1 + below(8); edits > 0; edits--) {
    const size_t at = below(value.size() + 1);
    switch (below(5)) {
      case 0:
        value.insert(at, 1 + below(4), static_cast<char>(random()));
        break;
      case 1:
        if (at < value.size()) value[at] ^= static_cast<char>(1 << below(8));
        break;
      case 2:
        value.erase(at, 1 + below(16));
        break;
      case 3: {  // a piece of another input
        const std::string& other = inputs[below(inputs.size())];
        value.insert(at, other, below(other.size() + 1), below(64));
        break;
      }
      default:  // numbers at the ends of their ranges
        for (size_t i = at; i < value.size() && i < at + 4; i++)
          value[i] = below(2) ? '\xff' : '\0';
    }
  }
  if (value.size() > kLongest) value.resize(kLongest);
  return value;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s CASES SEED [DIRECTORY]\n", arguments[0]);
    return 2;
  }
  const long cases = std::atol(arguments[1]);
  std::mt19937_64 random(std::strtoull(arguments[2], nullptr, 10));
  std::vector<std::string> inputs;
  for (size_t length : {0, 1, 16, 64, 500, 4000}) {
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    inputs.push_back(bytes);
  }
  if (count > 3 && std::filesystem::is_directory(arguments[3])) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(arguments[3])) {
      paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  for (const std::string& input : inputs) run(input);
  for (long i = 0; i < cases; i++) run(mutated(inputs, random));
  std::printf("%ld mutations of %zu inputs: no violation\n", cases, inputs.size());
}
