#pragma once
#include <napi.h>

namespace evergreen {

/** openFile(path): a file that is read in runs, most of them from front to back. */
Napi::Value openFile(const Napi::CallbackInfo& info);
/** readRun(file, offset, dtype, shape): a new tensor; null where the file ends before it. */
Napi::Value readRun(const Napi::CallbackInfo& info);
/**
 * sumRuns(files, offsets, dtype, weights, size, base | null) → { sum, squares }: Σ of weighted runs of as many files, float32 [size], and the Σ (run − base)² of each where a float32
 * base [size] is given. Null where a file ends before its run does.
 */
Napi::Value sumRuns(const Napi::CallbackInfo& info);
/** closeFile(file): tensors that were read stay. */
Napi::Value closeFile(const Napi::CallbackInfo& info);

}  // namespace evergreen
