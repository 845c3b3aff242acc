#pragma once
#include <napi.h>

namespace evergreen {

/** openReader(path): a file that is read from front to back, in runs; while one is used, a thread reads the next. */
Napi::Value openReader(const Napi::CallbackInfo& info);
/** readRun(reader, offset, dtype, shape): a new tensor; null where the file ends before it. */
Napi::Value readRun(const Napi::CallbackInfo& info);
/** closeReader(reader): tensors that were read stay. */
Napi::Value closeReader(const Napi::CallbackInfo& info);

}  // namespace evergreen
