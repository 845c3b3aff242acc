#pragma once
#include <cstdint>

namespace evergreen {

enum class Product : int { forward = 0, inputGradient = 1, weightGradient = 2 };
enum class Kernel : int { mkl = 0, oneDnn = 1 };

/** Kernel of a linear layer with x [m, k] and weight [n, k]; m counts by powers of two. A class that is not in the table takes the fixed rule. */
Kernel kernelFor(Product product, int64_t m, int64_t n, int64_t k);
int rowClass(int64_t m);

void setKernel(Product product, int rowClass, int64_t n, int64_t k, Kernel kernel);
/** Empties the table; `rule` serves every class that is not in it. */
void clearKernels(Kernel rule);

}  // namespace evergreen
