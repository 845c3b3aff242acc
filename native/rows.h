#pragma once
#include <c10/core/ScalarType.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>

namespace evergreen {

// What sums of models are made of, tile by tile. Every operation rounds by itself, as libtorch's would; entries are float32, float16 or bfloat16.

/** sum += Σ row · weight over n entries, row after row; `isFirst` takes the first row's products where it would add to the sum. */
void addRows(float* sum, at::ArrayRef<const void*> rows, at::ScalarType type, const float* weights, bool isFirst, int64_t n);

/** Σ (row − base)² over n entries in double precision. */
double squaredDistance(const void* row, at::ScalarType type, const float* base, int64_t n);

}  // namespace evergreen
