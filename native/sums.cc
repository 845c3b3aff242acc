// Passes over the entries of several models at once. Every operation rounds by itself and in the order of the models, so that the bits are those of libtorch's operators
// one after another, for any run of entries and any number of threads. src/engine/entries.test.ts compares them.
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "clones.h"
#include "entries.h"
#include "rows.h"

namespace evergreen {

namespace {

using at::Tensor;

/** Rows that one pass adds: what is added up of an entry stays in a register. */
constexpr size_t kTogether = 8;

template <typename T, size_t K>
EVERGREEN_CLONES void addTogether(float* __restrict sum, const T* const* given, const float* weights, bool isFirst, int64_t n) {
  const T* rows[K];
  float factors[K];
  for (size_t k = 0; k < K; k++) rows[k] = given[k], factors[k] = weights[k];
  if (isFirst)
    for (int64_t i = 0; i < n; i++) {
      float total = static_cast<float>(rows[0][i]) * factors[0];
      for (size_t k = 1; k < K; k++) total = total + static_cast<float>(rows[k][i]) * factors[k];
      sum[i] = total;
    }
  else
    for (int64_t i = 0; i < n; i++) {
      float total = sum[i];
      for (size_t k = 0; k < K; k++) total = total + static_cast<float>(rows[k][i]) * factors[k];
      sum[i] = total;
    }
}

template <typename T, size_t K = kTogether>
void addUpTo(float* sum, const T* const* rows, const float* weights, bool isFirst, size_t count, int64_t n) {
  if (count == K) return addTogether<T, K>(sum, rows, weights, isFirst, n);
  if constexpr (K > 1) addUpTo<T, K - 1>(sum, rows, weights, isFirst, count, n);
}

template <typename T>
EVERGREEN_CLONES double squaredDistanceOf(const T* __restrict model, const float* __restrict base, int64_t n) {
  double lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int l = 0; l < 16; l++) {
      const double difference = static_cast<float>(model[i + l]) - base[i + l];
      lanes[l] += difference * difference;
    }
  for (; i < n; i++) {
    const double difference = static_cast<float>(model[i]) - base[i];
    lanes[0] += difference * difference;
  }
  double total = 0;
  for (double lane : lanes) total += lane;
  return total;
}

}  // namespace

void addRows(float* sum, at::ArrayRef<const void*> rows, at::ScalarType type, const float* weights, bool isFirst, int64_t n) {
  for (size_t from = 0; from < rows.size(); from += kTogether) {
    const size_t count = std::min(kTogether, rows.size() - from);
    withEntries(rows[from], type, [&](const auto* first) {
      decltype(first) typed[kTogether];
      for (size_t k = 0; k < count; k++) typed[k] = static_cast<decltype(first)>(rows[from + k]);
      addUpTo(sum, typed, weights + from, isFirst && from == 0, count, n);
    });
  }
}

double squaredDistance(const void* row, at::ScalarType type, const float* base, int64_t n) {
  return withEntries(row, type, [&](const auto* entries) { return squaredDistanceOf(entries, base, n); });
}

namespace {

/** Where an entry of a contiguous tensor lies. */
const uint8_t* entry(const Tensor& tensor, int64_t at) { return static_cast<const uint8_t*>(tensor.const_data_ptr()) + at * static_cast<int64_t>(tensor.element_size()); }

/** Σ of weighted rows, in their order, float32 [size]. The terms are [size] or [n, size]; each row has a weight. */
Tensor weightedSum(const std::vector<Tensor>& terms, at::ArrayRef<double> weights) {
  const char* name = "evergreen::weighted_sum";
  const auto rows = rowsOf(name, terms);
  const int64_t size = rows[0].numel();
  TORCH_CHECK(rows.size() == weights.size(), name, ": expected a weight for each of ", rows.size(), " rows, got ", weights.size());
  auto result = at::empty({size}, terms[0].options().dtype(at::kFloat));
  if (result.is_meta()) return result;
  float* sum = result.mutable_data_ptr<float>();
  const std::vector<float> factors(weights.begin(), weights.end());
  at::parallel_for(0, size, std::max(kTile, kLightTiles * kTile / static_cast<int64_t>(rows.size())), [&](int64_t first, int64_t last) {
    std::vector<const void*> data(rows.size());
    for (int64_t from = first; from < last; from += kTile) {
      const int64_t n = std::min(kTile, last - from);
      for (size_t i = 0; i < rows.size();) {
        // Rows of one type that follow each other go together.
        size_t end = i;
        for (; end < rows.size() && rows[end].scalar_type() == rows[i].scalar_type(); end++) data[end] = entry(rows[end], from);
        addRows(sum + from, {data.data() + i, end - i}, rows[i].scalar_type(), factors.data() + i, i == 0, n);
        i = end;
      }
    }
  });
  return result;
}

/** What the operators on task vectors are given: models [size] as they are stored, and a float32 [size] on their device that they are measured from. */
std::vector<Tensor> checkedModels(const char* name, const std::vector<Tensor>& models, const Tensor& base) {
  const int64_t size = entriesOf(name, base);
  checkRows(name, base, size);
  TORCH_CHECK(base.dim() == 1 && base.scalar_type() == at::kFloat, name, ": expected a float32 base [size], got ", base.scalar_type(), " ", base.sizes());
  std::vector<Tensor> flat;
  for (const auto& model : models) {
    checkStored(name, model, size);
    TORCH_CHECK(model.dim() == 1 && model.device() == base.device(), name, ": expected models of shape [", size, "] on one device, got ", model.sizes(), " on ", model.device());
    flat.push_back(model.contiguous());
  }
  return flat;
}

/** Σ (model − base)² of each model: in double precision, summed tile by tile, the same bits for any number of threads. float64 [n]. */
Tensor squaredDistances(const std::vector<Tensor>& models, const Tensor& given) {
  const auto flat = checkedModels("evergreen::squared_distances", models, given);
  const auto count = static_cast<int64_t>(flat.size());
  auto result = at::zeros({count}, given.options().dtype(at::kDouble));
  if (result.is_meta()) return result;
  const auto base = given.contiguous();
  const int64_t size = base.numel(), tiles = (size + kTile - 1) / kTile;
  std::vector<double> sums(static_cast<size_t>(count * tiles));
  eachTile(flat.size(), size, kLightTiles, [&](size_t i, int64_t from, int64_t n) {
    sums[i * static_cast<size_t>(tiles) + static_cast<size_t>(from / kTile)] =
        squaredDistance(entry(flat[i], from), flat[i].scalar_type(), base.const_data_ptr<float>() + from, n);
  });
  double* totals = result.mutable_data_ptr<double>();
  for (size_t k = 0; k < sums.size(); k++) totals[k / static_cast<size_t>(tiles)] += sums[k];
  return result;
}

template <typename T>
EVERGREEN_CLONES void taskVector(float* __restrict vector, const T* __restrict model, const float* __restrict base, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i++) vector[i] = (static_cast<float>(model[i]) - base[i]) * factor;
}

/** (model − base) · factor, one below the other: float32 [n, size]. */
Tensor taskVectors(const std::vector<Tensor>& models, const Tensor& base, at::ArrayRef<double> factors) {
  const char* name = "evergreen::task_vectors";
  const auto flat = checkedModels(name, models, base);
  TORCH_CHECK(factors.size() == flat.size(), name, ": expected a factor for each of ", flat.size(), " models, got ", factors.size());
  const int64_t size = base.numel();
  auto result = at::empty({static_cast<int64_t>(flat.size()), size}, base.options());
  if (result.is_meta()) return result;
  const auto origin = base.contiguous();
  float* rows = result.mutable_data_ptr<float>();
  eachTile(flat.size(), size, kLightTiles, [&](size_t i, int64_t from, int64_t n) {
    float* row = rows + static_cast<int64_t>(i) * size;
    withEntries(flat[i], [&](const auto* entries) { taskVector(row + from, entries + from, origin.const_data_ptr<float>() + from, static_cast<float>(factors[i]), n); });
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(evergreen, library) {
  library.def("weighted_sum(Tensor[] terms, float[] weights) -> Tensor", weightedSum);
  library.def("task_vectors(Tensor[] models, Tensor base, float[] factors) -> Tensor", taskVectors);
  library.def("squared_distances(Tensor[] models, Tensor base) -> Tensor", squaredDistances);
}

}  // namespace evergreen
