#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace evergreen {

/** A matrix of each sample, [B, L, n], laid out in any way. */
struct SampleRows {
  const void* data;
  int64_t ofSample, ofPlace, ofEntry;
  explicit SampleRows(const at::Tensor& of) : data(of.const_data_ptr()), ofSample(of.stride(0)), ofPlace(of.stride(1)), ofEntry(of.stride(2)) {}
  /** An entry at a sample's first place. */
  template <typename Entry>
  const Entry* at(int64_t sample, int64_t entry) const {
    return static_cast<const Entry*>(data) + sample * ofSample + entry * ofEntry;
  }
};

/** How a tile of sums is added to: what one sample's panels of g and x are packed as, and what is done with them. */
struct SampleTile {
  int64_t rows, columns;
  /** Of a block of sums, which stays in a core's second cache. */
  int64_t blockRows, blockColumns;
  /** Samples whose panels lie there too: a tile comes from it once for all of them. */
  int64_t samples;
  /** Bytes of a packed entry, and places that are packed together. */
  int64_t entryBytes, places;
  void (*packRows)(void* into, const SampleRows& rows, int64_t sample, int64_t length, int64_t first, int64_t count);
  void (*packColumns)(void* into, const SampleRows& rows, int64_t sample, int64_t length, int64_t first, int64_t count);
  /** Adds the square, or the magnitude, of each entry of gᵀ x to the tile [rows][columns]. */
  void (*add)(float* sums, const void* g, const void* x, int64_t length, bool squares);
  /** A thread's state while it adds; nothing where there is none. */
  void (*begin)(void* before) = nullptr;
  void (*end)(const void* before) = nullptr;

  /** While it lives the thread may add. */
  class Use {
   public:
    explicit Use(const SampleTile& tile) : tile_(tile) {
      if (tile_.begin) tile_.begin(before_);
    }
    ~Use() {
      if (tile_.end) tile_.end(before_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const SampleTile& tile_;
    alignas(64) char before_[64];
  };
};

/** For bfloat16 on processors with matrix registers (AMX); null elsewhere. */
const SampleTile* matrixTile();

}  // namespace evergreen
