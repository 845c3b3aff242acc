#pragma once
#include <napi.h>

namespace evergreen {

/** meterStart(): from now on every operator this thread dispatches is counted, backward passes too. */
Napi::Value meterStart(const Napi::CallbackInfo& info);
/** meterRecomputes(on): whether what is counted from now on was computed before; nothing where nothing is being metered. */
Napi::Value meterRecomputes(const Napi::CallbackInfo& info);
/** meterStop() → { flops, recomputed, elements, calls: [{ operator, shapes, count, flops, elements }] }, in the order of first calls; `recomputed` are flops too. */
Napi::Value meterStop(const Napi::CallbackInfo& info);

}  // namespace evergreen
