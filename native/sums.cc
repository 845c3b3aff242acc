// Passes over the entries of several models at once. Every operation rounds by itself and in the order of the models, so that the bits are those of libtorch's operators
// one after another, for any run of entries and any number of threads. src/engine/entries.test.ts compares them.
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <type_traits>
#include <vector>

#include "clones.h"
#include "entries.h"

namespace evergreen {

namespace {

using at::Tensor;

template <typename T>
EVERGREEN_CLONES void weigh(float* __restrict sum, const T* __restrict term, float weight, int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] = static_cast<float>(term[i]) * weight;
}

template <typename T>
EVERGREEN_CLONES void addWeighted(float* __restrict sum, const T* __restrict term, float weight, int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] = sum[i] + static_cast<float>(term[i]) * weight;
}

/** Σ of weighted rows, in their order, float32 [size]. The terms are [size] or [n, size]; each row has a weight. */
Tensor weightedSum(const std::vector<Tensor>& terms, at::ArrayRef<double> weights) {
  const char* name = "evergreen::weighted_sum";
  TORCH_CHECK(!terms.empty(), name, ": expected at least one term");
  const int64_t size = entriesOf(name, terms[0]);
  std::vector<Tensor> rows;
  for (const auto& term : terms) {
    checkStored(name, term, size);
    TORCH_CHECK(term.device() == terms[0].device(), name, ": expected terms on one device");
    const auto all = term.contiguous().view({term.dim() == 1 ? 1 : term.size(0), size});
    for (int64_t i = 0; i < all.size(0); i++) rows.push_back(all[i]);
  }
  TORCH_CHECK(!rows.empty() && rows.size() == weights.size(), name, ": expected a weight for each of ", rows.size(), " rows, got ", weights.size());
  auto result = at::empty({size}, terms[0].options().dtype(at::kFloat));
  if (result.is_meta()) return result;
  float* sum = result.mutable_data_ptr<float>();
  at::parallel_for(0, size, std::max(kTile, kLightTiles * kTile / static_cast<int64_t>(rows.size())), [&](int64_t first, int64_t last) {
    for (int64_t from = first; from < last; from += kTile) {
      const int64_t n = std::min(kTile, last - from);
      for (size_t i = 0; i < rows.size(); i++)
        withEntries(rows[i], [&](const auto* entries) {
          const auto weight = static_cast<float>(weights[i]);
          if (i == 0) weigh(sum + from, entries + from, weight, n);
          else addWeighted(sum + from, entries + from, weight, n);
        });
    }
  });
  return result;
}

/** From zero where there is no base. */
template <typename T, bool HasBase>
EVERGREEN_CLONES double squaredDistance(const T* __restrict model, const float* __restrict base, int64_t n) {
  double lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int l = 0; l < 16; l++) {
      const double difference = static_cast<float>(model[i + l]) - (HasBase ? base[i + l] : 0);
      lanes[l] += difference * difference;
    }
  for (; i < n; i++) {
    const double difference = static_cast<float>(model[i]) - (HasBase ? base[i] : 0);
    lanes[0] += difference * difference;
  }
  double total = 0;
  for (double lane : lanes) total += lane;
  return total;
}

/** What the operators on task vectors are given: models [size] as they are stored, and a float32 [size] on their device that they are measured from, where there is one. */
std::vector<Tensor> checkedModels(const char* name, const std::vector<Tensor>& models, const std::optional<Tensor>& base) {
  const Tensor& like = base ? *base : models.at(0);
  const int64_t size = entriesOf(name, like);
  if (base) {
    checkRows(name, *base, size);
    TORCH_CHECK(base->dim() == 1 && base->scalar_type() == at::kFloat, name, ": expected a float32 base [size], got ", base->scalar_type(), " ", base->sizes());
  }
  std::vector<Tensor> flat;
  for (const auto& model : models) {
    checkStored(name, model, size);
    TORCH_CHECK(model.dim() == 1 && model.device() == like.device(), name, ": expected models of shape [", size, "] on one device, got ", model.sizes(), " on ", model.device());
    flat.push_back(model.contiguous());
  }
  return flat;
}

/** Σ (model − base)² of each model, from zero without a base: in double precision, summed tile by tile, the same bits for any number of threads. float64 [n]. */
Tensor squaredDistances(const std::vector<Tensor>& models, const std::optional<Tensor>& given) {
  TORCH_CHECK(!models.empty(), "evergreen::squared_distances: expected at least one model");
  const auto flat = checkedModels("evergreen::squared_distances", models, given);
  const auto count = static_cast<int64_t>(flat.size());
  auto result = at::zeros({count}, models[0].options().dtype(at::kDouble));
  if (result.is_meta()) return result;
  const auto origin = given ? given->contiguous() : Tensor();
  const float* base = given ? origin.const_data_ptr<float>() : nullptr;
  const int64_t size = flat[0].numel(), tiles = (size + kTile - 1) / kTile;
  std::vector<double> sums(static_cast<size_t>(count * tiles));
  eachTile(flat.size(), size, kLightTiles, [&](size_t i, int64_t from, int64_t n) {
    withEntries(flat[i], [&](const auto* entries) {
      using T = std::remove_cv_t<std::remove_pointer_t<decltype(entries)>>;
      auto& sum = sums[i * static_cast<size_t>(tiles) + static_cast<size_t>(from / kTile)];
      sum = base ? squaredDistance<T, true>(entries + from, base + from, n) : squaredDistance<T, false>(entries + from, nullptr, n);
    });
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
  library.def("squared_distances(Tensor[] models, Tensor? base) -> Tensor", squaredDistances);
}

}  // namespace evergreen
