#pragma once
#include <cstddef>
#include <cstdint>

namespace evergreen {

struct MemoryStats {
  uint64_t live;      // bytes that tensors asked for and hold
  uint64_t peak;      // highest `live` since the last reset
  uint64_t reserved;  // bytes taken from the system: live plus cached
  uint64_t limit;
  uint64_t metaLive;  // bytes that tensors on `meta` would hold
  uint64_t metaPeak;
};

/** Puts the caching allocator in the place of libtorch's own for host memory, and one that only counts in that of `meta`. Call once, before the first tensor. */
void installAllocator();
void setMemoryLimit(uint64_t bytes);
MemoryStats memoryStats();
void resetPeak();
/** Gives cached blocks back to the system. */
void releaseCache();

}  // namespace evergreen
