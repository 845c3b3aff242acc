// The Node-API door: every function here is small, checks what it is given, and turns failures into errors with a code.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <napi.h>
#include <omp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "allocator.h"
#include "kernel-table.h"
#include "operators.h"
#include "tensor-table.h"

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

double number(const CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsNumber()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a number");
  return info[index].As<Napi::Number>().DoubleValue();
}
std::string text(const CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsString()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a string");
  return info[index].As<Napi::String>().Utf8Value();
}
std::vector<double> numbers(const CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsArray()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a list of numbers");
  const auto array = info[index].As<Napi::Array>();
  std::vector<double> values(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Value item = array.Get(i);
    if (!item.IsNumber()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a list of numbers");
    values[i] = item.As<Napi::Number>().DoubleValue();
  }
  return values;
}
std::vector<int64_t> shape(const CallbackInfo& info, size_t index) {
  std::vector<int64_t> sizes;
  for (double size : numbers(info, index)) {
    if (!(size >= 0 && size <= 1e15) || size != static_cast<double>(static_cast<int64_t>(size))) throw EngineFailure("argument", "a shape holds whole numbers that are not negative");
    sizes.push_back(static_cast<int64_t>(size));
  }
  return sizes;
}
const at::Tensor& tensor(const CallbackInfo& info, size_t index) { return tensors().get(number(info, index)); }
std::vector<at::Tensor> tensorList(const CallbackInfo& info, size_t index) {
  std::vector<at::Tensor> list;
  for (double handle : numbers(info, index)) list.push_back(tensors().get(handle));
  return list;
}

const std::map<std::string, at::ScalarType>& dtypes() {
  static const std::map<std::string, at::ScalarType> names = {{"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16}, {"int64", at::kLong},
                                                              {"int32", at::kInt},     {"int16", at::kShort},    {"int8", at::kChar},    {"uint8", at::kByte},       {"bool", at::kBool}};
  return names;
}
at::ScalarType dtype(const std::string& name) {
  const auto found = dtypes().find(name);
  if (found == dtypes().end()) throw EngineFailure("argument", "unknown dtype \"" + name + "\"");
  return found->second;
}
size_t elements(const std::vector<int64_t>& sizes) {
  double count = 1;
  for (auto size : sizes) count *= static_cast<double>(size);
  if (count > 1e15) throw EngineFailure("argument", "the shape holds too many elements");
  return static_cast<size_t>(count);
}

struct Bytes {
  uint8_t* data;
  size_t size;
};
Bytes bytes(const CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsTypedArray()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a typed array");
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer;
  size_t offset = 0;
  if (napi_get_typedarray_info(info.Env(), info[index], &type, &length, &data, &buffer, &offset) != napi_ok) throw EngineFailure("argument", "the typed array cannot be read");
  return {static_cast<uint8_t*>(data), info[index].As<Napi::TypedArray>().ElementSize() * length};
}

/** fromBytes(typedArray, dtype, shape): a new tensor with a copy of the bytes. */
Value fromBytes(const CallbackInfo& info) {
  const auto source = bytes(info, 0);
  const auto type = dtype(text(info, 1));
  const auto sizes = shape(info, 2);
  const size_t expected = elements(sizes) * c10::elementSize(type);
  if (source.size != expected) throw EngineFailure("argument", "expected " + std::to_string(expected) + " bytes, got " + std::to_string(source.size));
  auto result = at::empty(sizes, at::TensorOptions().dtype(type));
  if (expected > 0) std::memcpy(result.mutable_data_ptr(), source.data, expected);
  return Napi::Number::New(info.Env(), tensors().add(result));
}

/** toBytes(tensor, typedArray): copies the entries, row by row, into the typed array. */
Value toBytes(const CallbackInfo& info) {
  const auto& source = tensor(info, 0);
  if (source.is_meta()) throw EngineFailure("operator", "a tensor on meta has no data to read");
  const auto host = source.detach().to(at::kCPU).contiguous();
  const auto target = bytes(info, 1);
  const size_t expected = static_cast<size_t>(host.numel()) * host.element_size();
  if (target.size != expected) throw EngineFailure("argument", "expected room for " + std::to_string(expected) + " bytes, got " + std::to_string(target.size));
  if (expected > 0) std::memcpy(target.data, host.const_data_ptr(), expected);
  return info.Env().Undefined();
}

struct Mapping {
  void* data;
  size_t size;
  ~Mapping() { munmap(data, size); }
};

/** mapFile(path, offset, dtype, shape): entries of a file, mapped, not read. Writes stay private to the process. */
Value mapFile(const CallbackInfo& info) {
  const auto path = text(info, 0);
  const double offset = number(info, 1);
  const auto type = dtype(text(info, 2));
  const auto sizes = shape(info, 3);
  const size_t need = elements(sizes) * c10::elementSize(type);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw EngineFailure("file", path + ": cannot be opened");
  struct stat status{};
  fstat(file, &status);
  if (!(offset >= 0) || offset + static_cast<double>(need) > static_cast<double>(status.st_size)) {
    close(file);
    throw EngineFailure("file", path + ": shorter than its header says");
  }
  if (need == 0) {
    close(file);
    return Napi::Number::New(info.Env(), tensors().add(at::empty(sizes, at::TensorOptions().dtype(type))));
  }
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto begin = static_cast<size_t>(offset) / page * page;
  const size_t lead = static_cast<size_t>(offset) - begin;
  void* data = mmap(nullptr, need + lead, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, static_cast<off_t>(begin));
  close(file);
  if (data == MAP_FAILED) throw EngineFailure("out-of-memory", path + ": cannot be mapped");
  auto mapping = std::make_shared<Mapping>(Mapping{data, need + lead});
  char* first = static_cast<char*>(data) + lead;
  auto result = reinterpret_cast<uintptr_t>(first) % c10::elementSize(type) == 0
                    ? at::from_blob(first, sizes, [mapping](void*) mutable { mapping.reset(); }, at::TensorOptions().dtype(type))
                    : at::empty(sizes, at::TensorOptions().dtype(type));
  if (result.const_data_ptr() != first) std::memcpy(result.mutable_data_ptr(), first, need);
  return Napi::Number::New(info.Env(), tensors().add(result));
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

/** setKernels(rule, [product, rowClass, n, k, kernel, …]) with kernel 0 for MKL, 1 for oneDNN. */
Value setKernels(const CallbackInfo& info) {
  const auto entries = numbers(info, 1);
  if (entries.size() % 5 != 0) throw EngineFailure("argument", "kernel table: expected five numbers an entry");
  clearKernels(number(info, 0) == 0 ? Kernel::mkl : Kernel::oneDnn);
  for (size_t i = 0; i < entries.size(); i += 5)
    setKernel(static_cast<Product>(static_cast<int>(entries[i])), static_cast<int>(entries[i + 1]), static_cast<int64_t>(entries[i + 2]), static_cast<int64_t>(entries[i + 3]),
              static_cast<Kernel>(static_cast<int>(entries[i + 4])));
  return info.Env().Undefined();
}

Value facts(const CallbackInfo& info) {
  auto result = Napi::Object::New(info.Env());
  result.Set("parallel", at::get_parallel_info());
  result.Set("threads", Napi::Number::New(info.Env(), at::get_num_threads()));
  result.Set("instructions", at::get_cpu_capability());
  result.Set("config", at::show_config());
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
  add("facts", guarded<facts>);
  return exports;
}

}  // namespace

NODE_API_MODULE(evergreen, initialise)

}  // namespace evergreen
