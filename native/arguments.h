#pragma once
#include <ATen/ATen.h>
#include <napi.h>

#include <map>
#include <string>
#include <vector>

namespace evergreen {

// What a call was given, checked. Each throws EngineFailure "argument" with the argument's number.
double number(const Napi::CallbackInfo& info, size_t index);
std::string text(const Napi::CallbackInfo& info, size_t index);
std::vector<double> numbers(const Napi::CallbackInfo& info, size_t index);
std::vector<int64_t> shape(const Napi::CallbackInfo& info, size_t index);
const at::Tensor& tensor(const Napi::CallbackInfo& info, size_t index);
std::vector<at::Tensor> tensorList(const Napi::CallbackInfo& info, size_t index);

/** How many a shape holds. @throws EngineFailure "argument" for too many. */
size_t elements(const std::vector<int64_t>& sizes);

/** Types by the names TypeScript gives them. */
const std::map<std::string, at::ScalarType>& dtypes();
at::ScalarType dtype(const std::string& name);

}  // namespace evergreen
