#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace evergreen {

/** Rounds to nearest, halves to even, as libtorch does; NaN becomes libtorch's. True when some result is infinite or no number. */
bool toBFloat16(at::BFloat16* to, const float* from, int64_t n);

}  // namespace evergreen
