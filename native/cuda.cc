#include "cuda.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace evergreen {

namespace {

/** Folder of the libtorch_cpu that this process computes with. */
std::string libtorchFolder() {
  Dl_info found{};
  if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &found) == 0 || found.dli_fname == nullptr) return ".";
  const std::string path = found.dli_fname;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string lastError() {
  const char* text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

/** Number of devices; what is missing goes to `missing`. */
int open(std::vector<std::string>& missing) {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr) missing.push_back("the driver: " + lastError());
  const auto folder = libtorchFolder();
  for (const char* name : {"libc10_cuda.so", "libtorch_cuda.so"}) {
    const auto path = folder + "/" + name;
    if (access(path.c_str(), R_OK) != 0) missing.push_back(std::string("the library ") + name + " beside libtorch_cpu");
    // Its initialisers register the device's kernels and hooks. It stays open: kernels cannot be taken back.
    else if (missing.empty() && dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) missing.push_back(std::string("what ") + name + " needs: " + lastError());
  }
  if (!missing.empty()) return 0;
  const int devices = at::detail::getCUDAHooks().getNumGPUs();
  if (devices < 1) missing.push_back("a device: the driver shows none");
  return devices;
}

}  // namespace

Napi::Value openCuda(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  std::vector<std::string> missing;
  const int devices = open(missing);
  if (missing.empty()) at::globalContext().lazyInitDevice(at::kCUDA);
  auto list = Napi::Array::New(env, missing.size());
  for (uint32_t i = 0; i < missing.size(); i++) list.Set(i, Napi::String::New(env, missing[i]));
  auto result = Napi::Object::New(env);
  result.Set("missing", list);
  result.Set("devices", Napi::Number::New(env, devices));
  return result;
}

}  // namespace evergreen
