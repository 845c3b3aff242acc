// The Node-API door: every function here is small, checks what it is given, and turns failures into errors with a code.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <napi.h>
#include <omp.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "allocator.h"
#include "arguments.h"
#include "cuda.h"
#include "kernel-table.h"
#include "mapped-file.h"
#include "meter.h"
#include "operators.h"
#include "sample-tile.h"
#include "tensor-table.h"
#include "transfer.h"

namespace evergreen {

namespace {

using Napi::CallbackInfo;
using Napi::Value;

[[noreturn]] void raise(Napi::Env env, const std::string& code, const std::string& message) {
  auto error = Napi::Error::New(env, message);
  error.Set("engineCode", Napi::String::New(env, code));
  throw error;
}

template <Value (*Function)(const CallbackInfo&)>
Value guarded(const CallbackInfo& info) {
  try {
    return Function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const EngineFailure& failure) {
    raise(info.Env(), failure.code, failure.what());
  } catch (const c10::OutOfMemoryError& failure) {
    raise(info.Env(), "out-of-memory", failure.what_without_backtrace());
  } catch (const c10::NotImplementedError& failure) {
    raise(info.Env(), "unsupported", failure.what_without_backtrace());
  } catch (const c10::Error& failure) {
    raise(info.Env(), "operator", failure.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    raise(info.Env(), "out-of-memory", "out of memory");
  } catch (const std::exception& failure) {
    raise(info.Env(), "operator", failure.what());
  }
}

/** describe(tensor) → { shape, dtype, device, requiresGrad } */
Value describe(const CallbackInfo& info) {
  const auto& subject = tensor(info, 0);
  auto result = Napi::Object::New(info.Env());
  auto sizes = Napi::Array::New(info.Env(), static_cast<size_t>(subject.dim()));
  for (uint32_t i = 0; i < subject.dim(); i++) sizes.Set(i, Napi::Number::New(info.Env(), static_cast<double>(subject.size(i))));
  result.Set("shape", sizes);
  std::string name = c10::toString(subject.scalar_type());
  for (const auto& [known, type] : dtypes())
    if (type == subject.scalar_type()) name = known;
  result.Set("dtype", name);
  result.Set("device", subject.device().str());
  result.Set("requiresGrad", Napi::Boolean::New(info.Env(), subject.requires_grad()));
  return result;
}

Value freeTensors(const CallbackInfo& info) {
  for (double handle : numbers(info, 0)) tensors().free(handle);
  return info.Env().Undefined();
}

Value setRequiresGrad(const CallbackInfo& info) {
  tensor(info, 0).set_requires_grad(info[1].ToBoolean().Value());
  return info.Env().Undefined();
}

/** grad(outputs, gradients | null, inputs) → one handle or null for each input. */
Value grad(const CallbackInfo& info) {
  const auto outputs = tensorList(info, 0);
  const auto gradients = info[1].IsNull() || info[1].IsUndefined() ? std::vector<at::Tensor>() : tensorList(info, 1);
  const auto inputs = tensorList(info, 2);
  const auto results = torch::autograd::grad(outputs, inputs, gradients, std::nullopt, false, true);
  auto list = Napi::Array::New(info.Env(), results.size());
  for (uint32_t i = 0; i < results.size(); i++)
    list.Set(i, results[i].defined() ? Value(Napi::Number::New(info.Env(), tensors().add(results[i]))) : info.Env().Null());
  return list;
}

/** setGradMode(on) → what it was. */
Value setGradMode(const CallbackInfo& info) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(info[0].ToBoolean().Value());
  return Napi::Boolean::New(info.Env(), before);
}

Value setThreads(const CallbackInfo& info) {
  const double count = number(info, 0);
  if (!(count >= 1 && count <= 1024)) throw EngineFailure("argument", "threads: expected 1 to 1024");
  at::set_num_threads(static_cast<int>(count));
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

Value memory(const CallbackInfo& info) {
  const auto stats = memoryStats();
  auto result = Napi::Object::New(info.Env());
  result.Set("live", Napi::Number::New(info.Env(), static_cast<double>(stats.live)));
  result.Set("peak", Napi::Number::New(info.Env(), static_cast<double>(stats.peak)));
  result.Set("reserved", Napi::Number::New(info.Env(), static_cast<double>(stats.reserved)));
  result.Set("limit", Napi::Number::New(info.Env(), static_cast<double>(stats.limit)));
  result.Set("metaLive", Napi::Number::New(info.Env(), static_cast<double>(stats.metaLive)));
  result.Set("metaPeak", Napi::Number::New(info.Env(), static_cast<double>(stats.metaPeak)));
  result.Set("tensors", Napi::Number::New(info.Env(), static_cast<double>(tensors().live())));
  return result;
}
Value limitMemory(const CallbackInfo& info) {
  setMemoryLimit(static_cast<uint64_t>(number(info, 0)));
  return info.Env().Undefined();
}
Value resetPeakBytes(const CallbackInfo& info) {
  resetPeak();
  return info.Env().Undefined();
}
Value releaseMemory(const CallbackInfo& info) {
  releaseCache();
  return info.Env().Undefined();
}

/** setKernels([rule of each product], [product, rowClass, n, k, kernel, …], widensBFloat16) with kernel 0 for MKL, 1 for oneDNN. */
Value setKernels(const CallbackInfo& info) {
  const auto entries = numbers(info, 1);
  if (entries.size() % 5 != 0) throw EngineFailure("argument", "kernel table: expected five numbers an entry");
  const auto rules = numbers(info, 0);
  if (rules.size() != 3) throw EngineFailure("argument", "kernel table: expected a rule for each of three products");
  const auto kernel = [&](size_t i) { return static_cast<Kernel>(static_cast<int>(rules[i])); };
  clearKernels({kernel(0), kernel(1), kernel(2)});
  widenBFloat16(info[2].ToBoolean().Value());
  for (size_t i = 0; i < entries.size(); i += 5)
    setKernel(static_cast<Product>(static_cast<int>(entries[i])), static_cast<int>(entries[i + 1]), static_cast<int64_t>(entries[i + 2]), static_cast<int64_t>(entries[i + 3]),
              static_cast<Kernel>(static_cast<int>(entries[i + 4])));
  return info.Env().Undefined();
}

/** The process is killed when its parent dies, in the middle of a native call too. Linux alone; elsewhere it does nothing. */
Value dieWithParent(const CallbackInfo& info) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  return Napi::Number::New(info.Env(), static_cast<double>(getppid()));
}

Value facts(const CallbackInfo& info) {
  auto result = Napi::Object::New(info.Env());
  result.Set("parallel", at::get_parallel_info());
  result.Set("threads", Napi::Number::New(info.Env(), at::get_num_threads()));
  // Matrix registers round bfloat16 otherwise than vectors do.
  result.Set("instructions", at::get_cpu_capability() + (matrixTile() ? "_AMX" : ""));
  result.Set("config", at::show_config());
  result.Set("bfloat16", Napi::Boolean::New(info.Env(), hasBFloat16Products()));
  result.Set("dynamicThreads", Napi::Boolean::New(info.Env(), omp_get_dynamic() != 0));
  return result;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  setenv("MKL_DYNAMIC", "FALSE", 1);
  omp_set_dynamic(0);
  installAllocator();
  const auto add = [&](const char* name, Value (*function)(const CallbackInfo&)) { exports.Set(name, Napi::Function::New(env, function, name)); };
  add("resolve", guarded<resolveOperator>);
  add("call", guarded<callOperator>);
  add("fromBytes", guarded<fromBytes>);
  add("toBytes", guarded<toBytes>);
  add("mapFile", guarded<mapFile>);
  add("openFile", guarded<openFile>);
  add("readRun", guarded<readRun>);
  add("sumRuns", guarded<sumRuns>);
  add("closeFile", guarded<closeFile>);
  add("describe", guarded<describe>);
  add("free", guarded<freeTensors>);
  add("setRequiresGrad", guarded<setRequiresGrad>);
  add("grad", guarded<grad>);
  add("setGradMode", guarded<setGradMode>);
  add("setThreads", guarded<setThreads>);
  add("memory", guarded<memory>);
  add("limitMemory", guarded<limitMemory>);
  add("resetPeak", guarded<resetPeakBytes>);
  add("releaseMemory", guarded<releaseMemory>);
  add("setKernels", guarded<setKernels>);
  add("dieWithParent", guarded<dieWithParent>);
  add("facts", guarded<facts>);
  add("meterStart", guarded<meterStart>);
  add("meterRecomputes", guarded<meterRecomputes>);
  add("meterStop", guarded<meterStop>);
  add("openCuda", guarded<openCuda>);
  return exports;
}

}  // namespace

NODE_API_MODULE(evergreen, initialise)

}  // namespace evergreen
