// Draws by entry: Philox 4×32-10 (Salmon et al., SC 2011) at counters (0, entry, step, task), as src/util/random.ts addresses them. Its `philox` is the reference.
#include <torch/library.h>

#include <cmath>
#include <cstdint>

#include "clones.h"
#include "entries.h"

#ifdef EVERGREEN_AVX2
#include <immintrin.h>
#endif

namespace evergreen {

namespace {

using at::Tensor;

/** A key's two words, and the entry, step and task of the first draw. */
struct Place {
  uint32_t key0, key1, entry, step, task;
};

Place placeOf(const char* name, at::IntArrayRef key, at::IntArrayRef counter) {
  TORCH_CHECK(key.size() == 2 && counter.size() == 3, name, ": expected two words of key and three of counter, got ", key.size(), " and ", counter.size());
  const auto word = [name](int64_t value) {
    TORCH_CHECK(value >= 0 && value <= 0xFFFFFFFF, name, ": expected words of 32 bits, got ", value);
    return static_cast<uint32_t>(value);
  };
  return {word(key[0]), word(key[1]), word(counter[0]), word(counter[1]), word(counter[2])};
}

constexpr uint32_t kFactor0 = 0xD2511F53u, kFactor1 = 0xCD9E8D57u, kStep0 = 0x9E3779B9u, kStep1 = 0xBB67AE85u;

uint32_t high(uint32_t a, uint32_t b) { return static_cast<uint32_t>(static_cast<uint64_t>(a) * b >> 32); }

#ifdef EVERGREEN_AVX2
/** Draws of one vector: a word in the lower half of each lane; what lies above it is never looked at. */
struct Words {
  __m256i c0, c1, c2, c3;
};

EVERGREEN_AVX2 __m256i all(uint32_t word) { return _mm256_set1_epi64x(word); }

/**
 * The first words of four draws that differ in their entries alone. The first two rounds leave c0 and c1 the same for all of them and cost one product; seven rounds are
 * taken in full, the last one for its first word.
 */
EVERGREEN_AVX2 __m256i firstWordsOf(__m256i entries, const Place at) {
  const __m256i factor0 = all(kFactor0), factor1 = all(kFactor1);
  uint32_t key0 = at.key0, key1 = at.key1;
  const uint32_t shared1 = kFactor1 * at.step, shared2 = at.task ^ key1;
  const __m256i product = _mm256_mul_epu32(_mm256_xor_si256(entries, all(high(kFactor1, at.step) ^ key0)), factor0);
  key0 += kStep0, key1 += kStep1;
  const uint32_t c0 = high(kFactor1, shared2) ^ shared1 ^ key0;
  Words words = {all(c0), all(kFactor1 * shared2), _mm256_xor_si256(_mm256_srli_epi64(product, 32), all(key1)), product};
  for (int round = 3; round < 10; round++) {
    key0 += kStep0, key1 += kStep1;
    const __m256i p0 = _mm256_mul_epu32(words.c0, factor0), p1 = _mm256_mul_epu32(words.c2, factor1);
    words = {_mm256_xor_si256(_mm256_srli_epi64(p1, 32), _mm256_xor_si256(words.c1, all(key0))), p1,
             _mm256_xor_si256(_mm256_srli_epi64(p0, 32), _mm256_xor_si256(words.c3, all(key1))), p0};
  }
  return _mm256_xor_si256(_mm256_srli_epi64(_mm256_mul_epu32(words.c2, factor1), 32), _mm256_xor_si256(words.c1, all(key0 + kStep0)));
}

/** Eight draws a turn. The lanes of two vectors are such that their lower halves lie in order once they are put together. */
EVERGREEN_AVX2 void eightsOfFirstWords(uint32_t* words, const Place at, int64_t n) {
  const __m256i one = _mm256_setr_epi64x(0, 1, 4, 5), other = _mm256_setr_epi64x(2, 3, 6, 7);
  for (int64_t from = 0; from + 8 <= n; from += 8) {
    const __m256i entry = all(at.entry + static_cast<uint32_t>(from));
    const __m256 a = _mm256_castsi256_ps(firstWordsOf(_mm256_add_epi64(entry, one), at)), b = _mm256_castsi256_ps(firstWordsOf(_mm256_add_epi64(entry, other), at));
    const __m256i eight = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(words + from), eight);
  }
}
#endif

/** The first words at entries `at.entry` … + n − 1; entries count modulo 2³². */
void firstWords(uint32_t* words, const Place at, int64_t n) {
  int64_t i = 0;
#ifdef EVERGREEN_AVX2
  static const bool wide = __builtin_cpu_supports("avx2");
  if (wide) {
    eightsOfFirstWords(words, at, n);
    i = n / 8 * 8;
  }
#endif
  for (; i < n; i++) {
    uint32_t c0 = 0, c1 = at.entry + static_cast<uint32_t>(i), c2 = at.step, c3 = at.task, key0 = at.key0, key1 = at.key1;
    for (int round = 0; round < 10; round++) {
      const uint32_t next0 = high(kFactor1, c2) ^ c1 ^ key0, next2 = high(kFactor0, c0) ^ c3 ^ key1;
      c1 = kFactor1 * c2;
      c3 = kFactor0 * c0;
      c0 = next0;
      c2 = next2;
      key0 += kStep0;
      key1 += kStep1;
    }
    words[i] = c0;
  }
}

/** First words of `size` draws, their bits as int32 [size]. */
Tensor philoxWords(at::IntArrayRef key, at::IntArrayRef counter, int64_t size) {
  const char* name = "evergreen::philox_words";
  const auto place = placeOf(name, key, counter);
  TORCH_CHECK(size >= 0, name, ": expected a size of at least 0, got ", size);
  auto result = at::empty({size}, at::kInt);
  auto* words = reinterpret_cast<uint32_t*>(result.mutable_data_ptr<int32_t>());
  eachTile(1, size, 1, [&](size_t, int64_t from, int64_t n) {
    auto own = place;
    own.entry += static_cast<uint32_t>(from);
    firstWords(words + from, own, n);
  });
  return result;
}

/** A product with 0 or 1, so that an entry that is not finite stays one, and a division. */
EVERGREEN_CLONES void keepSome(float* __restrict entries, const uint32_t* __restrict words, uint32_t limit, float share, int64_t n) {
  for (int64_t i = 0; i < n; i++) entries[i] = entries[i] * ((words[i] >> 8) < limit ? 0.0f : 1.0f) / share;
}

/** Drops each entry of the rows [n, size] with probability `drop`, and divides what stays by 1 − drop, in place. Row i draws at step + i. */
void dropByLot(const Tensor& rows, at::IntArrayRef key, at::IntArrayRef counter, double drop) {
  const char* name = "evergreen::drop_by_lot_";
  checkTarget(name, rows, at::kFloat);
  const auto place = placeOf(name, key, counter);
  TORCH_CHECK(drop >= 0 && drop < 1, name, ": expected a probability below 1, got ", drop);
  if (rows.is_meta()) return;
  // A draw u·2⁻²⁴ lies below `drop` where the whole number u lies below this.
  const auto limit = static_cast<uint32_t>(std::ceil(drop * 0x1p24));
  const auto share = static_cast<float>(1 - drop);
  float* all = rows.mutable_data_ptr<float>();
  const int64_t size = rows.size(1);
  eachTile(static_cast<size_t>(rows.size(0)), size, 1, [&](size_t row, int64_t from, int64_t n) {
    uint32_t words[kTile];
    auto own = place;
    own.entry += static_cast<uint32_t>(from);
    own.step += static_cast<uint32_t>(row);
    firstWords(words, own, n);
    keepSome(all + static_cast<int64_t>(row) * size + from, words, limit, share, n);
  });
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(evergreen, library) {
  library.def("philox_words(int[] key, int[] counter, int size) -> Tensor", philoxWords);
  library.def("drop_by_lot_(Tensor(a!) rows, int[] key, int[] counter, float drop) -> ()", dropByLot);
}

}  // namespace evergreen
