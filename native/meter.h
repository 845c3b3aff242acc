#pragma once
#include <napi.h>

namespace evergreen {

/** meterStart(): from now on every operator this thread dispatches is counted, backward passes too. */
Napi::Value meterStart(const Napi::CallbackInfo& info);
/** meterStop() → { flops, elements, calls: [{ operator, shapes, count, flops, elements }] }, in the order of first calls. */
Napi::Value meterStop(const Napi::CallbackInfo& info);

}  // namespace evergreen
