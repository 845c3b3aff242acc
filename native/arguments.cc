#include "arguments.h"

#include "tensor-table.h"

namespace evergreen {

double number(const Napi::CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsNumber()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a number");
  return info[index].As<Napi::Number>().DoubleValue();
}
std::string text(const Napi::CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsString()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a string");
  return info[index].As<Napi::String>().Utf8Value();
}
std::vector<double> numbers(const Napi::CallbackInfo& info, size_t index) {
  if (index >= info.Length() || !info[index].IsArray()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a list of numbers");
  const auto array = info[index].As<Napi::Array>();
  std::vector<double> values(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value item = array.Get(i);
    if (!item.IsNumber()) throw EngineFailure("argument", "argument " + std::to_string(index + 1) + ": expected a list of numbers");
    values[i] = item.As<Napi::Number>().DoubleValue();
  }
  return values;
}
std::vector<int64_t> shape(const Napi::CallbackInfo& info, size_t index) {
  std::vector<int64_t> sizes;
  for (double size : numbers(info, index)) {
    if (!(size >= 0 && size <= 1e15) || size != static_cast<double>(static_cast<int64_t>(size))) throw EngineFailure("argument", "a shape holds whole numbers that are not negative");
    sizes.push_back(static_cast<int64_t>(size));
  }
  return sizes;
}
const at::Tensor& tensor(const Napi::CallbackInfo& info, size_t index) { return tensors().get(number(info, index)); }
std::vector<at::Tensor> tensorList(const Napi::CallbackInfo& info, size_t index) {
  std::vector<at::Tensor> list;
  for (double handle : numbers(info, index)) list.push_back(tensors().get(handle));
  return list;
}

size_t elements(const std::vector<int64_t>& sizes) {
  double count = 1;
  for (auto size : sizes) count *= static_cast<double>(size);
  if (count > 1e15) throw EngineFailure("argument", "the shape holds too many elements");
  return static_cast<size_t>(count);
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

}  // namespace evergreen
