#include "tensor-table.h"

namespace evergreen {

namespace {
constexpr double kSlots = 4194304;  // 2^22
}

double TensorTable::add(at::Tensor tensor) {
  uint32_t index;
  if (unused_.empty()) {
    if (slots_.size() >= static_cast<size_t>(kSlots)) throw EngineFailure("out-of-memory", "more than 4,194,304 tensors are alive");
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = unused_.back();
    unused_.pop_back();
  }
  slots_[index].tensor = std::move(tensor);
  live_++;
  return slots_[index].generation * kSlots + index;
}

const at::Tensor& TensorTable::get(double handle) const {
  if (!(handle >= kSlots && handle <= 9007199254740992.0)) throw EngineFailure("argument", "not a tensor handle");
  const double generation = static_cast<double>(static_cast<uint64_t>(handle / kSlots));
  const auto index = static_cast<size_t>(handle - generation * kSlots);
  if (index >= slots_.size() || slots_[index].generation != generation) throw EngineFailure("freed", "the tensor was freed");
  return slots_[index].tensor;
}

void TensorTable::free(double handle) {
  get(handle);
  const auto index = static_cast<uint32_t>(static_cast<uint64_t>(handle) % static_cast<uint64_t>(kSlots));
  slots_[index].tensor.reset();
  slots_[index].generation++;
  unused_.push_back(index);
  live_--;
}

TensorTable& tensors() {
  static auto* table = new TensorTable();  // never destroyed: tensors must not outlive libtorch's statics in an unknown order
  return *table;
}

}  // namespace evergreen
