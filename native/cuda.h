#pragma once
#include <napi.h>

namespace evergreen {

/**
 * openCuda() → { missing: [text], devices }: opens libtorch_cuda from the folder that libtorch_cpu came from. `missing` says what
 * stands in the way and is empty when the devices can compute.
 */
Napi::Value openCuda(const Napi::CallbackInfo& info);

}  // namespace evergreen
