// Files that are larger than memory, as tensors: their pages are used where the system keeps them, and leave the process's memory once they were passed.
#include "mapped-file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "arguments.h"
#include "entries.h"
#include "mapping.h"
#include "rows.h"
#include "tensor-table.h"

namespace evergreen {

namespace {

/** Where libtorch's own tensors begin: products' last bits depend on it. */
constexpr size_t kAlignment = 64;
/** Bytes of all files that stay in memory behind where they are read; of one, no fewer than so many. */
constexpr size_t kPassed = 64 << 20;
constexpr size_t kLeastPassed = 256 << 10;

class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) throw EngineFailure("file", path + ": cannot be opened: " + std::strerror(errno));
    try {
      if (const size_t bytes = size()) mapping_ = std::make_shared<Mapping>(file_, path, 0, bytes, Access::readOnly);
    } catch (...) {
      close(file_);
      throw;
    }
  }
  ~MappedFile() { close(file_); }
  MappedFile(const MappedFile&) = delete;

  /** Where a run lies; nullptr where the file ends before it does. `passed` bytes behind it stay in memory. */
  const uint8_t* run(size_t offset, size_t need, size_t passed) {
    alignas(kAlignment) static const uint8_t nothing = 0;
    if (offset + need > std::min(mapping_ ? mapping_->size() : 0, size())) return nullptr;
    if (need == 0) return &nothing;
    if (offset < behind_ || offset > front_) {
      mapping_->drop(behind_, front_);
      behind_ = front_ = offset;
    } else if (offset - behind_ >= passed) {
      mapping_->drop(behind_, offset);
      behind_ = offset;
    }
    front_ = std::max(front_, offset + need);
    return mapping_->data() + offset;
  }

  /** Undefined where the file ends before. Without a copy where the run lies as a tensor of its own would. */
  at::Tensor read(size_t offset, at::ScalarType type, const std::vector<int64_t>& sizes, size_t passed) {
    const auto options = at::TensorOptions().dtype(type);
    const size_t need = elements(sizes) * c10::elementSize(type);
    const auto* data = run(offset, need, passed);
    if (!data) return at::Tensor();
    if (need > 0 && reinterpret_cast<uintptr_t>(data) % kAlignment == 0)
      return at::from_blob(const_cast<uint8_t*>(data), sizes, [mapping = mapping_](void*) mutable { mapping.reset(); }, options);
    auto result = at::empty(sizes, options);
    if (need > 0) std::memcpy(result.mutable_data_ptr(), data, need);
    return result;
  }

 private:
  size_t size() const {
    struct stat status{};
    return fstat(file_, &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
  }

  int file_;
  std::shared_ptr<Mapping> mapping_;
  /** Pages [behind, front) may be in memory. */
  size_t behind_ = 0;
  size_t front_ = 0;
};

std::map<int, MappedFile>& files() {
  static auto* all = new std::map<int, MappedFile>();
  return *all;
}

MappedFile& openOne(double id) {
  const auto found = files().find(static_cast<int>(id));
  if (found == files().end()) throw EngineFailure("argument", "the file is not open");
  return found->second;
}

size_t passedBytes() { return std::max(kLeastPassed, kPassed / std::max<size_t>(1, files().size())); }

size_t place(double offset) {
  if (!(offset >= 0 && offset <= 9e15)) throw EngineFailure("argument", "expected an offset of at least 0");
  return static_cast<size_t>(offset);
}

/** Runs of as many files, and the weight of each. */
struct Runs {
  std::vector<const void*> data;
  std::vector<float> weights;
  at::ScalarType type;
};

/** Entries that a thread takes at once: where pages are not mapped yet, the system maps 64 kB of a file at a time, and two threads in one such piece wait for each other. */
constexpr int64_t kRunTile = 8 * kTile;

/** Threads take one tile after another: what one reads lies close to what the others do. Σ (run − base)² of each run, where there is a base. */
std::vector<double> addRuns(const Runs& runs, float* sum, const at::Tensor& base, int64_t size) {
  const size_t count = runs.data.size(), width = c10::elementSize(runs.type);
  const int64_t tiles = (size + kRunTile - 1) / kRunTile;
  std::vector<double> squares(base.defined() ? static_cast<size_t>(tiles) * count : 0);
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(tiles, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    std::vector<const void*> rows(count);
    for (int64_t tile = next++; tile < tiles; tile = next++) {
      const int64_t from = tile * kRunTile, n = std::min(kRunTile, size - from);
      for (size_t i = 0; i < count; i++) rows[i] = static_cast<const uint8_t*>(runs.data[i]) + static_cast<size_t>(from) * width;
      addRows(sum + from, rows, runs.type, runs.weights.data(), true, n);
      for (size_t i = 0; base.defined() && i < count; i++)
        squares[static_cast<size_t>(tile) * count + i] = squaredDistance(rows[i], runs.type, base.const_data_ptr<float>() + from, n);
    }
  });
  std::vector<double> totals(base.defined() ? count : 0);
  for (size_t k = 0; k < squares.size(); k++) totals[k % count] += squares[k];
  return totals;
}

}  // namespace

Napi::Value openFile(const Napi::CallbackInfo& info) {
  // No descriptor: those are given again, and a closed file must not become another.
  static int last = 0;
  files().try_emplace(last + 1, text(info, 0));
  return Napi::Number::New(info.Env(), ++last);
}

Napi::Value readRun(const Napi::CallbackInfo& info) {
  auto& file = openOne(number(info, 0));
  const auto result = file.read(place(number(info, 1)), dtype(text(info, 2)), shape(info, 3), passedBytes());
  return result.defined() ? Napi::Value(Napi::Number::New(info.Env(), tensors().add(result))) : info.Env().Null();
}

Napi::Value sumRuns(const Napi::CallbackInfo& info) {
  const auto ids = numbers(info, 0), offsets = numbers(info, 1), weights = numbers(info, 3);
  const auto type = dtype(text(info, 2));
  const double asked = number(info, 4);
  if (ids.empty() || offsets.size() != ids.size() || weights.size() != ids.size()) throw EngineFailure("argument", "expected an offset and a weight for each of at least one file");
  if (type != at::kFloat && type != at::kHalf && type != at::kBFloat16) throw EngineFailure("argument", "expected float32, float16 or bfloat16");
  const size_t size = place(asked), width = c10::elementSize(type);
  at::Tensor base;
  if (!info[5].IsNull()) {
    base = tensor(info, 5).contiguous();
    if (base.scalar_type() != at::kFloat || static_cast<size_t>(base.numel()) != size || !base.is_cpu()) throw EngineFailure("argument", "expected a float32 base of as many entries on cpu");
  }
  Runs runs{{}, {weights.begin(), weights.end()}, type};
  for (size_t i = 0; i < ids.size(); i++) {
    const auto* data = openOne(ids[i]).run(place(offsets[i]), size * width, passedBytes());
    if (!data) return info.Env().Null();
    if (reinterpret_cast<uintptr_t>(data) % width != 0) throw EngineFailure("argument", "expected offsets that are multiples of an entry's bytes");
    runs.data.push_back(data);
  }
  auto result = at::empty({static_cast<int64_t>(size)}, at::TensorOptions().dtype(at::kFloat));
  const auto totals = addRuns(runs, result.mutable_data_ptr<float>(), base, static_cast<int64_t>(size));
  auto squares = Napi::Array::New(info.Env(), totals.size());
  for (uint32_t i = 0; i < totals.size(); i++) squares.Set(i, Napi::Number::New(info.Env(), totals[i]));
  auto found = Napi::Object::New(info.Env());
  found.Set("sum", Napi::Number::New(info.Env(), tensors().add(result)));
  found.Set("squares", squares);
  return found;
}

Napi::Value closeFile(const Napi::CallbackInfo& info) {
  files().erase(static_cast<int>(number(info, 0)));
  return info.Env().Undefined();
}

}  // namespace evergreen
