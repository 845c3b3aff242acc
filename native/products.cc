// Products of all pairs of models: what angles and lengths of models are found from. Sums are in double precision, in which a product of two float32 numbers is exact.
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "clones.h"
#include "entries.h"

namespace evergreen {

namespace {

using at::Tensor;

/** Sums of a pair: entry k of a tensor goes to lane k mod 16, however its entries are cut. */
constexpr int64_t kLanes = 16;
/** Entries of all rows that are pairwise multiplied before the next ones are looked at: 16 kB a row. */
constexpr int64_t kSpan = 2048;

typedef double Eight __attribute__((vector_size(64)));
inline void load(Eight& into, const double* from) { std::memcpy(&into, from, sizeof(Eight)); }
inline void store(double* into, const Eight& from) { std::memcpy(into, &from, sizeof(Eight)); }

/** Adds the products of row a with K rows that lie `stride` apart to the K pairs' lanes, which lie one behind another; n is a multiple of the lanes. */
template <int K>
EVERGREEN_CLONES void addPairs(double* lanes, const double* a, const double* b, int64_t stride, int64_t n) {
  Eight sums[K][2];
  for (int k = 0; k < K; k++)
    for (int half = 0; half < 2; half++) load(sums[k][half], lanes + k * kLanes + half * 8);
  for (int64_t t = 0; t < n; t += kLanes) {
    Eight own[2];
    for (int half = 0; half < 2; half++) load(own[half], a + t + half * 8);
    for (int k = 0; k < K; k++)
      for (int half = 0; half < 2; half++) {
        Eight other;
        load(other, b + k * stride + t + half * 8);
        sums[k][half] += own[half] * other;
      }
  }
  for (int k = 0; k < K; k++)
    for (int half = 0; half < 2; half++) store(lanes + k * kLanes + half * 8, sums[k][half]);
}

template <typename T>
EVERGREEN_CLONES void widen(double* __restrict into, const T* __restrict from, int64_t n) {
  for (int64_t i = 0; i < n; i++) into[i] = static_cast<float>(from[i]);
}

/**
 * Adds x_i·x_j of every pair j ≤ i of rows to its lanes, float64 [n(n + 1)/2, 16], the pairs in the order (0, 0), (1, 0), (1, 1), …; the terms are [size] or [n, size], and `place` is
 * the place of their first entry in its tensor. The bits depend neither on how a tensor is cut nor on the number of threads.
 */
void addProducts(Tensor& lanes, const std::vector<Tensor>& terms, int64_t place) {
  const char* name = "evergreen::add_products_";
  checkTarget(name, lanes, at::kDouble);
  const auto rows = rowsOf(name, terms);
  const auto count = static_cast<int64_t>(rows.size());
  TORCH_CHECK(place >= 0 && lanes.size(0) == count * (count + 1) / 2 && lanes.size(1) == kLanes, name, ": expected lanes [", count * (count + 1) / 2, ", ", kLanes, "] for ", count, " rows, got ", lanes.sizes());
  if (lanes.is_meta()) return;
  const int64_t size = rows[0].numel();
  double* sums = lanes.mutable_data_ptr<double>();
  std::vector<double> span(static_cast<size_t>(count * kSpan));
  for (int64_t from = 0; from < size;) {
    const int64_t lead = (place + from) % kLanes, n = std::min(kSpan - lead, size - from), padded = (lead + n + kLanes - 1) / kLanes * kLanes;
    for (int64_t i = 0; i < count; i++) {
      double* own = span.data() + i * kSpan;
      std::fill(own, own + lead, 0.0);
      std::fill(own + lead + n, own + padded, 0.0);
      withEntries(rows[i], [&](const auto* entries) { widen(own + lead, entries + from, n); });
    }
    // Long and short rows of pairs in turns, so that threads get as many.
    at::parallel_for(0, count, std::max<int64_t>(1, kLightTiles * kTile / (n * count)), [&](int64_t first, int64_t last) {
      for (int64_t k = first; k < last; k++) {
        const int64_t i = k % 2 == 0 ? k / 2 : count - 1 - k / 2;
        const double* own = span.data() + i * kSpan;
        double* pairs = sums + i * (i + 1) / 2 * kLanes;
        int64_t j = 0;
        for (; j + 4 <= i + 1; j += 4) addPairs<4>(pairs + j * kLanes, own, span.data() + j * kSpan, kSpan, padded);
        for (; j <= i; j++) addPairs<1>(pairs + j * kLanes, own, span.data() + j * kSpan, kSpan, padded);
      }
    });
    from += n;
  }
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(evergreen, library) { library.def("add_products_(Tensor(a!) lanes, Tensor[] terms, int place) -> ()", addProducts); }

}  // namespace evergreen
