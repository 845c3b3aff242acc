#pragma once
#include <array>
#include <cstdint>

namespace evergreen {

enum class Product : int { forward = 0, inputGradient = 1, weightGradient = 2 };
enum class Kernel : int { mkl = 0, oneDnn = 1 };

/** Kernel of a linear layer with x [m, k] and weight [n, k]; m counts by powers of two. A class that is not in the table takes its product's rule. */
Kernel kernelFor(Product product, int64_t m, int64_t n, int64_t k);
int rowClass(int64_t m);

void setKernel(Product product, int rowClass, int64_t n, int64_t k, Kernel kernel);
/** Whether oneDNN has bfloat16 products for this processor. */
bool hasBFloat16Products();
/** Whether bfloat16 products are computed in float32: entries widened before, the result rounded after. */
bool widensBFloat16();
void widenBFloat16(bool widens);
/** Empties the table; a product's rule, in the order of {@link Product}, serves every class of it that is not in the table. */
void clearKernels(const std::array<Kernel, 3>& rules);

}  // namespace evergreen
