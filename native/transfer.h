#pragma once
#include <napi.h>

namespace evergreen {

/** fromBytes(typedArray, dtype, shape): a new tensor with a copy of the bytes. */
Napi::Value fromBytes(const Napi::CallbackInfo& info);
/** toBytes(tensor, typedArray): copies the entries, row by row, into the typed array. */
Napi::Value toBytes(const Napi::CallbackInfo& info);
/** mapFile(path, offset, dtype, shape): entries of a file, mapped, not read. Writes stay private to the process. */
Napi::Value mapFile(const Napi::CallbackInfo& info);

}  // namespace evergreen
