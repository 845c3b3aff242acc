#pragma once
#include <napi.h>

namespace evergreen {

/** resolve(name, overload) → { id, arguments: [{ name, type, optional }], returns: [type] } */
Napi::Value resolveOperator(const Napi::CallbackInfo& info);
/** call(id, args) → results. Tensors are handles; an absent argument takes the schema's default. */
Napi::Value callOperator(const Napi::CallbackInfo& info);

}  // namespace evergreen
