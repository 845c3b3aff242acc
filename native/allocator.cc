#include "allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

namespace evergreen {

namespace {

// The default allocator gives memory back to the system at every step and pays page faults for it. Here a
// freed block waits for the next request of its size class: eight classes to an octave, so at most 12.5 % is slack.
constexpr size_t kAlign = 64;
constexpr size_t kHeader = 64;
constexpr size_t kHugePage = 2u << 20;
constexpr int kClasses = 64 * 8;

struct Header {
  uint64_t asked;
  uint32_t sizeClass;
  uint32_t magic;
};
constexpr uint32_t kMagic = 0x45564752;

int classOf(size_t bytes) {
  if (bytes <= 512) return static_cast<int>((bytes + 63) / 64);  // 1..8
  const int octave = std::bit_width(bytes - 1) - 1;              // 2^octave <= bytes-1
  const size_t step = (size_t{1} << octave) / 8;
  const auto part = static_cast<int>((bytes - 1 - (size_t{1} << octave)) / step);  // 0..7
  return (octave - 8) * 8 + part + 1;
}

size_t bytesOf(int sizeClass) {
  if (sizeClass <= 8) return static_cast<size_t>(sizeClass) * 64;
  const int octave = (sizeClass - 1) / 8 + 8;
  const int part = (sizeClass - 1) % 8;
  return (size_t{1} << octave) + (static_cast<size_t>(part) + 1) * ((size_t{1} << octave) / 8);
}

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes == 0 ? nullptr : take(bytes);
    return {data, data, &CachingAllocator::give, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::give; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }

  void* take(size_t bytes) {
    TORCH_CHECK(bytes < (size_t{1} << 46), "out of memory: asked for ", bytes, " bytes");
    const int sizeClass = classOf(bytes + kHeader);
    std::lock_guard<std::mutex> guard(mutex_);
    auto& cached = free_[static_cast<size_t>(sizeClass)];
    void* block;
    if (!cached.empty()) {
      block = cached.back();
      cached.pop_back();
    } else {
      block = fresh(bytesOf(sizeClass), bytes);
    }
    auto* header = static_cast<Header*>(block);
    *header = {bytes, static_cast<uint32_t>(sizeClass), kMagic};
    stats_.live += bytes;
    if (stats_.live > stats_.peak) stats_.peak = stats_.live;
    return static_cast<char*>(block) + kHeader;
  }

  static void give(void* data);

  void put(void* data) {
    auto* block = static_cast<char*>(data) - kHeader;
    auto* header = reinterpret_cast<Header*>(block);
    std::lock_guard<std::mutex> guard(mutex_);
    stats_.live -= header->asked;
    free_[header->sizeClass].push_back(block);
  }

  void release() {
    std::lock_guard<std::mutex> guard(mutex_);
    releaseLocked();
  }

  MemoryStats stats() {
    std::lock_guard<std::mutex> guard(mutex_);
    return stats_;
  }
  void resetPeak() {
    std::lock_guard<std::mutex> guard(mutex_);
    stats_.peak = stats_.live;
  }
  void limit(uint64_t bytes) {
    std::lock_guard<std::mutex> guard(mutex_);
    stats_.limit = bytes;
  }

 private:
  void* fresh(size_t size, size_t asked) {
    if (stats_.reserved + size > stats_.limit) releaseLocked();
    if (stats_.reserved + size > stats_.limit)
      C10_THROW_ERROR(OutOfMemoryError, c10::str("out of memory: asked for ", asked, " bytes with ", stats_.live, " live, the limit is ", stats_.limit));
    void* block = nullptr;
    if (size >= kHugePage) {
      block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (block == MAP_FAILED) block = nullptr;
      else madvise(block, size, MADV_HUGEPAGE);
    } else if (posix_memalign(&block, kAlign, size) != 0) {
      block = nullptr;
    }
    if (block == nullptr) C10_THROW_ERROR(OutOfMemoryError, c10::str("out of memory: the system refused ", size, " bytes"));
    stats_.reserved += size;
    return block;
  }

  void releaseLocked() {
    for (int i = 0; i < kClasses; i++) {
      const size_t size = bytesOf(i);
      for (void* block : free_[static_cast<size_t>(i)]) {
        if (size >= kHugePage) munmap(block, size);
        else std::free(block);
        stats_.reserved -= size;
      }
      free_[static_cast<size_t>(i)].clear();
    }
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, kClasses> free_;
  MemoryStats stats_{0, 0, 0, UINT64_MAX, 0, 0};
};

CachingAllocator& allocator() {
  static auto* instance = new CachingAllocator();
  return *instance;
}

void CachingAllocator::give(void* data) {
  if (data != nullptr) allocator().put(data);
}

/** Tensors on `meta` have no data. This gives them none, and counts what they would hold. */
class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    live_ += bytes;
    peak_ = std::max(peak_, live_);
    return {nullptr, new size_t(bytes), &CountingAllocator::give, c10::Device(c10::DeviceType::Meta)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CountingAllocator::give; }
  void copy_data(void*, const void*, size_t) const override {}

  static void give(void* context);
  void resetPeak() { peak_ = live_; }
  uint64_t live() const { return live_; }
  uint64_t peak() const { return peak_; }

 private:
  // Meta tensors live and die on the thread that dispatches.
  uint64_t live_ = 0, peak_ = 0;
};

CountingAllocator& countingAllocator() {
  static auto* instance = new CountingAllocator();
  return *instance;
}

void CountingAllocator::give(void* context) {
  auto* bytes = static_cast<size_t*>(context);
  countingAllocator().live_ -= *bytes;
  delete bytes;
}

}  // namespace

void installAllocator() {
  // oneDNN takes its scratch memory from malloc: keep that, too, from going back to the system at every call.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  c10::SetCPUAllocator(&allocator(), 100);
  c10::SetAllocator(c10::DeviceType::Meta, &countingAllocator(), 100);
}
void setMemoryLimit(uint64_t bytes) { allocator().limit(bytes); }
MemoryStats memoryStats() {
  auto stats = allocator().stats();
  stats.metaLive = countingAllocator().live();
  stats.metaPeak = countingAllocator().peak();
  return stats;
}
void resetPeak() {
  allocator().resetPeak();
  countingAllocator().resetPeak();
}
void releaseCache() {
  allocator().release();
  malloc_trim(0);
}

}  // namespace evergreen
