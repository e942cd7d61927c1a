// The scan of 4-bit codes, after "quick ADC" (André, Kermarrec, Le Scouarnec, VLDB 2016 and PAMI
// 2019): a subspace's table of 16 bytes fits a register, and one byte shuffle looks up 16 rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_scan.cpp"
#include "hwy/foreach_target.h"
//
#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "core/kernels_inl.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

// So many entries add up to less than 2^16.
template <bool kSmall>
constexpr size_t kSubspacesPer16Bits = kSmall ? 65535 / kSmallEntry : 65535 / 255;

#if HWY_TARGET == HWY_SCALAR

// sums[j] = sum of row j's table entries over `subspaces` <= kSubspacesPer16Bits code rows. kSmall:
// no entry exceeds kSmallEntry.
template <bool kSmall>
HWY_INLINE void sum_codes(const uint8_t* codes, const uint8_t* lut, size_t subspaces,
                          uint16_t* sums) {
  for (size_t j = 0; j < kBlockRows; ++j) sums[j] = 0;
  for (size_t m = 0; m < subspaces; ++m) {
    for (size_t j = 0; j < kCodeRowBytes; ++j) {
      const uint8_t pair = codes[m * kCodeRowBytes + j];
      sums[j] += lut[m * kCodeRowBytes + (pair & 15)];
      sums[j + 16] += lut[m * kCodeRowBytes + (pair >> 4)];
    }
  }
}

#else

#if HWY_HAVE_SCALABLE
using Bytes = hn::FixedTag<uint8_t, 16>;
#else
using Bytes = hn::CappedTag<uint8_t, 64>;
#endif

// One code row or table in the lowest 16 bytes, zeros above: zero codes look up zero tables there.
template <class D>
HWY_INLINE hn::Vec<D> load_one(D d, const uint8_t* from) {
  if constexpr (hn::MaxLanes(D()) <= kCodeRowBytes) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    return hn::ZeroExtendVector(d, load_one(half, from));
  }
}

// The sums of the vectors' 16-byte blocks: low's into the first 8 numbers of the result, high's
// into the next 8.
template <class D16>
HWY_INLINE auto add_blocks(D16 d16, hn::Vec<D16> low, hn::Vec<D16> high) {
  const hn::Half<D16> half;
  if constexpr (hn::MaxLanes(D16()) == 16) {
    return hn::Add(hn::ConcatLowerLower(d16, high, low), hn::ConcatUpperUpper(d16, high, low));
  } else {
    return add_blocks(half, hn::Add(hn::LowerHalf(half, low), hn::UpperHalf(half, low)),
                      hn::Add(hn::LowerHalf(half, high), hn::UpperHalf(half, high)));
  }
}

// Bytes are added without being taken apart: `all` sums pairs of bytes as 16-bit numbers (carries
// of the lower byte run into the upper one, modulo 2^16), `odd` the upper bytes alone. What
// remains of `all` after taking away the upper bytes is the sum of the lower ones. Here the even
// and odd rows are put back in order.
template <class D16>
HWY_INLINE void store_pairs(D16 d16, hn::Vec<D16> all, hn::Vec<D16> odd, uint16_t* sums) {
  const auto even = hn::Sub(all, hn::ShiftLeft<8>(odd));
  const auto first = hn::InterleaveLower(d16, even, odd);
  const auto second = hn::InterleaveUpper(d16, even, odd);
  if constexpr (hn::MaxLanes(D16()) == 16) {
    const hn::Half<D16> half;
    hn::StoreU(hn::LowerHalf(half, first), half, sums);
    hn::StoreU(hn::LowerHalf(half, second), half, sums + 8);
    hn::StoreU(hn::UpperHalf(half, first), half, sums + 16);
    hn::StoreU(hn::UpperHalf(half, second), half, sums + 24);
  } else {
    hn::StoreU(first, d16, sums);
    hn::StoreU(second, d16, sums + 8);
  }
}

template <class D16>
HWY_INLINE void store_sums(D16 d16, hn::Vec<D16> low_all, hn::Vec<D16> low_odd,
                           hn::Vec<D16> high_all, hn::Vec<D16> high_odd, uint16_t* sums) {
  if constexpr (hn::MaxLanes(D16()) > 8) {
    const hn::CappedTag<uint16_t, 16> sixteen;
    store_pairs(sixteen, add_blocks(d16, low_all, high_all), add_blocks(d16, low_odd, high_odd),
                sums);
  } else {
    store_pairs(d16, low_all, low_odd, sums);
    store_pairs(d16, high_all, high_odd, sums + 16);
  }
}

// sums[j] = sum of row j's table entries over `subspaces` <= kSubspacesPer16Bits code rows. kSmall:
// no entry exceeds kSmallEntry.
template <bool kSmall>
HWY_INLINE void sum_codes(const uint8_t* HWY_RESTRICT codes, const uint8_t* HWY_RESTRICT lut,
                          size_t subspaces, uint16_t* HWY_RESTRICT sums) {
  const Bytes d;
  const hn::Repartition<uint16_t, Bytes> d16;
  const size_t step = hn::Lanes(d);
  const size_t size = subspaces * kCodeRowBytes;
  const auto nibble = hn::Set(d, uint8_t{15});
  auto low_all = hn::Zero(d16), low_odd = low_all, high_all = low_all, high_odd = low_all;
  using V = hn::Vec<Bytes>;
  const auto look_up = [&](V pairs, V table, V& low, V& high) HWY_ATTR {
    const auto high_codes = hn::BitCast(d, hn::ShiftRight<4>(hn::BitCast(d16, pairs)));
    low = hn::TableLookupBytes(table, hn::And(pairs, nibble));
    high = hn::TableLookupBytes(table, hn::And(high_codes, nibble));
  };
  const auto widen = [&](V low_bytes, V high_bytes) HWY_ATTR {
    const auto low = hn::BitCast(d16, low_bytes), high = hn::BitCast(d16, high_bytes);
    low_all = hn::Add(low_all, low);
    high_all = hn::Add(high_all, high);
    low_odd = hn::Add(low_odd, hn::ShiftRight<8>(low));
    high_odd = hn::Add(high_odd, hn::ShiftRight<8>(high));
  };
  const auto add = [&](V pairs, V table) HWY_ATTR {
    V low, high;
    look_up(pairs, table, low, high);
    widen(low, high);
  };
  size_t i = 0;
  if constexpr (kSmall) {  // four entries fit a byte: a fifth less work
    for (; i + 4 * step <= size; i += 4 * step) {
      V low0, low1, low2, low3, high0, high1, high2, high3;
      look_up(hn::LoadU(d, codes + i), hn::LoadU(d, lut + i), low0, high0);
      look_up(hn::LoadU(d, codes + i + step), hn::LoadU(d, lut + i + step), low1, high1);
      look_up(hn::LoadU(d, codes + i + 2 * step), hn::LoadU(d, lut + i + 2 * step), low2, high2);
      look_up(hn::LoadU(d, codes + i + 3 * step), hn::LoadU(d, lut + i + 3 * step), low3, high3);
      widen(hn::Add(hn::Add(low0, low1), hn::Add(low2, low3)),
            hn::Add(hn::Add(high0, high1), hn::Add(high2, high3)));
    }
  }
  for (; i + step <= size; i += step) add(hn::LoadU(d, codes + i), hn::LoadU(d, lut + i));
  for (; i < size; i += kCodeRowBytes) add(load_one(d, codes + i), load_one(d, lut + i));
  store_sums(d16, low_all, low_odd, high_all, high_odd, sums);
}

#endif

template <class D>
HWY_INLINE hn::Vec<D> load_sums(D d, const uint16_t* sums) {
  const hn::Rebind<uint16_t, D> halves;
  const hn::Rebind<int32_t, D> words;
  return hn::ConvertTo(d, hn::PromoteTo(words, hn::LoadU(halves, sums)));
}

template <class D>  // sums stay below 2^24
HWY_INLINE hn::Vec<D> load_sums(D d, const int32_t* sums) {
  const hn::Rebind<int32_t, D> words;
  return hn::ConvertTo(d, hn::LoadU(words, sums));
}

template <class Sum>
HWY_INLINE uint32_t keys_of(const Sum* HWY_RESTRICT sums, const uint16_t* HWY_RESTRICT scales,
                            const float* HWY_RESTRICT offsets, const ScanParams& params,
                            float* HWY_RESTRICT keys) {
  const Floats d;
  const hn::Rebind<uint16_t, Floats> halves;
  const hn::Rebind<uint32_t, Floats> words;
  const size_t lanes = hn::Lanes(d);
  const auto step = hn::Set(d, params.step);
  const auto base = hn::Set(d, params.base);
  const auto list_score = hn::Set(d, params.list_score);
  const auto threshold = hn::Set(d, params.threshold);
  auto survives = hn::FirstN(d, 0);
  for (size_t j = 0; j < kBlockRows; j += lanes) {
    const auto scale_bits = hn::PromoteTo(words, hn::LoadU(halves, scales + j));
    const auto scale = hn::BitCast(d, hn::ShiftLeft<16>(scale_bits));
    const auto product = hn::MulAdd(step, load_sums(d, sums + j), base);
    auto key = hn::MulAdd(scale, product, list_score);
    if (offsets != nullptr) key = hn::Sub(key, hn::LoadU(d, offsets + j));
    hn::StoreU(key, d, keys + j);
    survives = hn::Or(survives, hn::Ge(key, threshold));
  }
  if (HWY_LIKELY(hn::AllFalse(d, survives))) return 0;
  uint32_t mask = 0;
  for (size_t j = 0; j < kBlockRows; j += lanes) {
    uint8_t bits[8] = {0};
    hn::StoreMaskBits(d, hn::Ge(hn::LoadU(d, keys + j), threshold), bits);
    mask |= (bits[0] | static_cast<uint32_t>(bits[1]) << 8) << j;
  }
  return mask;
}

template <bool kSmall>
HWY_INLINE void add_sums(const uint8_t* codes, const uint8_t* lut, size_t subspaces,
                         int32_t* sums) {
  constexpr size_t kPart = kSubspacesPer16Bits<kSmall>;
  HWY_ALIGN uint16_t part[kBlockRows];
  for (size_t m = 0; m < subspaces; m += kPart) {
    sum_codes<kSmall>(codes + m * kCodeRowBytes, lut + m * kCodeRowBytes,
                      HWY_MIN(kPart, subspaces - m), part);
    for (size_t j = 0; j < kBlockRows; ++j) sums[j] += part[j];
  }
}

template <bool kSmall>
HWY_INLINE uint32_t score(const uint8_t* codes, size_t subspaces, const uint16_t* scales,
                          const float* offsets, const ScanParams& params, float* keys) {
  if (HWY_LIKELY(subspaces <= kSubspacesPer16Bits<kSmall>)) {
    HWY_ALIGN uint16_t sums[kBlockRows];
    sum_codes<kSmall>(codes, params.lut, subspaces, sums);
    return keys_of(sums, scales, offsets, params, keys);
  }
  HWY_ALIGN int32_t sums[kBlockRows] = {0};
  add_sums<kSmall>(codes, params.lut, subspaces, sums);
  return keys_of(sums, scales, offsets, params, keys);
}

uint32_t score_block(const uint8_t* codes, size_t subspaces, const uint16_t* scales,
                     const float* offsets, const ScanParams& params, float* keys) {
  if (params.max_entry <= kSmallEntry) {
    return score<true>(codes, subspaces, scales, offsets, params, keys);
  }
  return score<false>(codes, subspaces, scales, offsets, params, keys);
}

void add_code_sums(const uint8_t* codes, size_t first, size_t count, const ScanParams& params,
                   int32_t* sums) {
  const uint8_t* lut = params.lut + first * kCodeRowBytes;
  if (params.max_entry <= kSmallEntry) {
    add_sums<true>(codes, lut, count, sums);
  } else {
    add_sums<false>(codes, lut, count, sums);
  }
}

uint32_t score_sums(const int32_t* sums, const uint16_t* scales, const float* offsets,
                    const ScanParams& params, float* keys) {
  return keys_of(sums, scales, offsets, params, keys);
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(score_block);
AVQ_KERNEL(add_code_sums);
AVQ_KERNEL(score_sums);

namespace kernels {
void choose_scan() noexcept {
  AVQ_CHOOSE(score_block);
  AVQ_CHOOSE(add_code_sums);
  AVQ_CHOOSE(score_sums);
}
}  // namespace kernels

uint32_t score_block(const uint8_t* codes, size_t subspaces, const uint16_t* scales,
                     const float* offsets, const ScanParams& params, float* keys) noexcept {
  return chosen_score_block(codes, subspaces, scales, offsets, params, keys);
}

void add_code_sums(const uint8_t* codes, size_t first, size_t count, const ScanParams& params,
                   int32_t* sums) noexcept {
  chosen_add_code_sums(codes, first, count, params, sums);
}

uint32_t score_sums(const int32_t* sums, const uint16_t* scales, const float* offsets,
                    const ScanParams& params, float* keys) noexcept {
  return chosen_score_sums(sums, scales, offsets, params, keys);
}

}  // namespace avq
#endif
