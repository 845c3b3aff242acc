// Trims of task vectors by magnitude, and the election of signs. A float32's magnitude is 31 bits that order as it does.
#include <torch/library.h>

#include <bit>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "clones.h"
#include "entries.h"

namespace evergreen {

namespace {

using at::Tensor;

constexpr int64_t kLowBits = 15;
constexpr size_t kUpperBuckets = 1 << 16, kLowBuckets = 1 << kLowBits;
/** Entries or counters that are looked through at once. */
constexpr int64_t kRun = 128;

uint32_t magnitudeOf(float value) { return std::bit_cast<uint32_t>(value) & 0x7FFFFFFF; }

EVERGREEN_CLONES uint32_t equalOnes(const float* __restrict row, uint32_t magnitude, int64_t n) {
  uint32_t count = 0;
  for (int64_t i = 0; i < n; i++) count += magnitudeOf(row[i]) == magnitude ? 1 : 0;
  return count;
}

EVERGREEN_CLONES bool isAnyOfPrefix(const float* __restrict row, uint32_t prefix, int64_t n) {
  uint32_t count = 0;
  for (int64_t i = 0; i < n; i++) count += magnitudeOf(row[i]) >> kLowBits == prefix ? 1 : 0;
  return count > 0;
}

EVERGREEN_CLONES bool isAllZero(const uint32_t* __restrict counters) {
  uint32_t any = 0;
  for (size_t i = 0; i < kRun; i++) any |= counters[i];
  return any == 0;
}

void countByUpperBits(uint32_t* __restrict counters, const float* __restrict row, int64_t size) {
  for (int64_t i = 0; i < size; i++) counters[magnitudeOf(row[i]) >> kLowBits]++;
}

void countByLowBits(uint32_t* __restrict counters, const float* __restrict row, int64_t size, uint32_t prefix) {
  // A bucket of the upper bits holds few of the entries: most runs have none.
  for (int64_t from = 0; from < size; from += kRun) {
    const int64_t end = std::min(size, from + kRun);
    if (!isAnyOfPrefix(row + from, prefix, end - from)) continue;
    for (int64_t i = from; i < end; i++) {
      const uint32_t magnitude = magnitudeOf(row[i]);
      if (magnitude >> kLowBits == prefix) counters[magnitude & (kLowBuckets - 1)]++;
    }
  }
}

using Counts = std::vector<std::pair<int32_t, int32_t>>;

/** Buckets of one row that are not empty. */
Counts countsOf(const float* row, int64_t size, int64_t known, uint32_t prefix) {
  if (known == 31) return {{0, static_cast<int32_t>(equalOnes(row, prefix, size))}};
  // One a thread, left empty by every call.
  thread_local std::vector<uint32_t> held(kUpperBuckets);
  uint32_t* counters = held.data();
  if (known == 0) countByUpperBits(counters, row, size);
  else countByLowBits(counters, row, size, prefix);
  Counts found;
  for (size_t from = 0; from < (known == 0 ? kUpperBuckets : kLowBuckets); from += kRun) {
    if (isAllZero(counters + from)) continue;
    for (size_t bucket = from; bucket < from + kRun; bucket++) {
      if (counters[bucket] == 0) continue;
      found.emplace_back(static_cast<int32_t>(bucket), static_cast<int32_t>(counters[bucket]));
      counters[bucket] = 0;
    }
  }
  return found;
}

/**
 * How often magnitudes occur in each row [n, size], among those whose `known` upper bits are the row's prefix: by the upper 16 bits (known 0), by the lower 15 (known 16),
 * or as a whole (known 31). Gives the buckets that are not empty, row · buckets + bucket, and their counts: int32 [m] each.
 */
std::tuple<Tensor, Tensor> magnitudeCounts(const Tensor& rows, int64_t known, at::IntArrayRef prefixes) {
  const char* name = "evergreen::magnitude_counts";
  checkTarget(name, rows, at::kFloat);
  TORCH_CHECK(known == 0 || known == 16 || known == 31, name, ": expected 0, 16 or 31 known bits, got ", known);
  const int64_t count = rows.size(0), size = rows.size(1);
  TORCH_CHECK(count <= 1024 && size <= INT32_MAX, name, ": expected at most 1024 rows of less than 2^31 entries, got ", rows.sizes());
  TORCH_CHECK(static_cast<int64_t>(prefixes.size()) == count, name, ": expected a prefix for each of ", count, " rows, got ", prefixes.size());
  for (const int64_t prefix : prefixes) TORCH_CHECK(prefix >= 0 && prefix < (int64_t{1} << known), name, ": expected prefixes of ", known, " bits, got ", prefix);
  TORCH_CHECK(!rows.is_meta(), name, ": how many there are is not known without data");
  std::vector<Counts> found(static_cast<size_t>(count));
  const float* all = rows.const_data_ptr<float>();
  at::parallel_for(0, count, 1, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++)
      found[static_cast<size_t>(row)] = countsOf(all + row * size, size, known, static_cast<uint32_t>(prefixes[static_cast<size_t>(row)]));
  });
  int64_t total = 0;
  for (const auto& each : found) total += static_cast<int64_t>(each.size());
  auto buckets = at::empty({total}, at::kInt), counts = at::empty({total}, at::kInt);
  auto *bucket = buckets.mutable_data_ptr<int32_t>(), *occurs = counts.mutable_data_ptr<int32_t>();
  const auto each = static_cast<int32_t>(known == 0 ? kUpperBuckets : known == 16 ? kLowBuckets : 1);
  for (size_t row = 0; row < found.size(); row++)
    for (const auto& [place, times] : found[row]) {
      *bucket++ = static_cast<int32_t>(row) * each + place;
      *occurs++ = times;
    }
  return {buckets, counts};
}

/** Products with 0 or 1, so that an entry that is not finite stays one. */
EVERGREEN_CLONES void keepAbove(float* __restrict entries, float limit, bool strict, int64_t n) {
  if (strict)
    for (int64_t i = 0; i < n; i++) entries[i] = entries[i] * (std::bit_cast<float>(magnitudeOf(entries[i])) > limit ? 1.0f : 0.0f);
  else
    for (int64_t i = 0; i < n; i++) entries[i] = entries[i] * (std::bit_cast<float>(magnitudeOf(entries[i])) >= limit ? 1.0f : 0.0f);
}
EVERGREEN_CLONES void keepBelow(float* __restrict entries, float limit, bool strict, int64_t n) {
  if (strict)
    for (int64_t i = 0; i < n; i++) entries[i] = entries[i] * (std::bit_cast<float>(magnitudeOf(entries[i])) < limit ? 1.0f : 0.0f);
  else
    for (int64_t i = 0; i < n; i++) entries[i] = entries[i] * (std::bit_cast<float>(magnitudeOf(entries[i])) <= limit ? 1.0f : 0.0f);
}

/**
 * Sets to 0, in place, what lies below each row's limit, or above it where the largest go. Entries [from, to) of the limit's own magnitude go too. Rows are [n, size].
 */
void cut(const Tensor& rows, at::ArrayRef<double> limits, at::IntArrayRef from, at::IntArrayRef to, bool largest) {
  const char* name = "evergreen::cut_";
  checkTarget(name, rows, at::kFloat);
  const auto count = static_cast<size_t>(rows.size(0));
  const int64_t size = rows.size(1);
  TORCH_CHECK(limits.size() == count && from.size() == count && to.size() == count, name, ": expected a limit, a beginning and an end for each of ", count, " rows");
  for (size_t i = 0; i < count; i++) TORCH_CHECK(0 <= from[i] && from[i] <= to[i] && to[i] <= size, name, ": expected 0 ≤ from ≤ to ≤ ", size, ", got ", from[i], " and ", to[i]);
  if (rows.is_meta()) return;
  float* all = rows.mutable_data_ptr<float>();
  const auto keep = largest ? keepBelow : keepAbove;
  eachTile(count, size, kLightTiles, [&](size_t i, int64_t first, int64_t n) {
    float* row = all + static_cast<int64_t>(i) * size;
    const int64_t last = first + n, begin = std::clamp(from[i], first, last), end = std::clamp(to[i], first, last);
    const auto limit = static_cast<float>(limits[i]);
    keep(row + first, limit, false, begin - first);
    keep(row + begin, limit, true, end - begin);
    keep(row + end, limit, false, last - end);
  });
}

/** Positive and negative entries apart: those of the other sign count as 0. */
EVERGREEN_CLONES void addToSides(float* __restrict positive, float* __restrict negative, const float* __restrict row, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    positive[i] = positive[i] + (row[i] < 0 ? 0.0f : row[i]);
    negative[i] = negative[i] + (row[i] > 0 ? 0.0f : row[i]);
  }
}
EVERGREEN_CLONES void countSides(float* __restrict positive, float* __restrict negative, const float* __restrict row, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    positive[i] = positive[i] + (row[i] > 0 ? 1.0f : 0.0f);
    negative[i] = negative[i] + (row[i] < 0 ? 1.0f : 0.0f);
  }
}
EVERGREEN_CLONES void furthestSides(float* __restrict positive, float* __restrict negative, const float* __restrict row, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float up = row[i] < 0 ? 0.0f : row[i], down = row[i] > 0 ? 0.0f : row[i];
    positive[i] = positive[i] > up ? positive[i] : up;
    negative[i] = negative[i] < down ? negative[i] : down;
  }
}

/**
 * Adds rows [n, size], one after another, to what is known of their positive and negative entries: sides [2, size] are the sums of both; of [4, size] the last two are how
 * many there are, or the furthest of both.
 */
void addSides(const Tensor& sides, const Tensor& rows, bool furthest) {
  const char* name = "evergreen::add_sides_";
  checkTarget(name, sides, at::kFloat);
  checkTarget(name, rows, at::kFloat);
  const int64_t size = rows.size(1);
  TORCH_CHECK((sides.size(0) == 2 || sides.size(0) == 4) && sides.size(1) == size && sides.device() == rows.device(), name, ": expected sides [2, ", size, "] or [4, ", size, "] on ", rows.device(),
              ", got ", sides.sizes(), " on ", sides.device());
  if (rows.is_meta()) return;
  const float* all = rows.const_data_ptr<float>();
  float* side = sides.mutable_data_ptr<float>();
  const bool hasMore = sides.size(0) == 4;
  const auto more = furthest ? furthestSides : countSides;
  eachTile(1, size, kLightTiles, [&](size_t, int64_t from, int64_t n) {
    for (int64_t i = 0; i < rows.size(0); i++) {
      const float* row = all + i * size + from;
      addToSides(side + from, side + size + from, row, n);
      if (hasMore) more(side + 2 * size + from, side + 3 * size + from, row, n);
    }
  });
}

/** What one side's entry becomes: its sum, the mean of as many as there are, or the furthest. */
enum class Agreement { sum, mean, furthest };

template <Agreement how>
float agreed(float sum, float other) {
  return how == Agreement::sum ? sum : how == Agreement::mean ? sum / (other < 1 ? 1.0f : other) : other;
}

/** Sides lie `size` apart. */
template <Agreement how>
EVERGREEN_CLONES void elect(float* __restrict result, const float* __restrict sides, int64_t size, float majority, int64_t n) {
  const float* others = how == Agreement::sum ? sides : sides + 2 * size;
  for (int64_t i = 0; i < n; i++) {
    const float total = sides[i] + sides[size + i];
    const float sign = total > 0 ? 1.0f : total < 0 ? -1.0f : majority;
    const float up = agreed<how>(sides[i], others[i]), down = agreed<how>(sides[size + i], others[size + i]);
    result[i] = sign > 0 ? up : sign < 0 ? down : 0.0f;
  }
}

/** Of sides as add_sides_ makes them, the one with the sign of both sums' total, or of the majority (1, -1 or 0) where that is 0; 0 where no sign leads. float32 [size]. */
Tensor elected(const Tensor& sides, int64_t majority, bool furthest) {
  const char* name = "evergreen::elected";
  checkTarget(name, sides, at::kFloat);
  TORCH_CHECK(sides.size(0) == 2 || sides.size(0) == 4, name, ": expected sides [2, size] or [4, size], got ", sides.sizes());
  TORCH_CHECK(majority >= -1 && majority <= 1, name, ": expected a majority of 1, -1 or 0, got ", majority);
  const int64_t size = sides.size(1);
  auto result = at::empty({size}, sides.options());
  if (result.is_meta()) return result;
  const auto work = sides.size(0) == 2 ? elect<Agreement::sum> : furthest ? elect<Agreement::furthest> : elect<Agreement::mean>;
  float* entries = result.mutable_data_ptr<float>();
  const float* side = sides.const_data_ptr<float>();
  eachTile(1, size, kLightTiles, [&](size_t, int64_t from, int64_t n) { work(entries + from, side + from, size, static_cast<float>(majority), n); });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(evergreen, library) {
  library.def("magnitude_counts(Tensor rows, int known, int[] prefixes) -> (Tensor, Tensor)", magnitudeCounts);
  library.def("cut_(Tensor(a!) rows, float[] limits, int[] from, int[] to, bool largest) -> ()", cut);
  library.def("add_sides_(Tensor(a!) sides, Tensor rows, bool furthest) -> ()", addSides);
  library.def("elected(Tensor sides, int majority, bool furthest) -> Tensor", elected);
}

}  // namespace evergreen
