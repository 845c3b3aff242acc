// Entries in a type of 16 bits, and whether all of them are finite. src/engine/entries.test.ts compares the bits with libtorch's conversion.
#include "narrowing.h"

#include <ATen/Parallel.h>
#include <torch/library.h>

#include <atomic>
#include <bit>
#include <tuple>

#include "clones.h"
#include "entries.h"

namespace evergreen {

namespace {

using at::Tensor;

constexpr uint16_t kHalfExponent = 0x7c00, kBFloat16Exponent = 0x7f80;

/** Whether some entry has all bits of the exponent: it is infinite or no number. */
template <typename Bits>
EVERGREEN_CLONES bool hasOdd(const Bits* __restrict entries, Bits exponent, int64_t n) {
  Bits odd = 0;
  for (int64_t i = 0; i < n; i++) odd |= static_cast<Bits>((entries[i] & exponent) == exponent);
  return odd != 0;
}

/** What toBFloat16 does, for float16. */
EVERGREEN_CLONES bool toHalf(at::Half* __restrict to, const float* __restrict from, int64_t n) {
  uint32_t odd = 0;
  for (int64_t i = 0; i < n; i++) {
    to[i].x = c10::detail::fp16_ieee_from_fp32_value(from[i]);
    odd |= static_cast<uint32_t>((to[i].x & kHalfExponent) == kHalfExponent);
  }
  return odd != 0;
}

/** True when no entry of a dense tensor on the processor is infinite or no number. */
bool isFinite(const Tensor& entries) {
  const char* name = "evergreen::is_finite";
  checkStored(name, entries, entriesOf(name, entries));
  TORCH_CHECK(!entries.is_meta(), name, ": entries on meta have no values");
  const auto flat = entries.contiguous().view(-1);
  const auto type = flat.scalar_type();
  const void* first = flat.const_data_ptr();
  std::atomic<bool> odd{false};
  eachTile(1, flat.numel(), kLightTiles, [&](size_t, int64_t from, int64_t n) {
    const bool found = type == at::kFloat ? hasOdd<uint32_t>(static_cast<const uint32_t*>(first) + from, 0x7f800000, n)
                                          : hasOdd<uint16_t>(static_cast<const uint16_t*>(first) + from, type == at::kHalf ? kHalfExponent : kBFloat16Exponent, n);
    if (found) odd = true;
  });
  return !odd;
}

/** float32 entries of any shape and device in float16 or bfloat16 on the processor, and whether all of these are finite. */
std::tuple<Tensor, bool> narrow(const Tensor& entries, at::ScalarType type) {
  const char* name = "evergreen::narrow";
  TORCH_CHECK(!entries.is_meta(), name, ": entries on meta have no values");
  TORCH_CHECK(entries.scalar_type() == at::kFloat && (type == at::kHalf || type == at::kBFloat16), name, ": expected float32 to float16 or bfloat16, got ", entries.scalar_type(), " to ", type);
  const auto given = entries.to(at::kCPU).contiguous();
  auto result = at::empty(given.sizes(), given.options().dtype(type));
  const auto* from = given.const_data_ptr<float>();
  void* const to = result.mutable_data_ptr();
  std::atomic<bool> odd{false};
  eachTile(1, given.numel(), kLightTiles / 4, [&](size_t, int64_t first, int64_t n) {
    if (type == at::kHalf ? toHalf(static_cast<at::Half*>(to) + first, from + first, n) : toBFloat16(static_cast<at::BFloat16*>(to) + first, from + first, n)) odd = true;
  });
  return {result, !odd};
}

}  // namespace

EVERGREEN_CLONES bool toBFloat16(at::BFloat16* __restrict to, const float* __restrict from, int64_t n) {
  uint32_t odd = 0;
  for (int64_t i = 0; i < n; i++) {
    const auto bits = std::bit_cast<uint32_t>(from[i]);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const uint32_t kept = (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded;
    odd |= static_cast<uint32_t>((kept & kBFloat16Exponent) == kBFloat16Exponent);
    to[i].x = static_cast<uint16_t>(kept);
  }
  return odd != 0;
}

TORCH_LIBRARY_FRAGMENT(evergreen, library) {
  library.def("is_finite(Tensor entries) -> bool", isFinite);
  library.def("narrow(Tensor entries, ScalarType dtype) -> (Tensor, bool)", narrow);
}

}  // namespace evergreen
