#include "transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "arguments.h"
#include "mapping.h"
#include "tensor-table.h"

namespace evergreen {

namespace {

struct Bytes {
  uint8_t* data;
  size_t size;
};
Bytes bytes(const Napi::CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsTypedArray()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a typed array");
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer;
  size_t offset = 0;
  if (napi_get_typedarray_info(info.Env(), info[index], &type, &length, &data, &buffer, &offset) != napi_ok) throw EngineFailure("argument", "the typed array cannot be read");
  return {static_cast<uint8_t*>(data), info[index].As<Napi::TypedArray>().ElementSize() * length};
}

}  // namespace

Napi::Value fromBytes(const Napi::CallbackInfo& info) {
  const auto source = bytes(info, 0);
  const auto type = dtype(text(info, 1));
  const auto sizes = shape(info, 2);
  const size_t expected = elements(sizes) * c10::elementSize(type);
  if (source.size != expected) throw EngineFailure("argument", "expected " + std::to_string(expected) + " bytes, got " + std::to_string(source.size));
  auto result = at::empty(sizes, at::TensorOptions().dtype(type));
  if (expected > 0) std::memcpy(result.mutable_data_ptr(), source.data, expected);
  return Napi::Number::New(info.Env(), tensors().add(result));
}

Napi::Value toBytes(const Napi::CallbackInfo& info) {
  const auto& source = tensor(info, 0);
  if (source.is_meta()) throw EngineFailure("operator", "a tensor on meta has no data to read");
  const auto host = source.detach().to(at::kCPU).contiguous();
  const auto target = bytes(info, 1);
  const size_t expected = static_cast<size_t>(host.numel()) * host.element_size();
  if (target.size != expected) throw EngineFailure("argument", "expected room for " + std::to_string(expected) + " bytes, got " + std::to_string(target.size));
  if (expected > 0) std::memcpy(target.data, host.const_data_ptr(), expected);
  return info.Env().Undefined();
}

Napi::Value mapFile(const Napi::CallbackInfo& info) {
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
  std::shared_ptr<Mapping> mapping;
  try {
    mapping = std::make_shared<Mapping>(file, path, static_cast<size_t>(offset), need, Access::ownCopy);
  } catch (...) {
    close(file);
    throw;
  }
  close(file);
  auto* first = mapping->data();
  auto result = reinterpret_cast<uintptr_t>(first) % c10::elementSize(type) == 0
                    ? at::from_blob(first, sizes, [mapping](void*) mutable { mapping.reset(); }, at::TensorOptions().dtype(type))
                    : at::empty(sizes, at::TensorOptions().dtype(type));
  if (result.const_data_ptr() != first) std::memcpy(result.mutable_data_ptr(), first, need);
  return Napi::Number::New(info.Env(), tensors().add(result));
}

}  // namespace evergreen
