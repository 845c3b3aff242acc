// Sums over samples of the square, or the magnitude, of each one's own product of two matrices: what a diagonal of the Fisher information is made of. No product is written to memory: a tile of it
// stays in registers until it is summed, and a block of the sums in a core's second cache until all samples were added.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>

#include "clones.h"
#include "sample-tile.h"

namespace evergreen {

namespace {

using at::Tensor;

/** `count` entries from `first` on of a sample, in panels of `Width` one behind another, zeros after the last: [panel][L][Width]. */
template <int64_t Width, typename Entry>
void pack(void* into, const SampleRows& rows, int64_t sample, int64_t length, int64_t first, int64_t count) {
  auto* const panels = static_cast<float*>(into);
  const Entry* source = rows.at<Entry>(sample, first);
  for (int64_t l = 0; l < length; l++, source += rows.ofPlace)
    for (int64_t from = 0; from < count; from += Width) {
      float* panel = panels + from * length + l * Width;
      if (rows.ofEntry == 1 && count - from >= Width) {
        // Of a width known to the compiler, which calls no memmove for it.
        if constexpr (std::is_same_v<Entry, float>) std::memcpy(panel, source + from, Width * sizeof(float));
        else
          for (int64_t i = 0; i < Width; i++) panel[i] = source[from + i];
      } else
        for (int64_t i = 0; i < Width; i++) panel[i] = from + i < count ? static_cast<float>(source[(from + i) * rows.ofEntry]) : 0;
    }
}

/** Adds to a tile of sums what one sample's tile of gᵀ x measures: g [L][R], x [L][2 W]. Entries are added one place after another, with one rounding each. */
template <typename V, int R>
__attribute__((always_inline)) inline void addTile(float* sums, const void* panelOfG, const void* panelOfX, int64_t length, bool squares) {
  constexpr int W = sizeof(V) / sizeof(float);
  const auto *g = static_cast<const float*>(panelOfG), *x = static_cast<const float*>(panelOfX);
  V product[R][2] = {};
  for (int64_t l = 0; l < length; l++, g += R, x += 2 * W) {
    V a, b;
    std::memcpy(&a, x, sizeof(V));
    std::memcpy(&b, x + W, sizeof(V));
    for (int r = 0; r < R; r++) {
      product[r][0] += g[r] * a;
      product[r][1] += g[r] * b;
    }
  }
  for (int r = 0; r < R; r++)
    for (int half = 0; half < 2; half++, sums += W) {
      const V own = product[r][half];
      V sum;
      std::memcpy(&sum, sums, sizeof(V));
      if (squares) sum += own * own;
      else sum += own < 0 ? -own : own;
      std::memcpy(sums, &sum, sizeof(V));
    }
}

typedef float Four __attribute__((vector_size(16)));
void addTileOf4(float* sums, const void* g, const void* x, int64_t length, bool squares) { addTile<Four, 6>(sums, g, x, length, squares); }

#ifdef EVERGREEN_AVX2
typedef float Eight __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));
__attribute__((target("avx2,fma"))) void addTileOf8(float* sums, const void* g, const void* x, int64_t length, bool squares) { addTile<Eight, 6>(sums, g, x, length, squares); }
__attribute__((target("avx512f"))) void addTileOf16(float* sums, const void* g, const void* x, int64_t length, bool squares) { addTile<Sixteen, 14>(sums, g, x, length, squares); }
#endif

/** In float32, whatever the entries are stored in. */
template <typename Entry>
SampleTile tileInFloat32() {
  constexpr int64_t width = sizeof(float);
#ifdef EVERGREEN_AVX2
  if (__builtin_cpu_supports("avx512f")) return {14, 32, 224, 384, 1, width, 1, pack<14, Entry>, pack<32, Entry>, addTileOf16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {6, 16, 224, 384, 1, width, 1, pack<6, Entry>, pack<16, Entry>, addTileOf8};
#endif
  return {6, 8, 224, 384, 1, width, 1, pack<6, Entry>, pack<8, Entry>, addTileOf4};
}

SampleTile tileFor(at::ScalarType type) {
  if (type == at::kFloat) return tileInFloat32<float>();
  const SampleTile* tiles = matrixTile();
  return tiles ? *tiles : tileInFloat32<at::BFloat16>();
}

constexpr int64_t up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

/** Rows and columns of a block of sums: with its panels of one sample it fits a core's second cache. */
struct Block {
  int64_t rows, columns;
};
Block blockFor(const SampleTile& tile, int64_t n, int64_t k, int64_t length) {
  const int64_t share = length > 128 ? 2 : 1;
  Block block{std::min(up(n, tile.rows), up(tile.blockRows / share, tile.rows)), std::min(up(k, tile.columns), up(tile.blockColumns / share, tile.columns))};
  // Small weights have few blocks; every thread wants some. No sum depends on where they are cut.
  const auto blocks = [&] { return ((n + block.rows - 1) / block.rows) * ((k + block.columns - 1) / block.columns); };
  while (blocks() < 4 * at::get_num_threads() && block.rows > 2 * tile.rows) block.rows = up(block.rows / 2, tile.rows);
  return block;
}

void addOnOtherDevices(Tensor& sum, const Tensor& g, const Tensor& x, bool squares) {
  for (int64_t sample = 0; sample < g.size(0); sample++) {
    const auto own = at::mm(g[sample].t().to(at::kFloat), x[sample].to(at::kFloat));
    if (squares) sum.addcmul_(own, own);
    else sum.add_(own.abs());
  }
}

/** sum [N, K] += Σ over samples of the square, or the magnitude, of gᵀ x, entry by entry; g [B, L, N], x [B, L, K], both float32 or both bfloat16, sum float32. */
void addSampleProducts(Tensor& sum, const Tensor& g, const Tensor& x, bool squares) {
  const char* name = "evergreen::add_sample_products_";
  TORCH_CHECK(sum.scalar_type() == at::kFloat, name, ": expected a float32 sum, got ", sum.scalar_type());
  for (const auto& each : {sum, g, x})
    TORCH_CHECK(each.layout() == at::kStrided && each.device() == sum.device(), name, ": expected dense tensors on one device, got one on ", each.device());
  for (const auto& each : {g, x})
    TORCH_CHECK((each.scalar_type() == at::kFloat || each.scalar_type() == at::kBFloat16) && each.scalar_type() == g.scalar_type(), name, ": expected g and x in float32, or both in bfloat16, got ", each.scalar_type());
  TORCH_CHECK(sum.dim() == 2 && g.dim() == 3 && x.dim() == 3, name, ": expected sum [N, K], g [B, L, N] and x [B, L, K], got ", sum.sizes(), ", ", g.sizes(), " and ", x.sizes());
  const int64_t n = sum.size(0), k = sum.size(1), samples = g.size(0), length = g.size(1);
  TORCH_CHECK(x.size(0) == samples && x.size(1) == length && g.size(2) == n && x.size(2) == k, name, ": sum ", sum.sizes(), ", g ", g.sizes(), " and x ", x.sizes(), " do not fit");
  if (sum.is_meta() || samples == 0 || n == 0 || k == 0) return;
  if (!sum.is_cpu()) return addOnOtherDevices(sum, g, x, squares);
  const SampleTile tile = tileFor(g.scalar_type());
  const Block block = blockFor(tile, n, k, length);
  const SampleRows ofG(g), ofX(x);
  float* sums = sum.mutable_data_ptr<float>();
  const int64_t ofRow = sum.stride(0), ofColumn = sum.stride(1);
  const int64_t across = (k + block.columns - 1) / block.columns, blocks = (n + block.rows - 1) / block.rows * across;
  // Bytes of an entry of a panel, from its first place to its last.
  const int64_t deep = up(length, tile.places) * tile.entryBytes;
  const int64_t bytesOfG = up(block.rows * deep, 64), bytesOfX = up(block.columns * deep, 64);
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    const int64_t size = block.rows * block.columns;
    const std::unique_ptr<char, decltype(&std::free)> room(
        static_cast<char*>(std::aligned_alloc(64, static_cast<size_t>(up(size * 4, 64) + tile.samples * (bytesOfG + bytesOfX)))), &std::free);
    if (!room) throw std::bad_alloc();
    auto* const own = reinterpret_cast<float*>(room.get());
    char* const panelsOfG = room.get() + up(size * 4, 64);
    char* const panelsOfX = panelsOfG + tile.samples * bytesOfG;
    const SampleTile::Use use(tile);
    for (int64_t at = begin; at < end; at++) {
      const int64_t row = at / across * block.rows, column = at % across * block.columns;
      const int64_t rows = std::min(block.rows, n - row), columns = std::min(block.columns, k - column);
      std::fill_n(own, size, 0.0f);
      for (int64_t sample = 0; sample < samples; sample += tile.samples) {
        const int64_t together = std::min(tile.samples, samples - sample);
        for (int64_t s = 0; s < together; s++) {
          tile.packRows(panelsOfG + s * bytesOfG, ofG, sample + s, length, row, rows);
          tile.packColumns(panelsOfX + s * bytesOfX, ofX, sample + s, length, column, columns);
        }
        float* tileAt = own;
        for (int64_t c = 0; c < columns; c += tile.columns)
          for (int64_t r = 0; r < rows; r += tile.rows, tileAt += tile.rows * tile.columns)
            for (int64_t s = 0; s < together; s++) tile.add(tileAt, panelsOfG + s * bytesOfG + r * deep, panelsOfX + s * bytesOfX + c * deep, length, squares);
      }
      const float* from = own;
      for (int64_t c = 0; c < columns; c += tile.columns)
        for (int64_t r = 0; r < rows; r += tile.rows, from += tile.rows * tile.columns)
          for (int64_t i = 0; i < std::min(tile.rows, rows - r); i++)
            for (int64_t j = 0; j < std::min(tile.columns, columns - c); j++) sums[(row + r + i) * ofRow + (column + c + j) * ofColumn] += from[i * tile.columns + j];
    }
  });
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(evergreen, library) { library.def("add_sample_products_(Tensor(a!) sum, Tensor g, Tensor x, bool squares) -> ()", addSampleProducts); }

}  // namespace evergreen
