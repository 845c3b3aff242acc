#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace evergreen {

enum class Access { readOnly, ownCopy };

/** Part of a file as memory. */
class Mapping {
 public:
  /** `size` bytes from `offset` on, more than none. Writes to an own copy stay with this process. @throws EngineFailure "file" when it cannot be mapped. */
  Mapping(int file, const std::string& path, size_t offset, size_t size, Access access);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  /** Gives pages [begin, end) back to the system, but for those that lie in it in part. They are there again when they are used. */
  void drop(size_t begin, size_t end) const;

 private:
  uint8_t* data_;
  size_t size_;
  /** Bytes between the page's begin and data. */
  size_t lead_;
};

}  // namespace evergreen
