#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace evergreen {

/** A failure that JavaScript turns into a typed error. `code` is one of the names in src/engine/engine-error.ts. */
struct EngineFailure : std::runtime_error {
  EngineFailure(std::string code, const std::string& message) : std::runtime_error(message), code(std::move(code)) {}
  std::string code;
};

/**
 * Tensors that JavaScript holds, by handle. A handle is slot + generation * 2^22, so that a freed
 * tensor is recognised for ever: its slot lives on under another generation.
 */
class TensorTable {
 public:
  double add(at::Tensor tensor);
  /** @throws EngineFailure "freed" when the handle names no live tensor. */
  const at::Tensor& get(double handle) const;
  void free(double handle);
  size_t live() const { return live_; }

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> unused_;
  size_t live_ = 0;
};

TensorTable& tensors();

}  // namespace evergreen
