#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

namespace evergreen {

/** Entries of a tile: what a pass over one writes stays in a core's first cache. No result depends on it. */
constexpr int64_t kTile = 4096;

/** Refuses what is no dense list [size], or rows [n, size], on the processor or without data. */
inline void checkRows(const char* name, const at::Tensor& each, int64_t size) {
  TORCH_CHECK(each.layout() == at::kStrided && (each.is_cpu() || each.is_meta()), name, ": expected dense tensors on cpu, got ", each.layout(), " on ", each.device());
  TORCH_CHECK((each.dim() == 1 || each.dim() == 2) && each.size(-1) == size, name, ": expected [", size, "] or [n, ", size, "], got ", each.sizes());
}

/** The same for what may come as it is stored. */
inline void checkStored(const char* name, const at::Tensor& each, int64_t size) {
  checkRows(name, each, size);
  const auto type = each.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kHalf || type == at::kBFloat16, name, ": expected float32, float16 or bfloat16, got ", type);
}

/** The same for rows that an operator writes to: [n, size], contiguous. */
inline void checkTarget(const char* name, const at::Tensor& target, at::ScalarType type) {
  TORCH_CHECK(target.dim() == 2, name, ": expected rows [n, size], got ", target.sizes());
  checkRows(name, target, target.size(1));
  TORCH_CHECK(target.scalar_type() == type && target.is_contiguous(), name, ": expected contiguous ", type, ", got ", target.scalar_type(), " with strides ", target.strides());
}

/** Entries of the last axis of a tensor that has one. */
inline int64_t entriesOf(const char* name, const at::Tensor& tensor) {
  TORCH_CHECK(tensor.dim() > 0, name, ": expected a list of entries, got a scalar");
  return tensor.size(-1);
}

/** The rows of terms [size] or [n, size] on one device, one after another, each contiguous [size]. */
inline std::vector<at::Tensor> rowsOf(const char* name, const std::vector<at::Tensor>& terms) {
  TORCH_CHECK(!terms.empty(), name, ": expected at least one term");
  const int64_t size = entriesOf(name, terms[0]);
  std::vector<at::Tensor> rows;
  for (const auto& term : terms) {
    checkStored(name, term, size);
    TORCH_CHECK(term.device() == terms[0].device(), name, ": expected terms on one device");
    const auto all = term.contiguous().view({term.dim() == 1 ? 1 : term.size(0), size});
    for (int64_t i = 0; i < all.size(0); i++) rows.push_back(all[i]);
  }
  TORCH_CHECK(!rows.empty(), name, ": expected at least one row");
  return rows;
}

/** Tiles of light work that are worth waking a thread for: the sleeper's wake-up costs as much as some hundred thousand additions. */
constexpr int64_t kLightTiles = 128;

/** Calls `work(row, from, n)` for every tile of every row, in parallel where a thread gets `least` tiles. */
template <typename Work>
void eachTile(size_t rows, int64_t size, int64_t least, Work work) {
  const int64_t tiles = (size + kTile - 1) / kTile;
  at::parallel_for(0, static_cast<int64_t>(rows) * tiles, least, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++) {
      const int64_t from = k % tiles * kTile;
      work(static_cast<size_t>(k / tiles), from, std::min(kTile, size - from));
    }
  });
}

/** Calls `work` with entries in their own type: float32, float16 or bfloat16. */
template <typename Work>
auto withEntries(const void* entries, at::ScalarType type, Work work) {
  switch (type) {
    case at::kFloat:
      return work(static_cast<const float*>(entries));
    case at::kHalf:
      return work(static_cast<const at::Half*>(entries));
    default:
      return work(static_cast<const at::BFloat16*>(entries));
  }
}

/** The same for a contiguous tensor. */
template <typename Work>
auto withEntries(const at::Tensor& tensor, Work work) {
  return withEntries(tensor.const_data_ptr(), tensor.scalar_type(), work);
}

}  // namespace evergreen
