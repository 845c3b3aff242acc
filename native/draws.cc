// Draws by entry: Philox 4×32-10 (Salmon et al., SC 2011) at counters (0, entry, step, task), as src/util/random.ts addresses them. Its `philox` is the reference.
#include <torch/library.h>

#include <cmath>
#include <cstdint>

#include "clones.h"
#include "entries.h"

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

/** Draws that go through the rounds side by side: their words stay in the first cache. */
constexpr int64_t kLanes = 64;

/** The first words at entries `at.entry` … + n − 1; entries count modulo 2³². */
EVERGREEN_CLONES void firstWords(uint32_t* __restrict words, const Place at, int64_t n) {
  // Words of 32 bits in memory between rounds: of a loop over whole draws compilers make 64-bit products, which are slower.
  alignas(64) uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int64_t from = 0; from < n; from += kLanes) {
    for (int64_t i = 0; i < kLanes; i++) {
      c0[i] = 0;
      c1[i] = at.entry + static_cast<uint32_t>(from + i);
      c2[i] = at.step;
      c3[i] = at.task;
    }
    uint32_t key0 = at.key0, key1 = at.key1;
    for (int round = 0; round < 10; round++) {
      for (int64_t i = 0; i < kLanes; i++) {
        const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0[i], p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2[i];
        c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ key0;
        c1[i] = static_cast<uint32_t>(p1);
        c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ key1;
        c3[i] = static_cast<uint32_t>(p0);
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    std::copy_n(c0, std::min(kLanes, n - from), words + from);
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
