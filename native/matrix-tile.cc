// Products of single samples in bfloat16 by the matrix registers of processors that have them (AMX): products are summed in float32.
#include "sample-tile.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#define EVERGREEN_AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl")))

namespace evergreen {

namespace {

/** Rows and 32-bit columns of a register: a float32, or two entries of bfloat16 from places one after the other. */
constexpr int64_t side = 16, places = 2 * side;

bool isThere() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned products = 1u << 22, registers = 1u << 24;
  if ((d & products) == 0 || (d & registers) == 0) return false;
  // The system keeps room for the registers of a process that asks.
  constexpr long ask = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, ask, tileData) == 0;
}

/** 16 entries at a place, widened to 32 bits; zeros beyond `count`. */
EVERGREEN_AMX inline __m512i entriesAt(const uint16_t* source, int64_t ofEntry, int64_t count) {
  if (ofEntry == 1) return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(static_cast<__mmask16>(count >= side ? 0xffff : (1 << count) - 1), source));
  alignas(64) uint32_t gathered[side] = {};
  for (int64_t i = 0; i < std::min(count, side); i++) gathered[i] = source[i * ofEntry];
  return _mm512_load_si512(gathered);
}

/** The same of two places one after the other, the later one in the upper half; zeros where there is none. */
EVERGREEN_AMX inline __m512i pairsAt(const uint16_t* source, const SampleRows& rows, int64_t left, int64_t count) {
  if (left <= 0) return _mm512_setzero_si512();
  const __m512i first = entriesAt(source, rows.ofEntry, count);
  return left == 1 ? first : _mm512_or_si512(first, _mm512_slli_epi32(entriesAt(source + rows.ofPlace, rows.ofEntry, count), 16));
}

/** Rows become columns. */
EVERGREEN_AMX inline void turn(__m512i (&m)[side]) {
  __m512i t[side];
  for (int i = 0; i < side; i += 2) {
    t[i] = _mm512_unpacklo_epi32(m[i], m[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(m[i], m[i + 1]);
  }
  for (int i = 0; i < side; i += 4)
    for (int j = 0; j < 2; j++) {
      m[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      m[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  for (int i = 0; i < side; i += 8)
    for (int j = 0; j < 4; j++) {
      t[i + j] = _mm512_shuffle_i32x4(m[i + j], m[i + j + 4], 0x88);
      t[i + j + 4] = _mm512_shuffle_i32x4(m[i + j], m[i + j + 4], 0xdd);
    }
  for (int j = 0; j < 8; j++) {
    m[j] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88);
    m[j + 8] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0xdd);
  }
}

/** Registers of 16 entries and 32 places, one behind another: [entries / 16][places / 32]; rows are pairs of places, or entries where they are turned. */
template <bool Turned>
EVERGREEN_AMX void pack(void* into, const SampleRows& rows, int64_t sample, int64_t length, int64_t first, int64_t count) {
  auto* at = static_cast<__m512i*>(into);
  // A tile has two registers beside each other: the second may be empty.
  for (int64_t from = 0; from < count || from % (2 * side) != 0; from += side)
    for (int64_t l = 0; l < length; l += places, at += side) {
      __m512i pairs[side];
      const uint16_t* source = rows.at<uint16_t>(sample, first) + from * rows.ofEntry + l * rows.ofPlace;
      for (int64_t p = 0; p < side; p++, source += 2 * rows.ofPlace) pairs[p] = pairsAt(source, rows, from < count ? length - l - 2 * p : 0, count - from);
      if (Turned) turn(pairs);
      for (int64_t p = 0; p < side; p++) _mm512_store_si512(at + p, pairs[p]);
    }
}

EVERGREEN_AMX void addTile(float* sums, const void* panelOfG, const void* panelOfX, int64_t length, bool squares) {
  const int64_t deep = (length + places - 1) / places * side * 64;
  const auto *g = static_cast<const char*>(panelOfG), *x = static_cast<const char*>(panelOfX);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t l = 0; l < deep; l += side * 64) {
    _tile_loadd(4, g + l, 64);
    _tile_loadd(6, x + l, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, x + deep + l, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, g + deep + l, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  alignas(64) float own[4 * side * side];
  _tile_stored(0, own, 128);
  _tile_stored(1, own + side, 128);
  _tile_stored(2, own + 2 * side * side, 128);
  _tile_stored(3, own + 2 * side * side + side, 128);
  for (int64_t i = 0; i < 4 * side * side; i += side) {
    const __m512 product = _mm512_load_ps(own + i), sum = _mm512_load_ps(sums + i);
    _mm512_store_ps(sums + i, squares ? _mm512_fmadd_ps(product, product, sum) : _mm512_add_ps(sum, _mm512_abs_ps(product)));
  }
}

/** Palette, first row, reserved; bytes of a row and rows of each register. */
struct alignas(64) Settings {
  uint8_t palette = 1, first = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Others of this thread may hold the registers set in their own way.
EVERGREEN_AMX void begin(void* before) {
  _tile_storeconfig(before);
  // In memory for good: the compiler takes the instruction to read its first eight bytes alone.
  static const Settings settings;
  _tile_loadconfig(&settings);
}
EVERGREEN_AMX void end(const void* before) {
  if (*static_cast<const uint8_t*>(before) == 0) _tile_release();
  else _tile_loadconfig(before);
}

}  // namespace

const SampleTile* matrixTile() {
  static const SampleTile tile{2 * side, 2 * side, 448, 576, 4, 2, places, pack<true>, pack<false>, addTile, begin, end};
  static const bool isHere = isThere();
  return isHere ? &tile : nullptr;
}

}  // namespace evergreen

#else

namespace evergreen {
const SampleTile* matrixTile() { return nullptr; }
}  // namespace evergreen

#endif
