#include "kernel-table.h"

#include <bit>
#include <cstddef>
#include <map>
#include <tuple>

namespace evergreen {

namespace {
using Key = std::tuple<int, int, int64_t, int64_t>;
std::map<Key, Kernel>& table() {
  static auto* map = new std::map<Key, Kernel>();
  return *map;
}
std::array<Kernel, 3> fixedRules = {Kernel::mkl, Kernel::mkl, Kernel::mkl};
bool widens = false;
}  // namespace

int rowClass(int64_t m) { return static_cast<int>(std::bit_width(static_cast<uint64_t>(m > 0 ? m - 1 : 0))); }

Kernel kernelFor(Product product, int64_t m, int64_t n, int64_t k) {
  const auto& map = table();
  const auto found = map.find({static_cast<int>(product), rowClass(m), n, k});
  return found == map.end() ? fixedRules[static_cast<std::size_t>(product)] : found->second;
}

void setKernel(Product product, int rows, int64_t n, int64_t k, Kernel kernel) { table()[{static_cast<int>(product), rows, n, k}] = kernel; }

bool widensBFloat16() { return widens; }
void widenBFloat16(bool asked) { widens = asked; }

void clearKernels(const std::array<Kernel, 3>& rules) {
  table().clear();
  fixedRules = rules;
}

}  // namespace evergreen
