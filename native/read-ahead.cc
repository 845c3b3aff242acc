#include "read-ahead.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "arguments.h"
#include "tensor-table.h"

namespace evergreen {

namespace {

constexpr size_t kAlignment = 64;
/** Bytes of all chunks together, however many files are open. */
constexpr size_t kBudget = 16 << 20;
constexpr size_t kLargestChunk = 256 << 10;
/** With chunks smaller than this a hand-over costs as much as the reading. */
constexpr size_t kSmallestChunk = 64 << 10;

struct Room {
  explicit Room(size_t bytes) : bytes(bytes), data(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, (bytes + 2 * kAlignment - 1) / kAlignment * kAlignment))) {
    if (!data) throw std::bad_alloc();
  }
  ~Room() { std::free(data); }
  Room(const Room&) = delete;
  size_t bytes;
  uint8_t* data;
};

/** A run of a file. The reading thread owns it until it is ready. */
struct Chunk {
  int file;
  size_t begin;
  size_t size;
  /** Where in its room the run begins: runs whose tensors begin at any byte of a file begin at a multiple of 64 in memory. */
  size_t phase;
  std::shared_ptr<Room> room;
  bool ready = false;
  const uint8_t* at(size_t offset) const { return room->data + phase + (offset - begin); }
  size_t end() const { return begin + size; }
};

/** Reads up to `need` bytes; fewer where the file ends. @returns −1 with errno for a failure. */
ssize_t readFully(int file, uint8_t* into, size_t offset, size_t need) {
  size_t done = 0;
  while (done < need) {
    const auto read = pread(file, into + done, std::min<size_t>(need - done, size_t{1} << 30), static_cast<off_t>(offset + done));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return -1;
    if (read == 0) break;
    done += static_cast<size_t>(read);
  }
  return static_cast<ssize_t>(done);
}

/** One thread that reads what will be asked for next, for all files. It lives while files are open. */
class Crew {
 public:
  void add() {
    if (files_++ == 0) {
      stopping_ = false;
      thread_ = std::thread([this] { work(); });
    }
  }
  void remove() {
    if (--files_ > 0) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    spare_.clear();
  }
  /** Bytes of a chunk, fewer the more files there are. */
  size_t chunkBytes() const { return std::min(kLargestChunk, kBudget / (2 * files_)); }
  std::shared_ptr<Chunk> ask(int file, size_t begin, size_t size, size_t phase) {
    auto chunk = std::make_shared<Chunk>(Chunk{file, begin, size, phase, room(size)});
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(chunk);
    }
    changed_.notify_all();
    return chunk;
  }
  /** Waits until the chunk was read. Where it failed it has no bytes, and who needs them reads them again and meets the failure. */
  void await(const Chunk& chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return chunk.ready; });
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !asked_.empty(); });
      if (asked_.empty()) return;
      const auto chunk = asked_.front();
      asked_.pop_front();
      lock.unlock();
      const auto got = readFully(chunk->file, chunk->room->data + chunk->phase, chunk->begin, chunk->size);
      lock.lock();
      chunk->size = got < 0 ? 0 : static_cast<size_t>(got);
      chunk->ready = true;
      changed_.notify_all();
    }
  }
  /** Rooms are used again when neither a chunk nor a tensor holds them: new pages cost as much as reading. */
  std::shared_ptr<Room> room(size_t bytes) {
    spare_.erase(std::remove_if(spare_.begin(), spare_.end(), [&](const auto& known) { return known.use_count() == 1 && known->bytes != bytes; }), spare_.end());
    for (const auto& known : spare_)
      if (known.use_count() == 1) return known;
    return spare_.emplace_back(std::make_shared<Room>(bytes));
  }

  size_t files_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Chunk>> asked_;
  std::vector<std::shared_ptr<Room>> spare_;
  bool stopping_ = false;
};

Crew& crew() {
  static auto* all = new Crew();
  return *all;
}

/** A file that is read in runs, most of them one behind another. */
class ReadAhead {
 public:
  explicit ReadAhead(int file) : file_(file) { crew().add(); }
  ~ReadAhead() {
    forget();
    crew().remove();
    close(file_);
  }
  ReadAhead(const ReadAhead&) = delete;

  /** Undefined where the file ends before. */
  at::Tensor read(size_t offset, at::ScalarType type, const std::vector<int64_t>& sizes, size_t need) {
    const size_t chunk = crew().chunkBytes(), end = offset + need;
    if (next_ && offset >= next_->begin) now_ = std::exchange(next_, nullptr);
    if (now_) crew().await(*now_);
    // A run longer than a chunk gains nothing: to copy it costs as much as to read it.
    if (!now_ || offset < now_->begin || offset >= now_->end() || need > chunk) forget();
    if (!next_ && chunk >= kSmallestChunk && need > 0 && need <= chunk) {
      // From where runs of this length go on: one that lies in now_ in part alone is read again as a whole.
      const size_t whole = now_ ? std::max(need, (now_->end() - offset) / need * need) : need;
      next_ = crew().ask(file_, offset + whole, chunk, whole % kAlignment);
    }
    if (now_ && end <= now_->end()) return inside(offset, type, sizes, need);
    auto result = at::empty(sizes, at::TensorOptions().dtype(type));
    auto* data = static_cast<uint8_t*>(result.mutable_data_ptr());
    size_t done = 0;
    if (now_) {
      done = now_->end() - offset;
      std::memcpy(data, now_->at(offset), done);
    }
    const auto got = readFully(file_, data + done, offset + done, need - done);
    if (got < 0) throw EngineFailure("file", std::string("cannot be read: ") + std::strerror(errno));
    return done + static_cast<size_t>(got) < need ? at::Tensor() : result;
  }

 private:
  void forget() {
    for (auto* chunk : {&now_, &next_}) {
      if (*chunk) crew().await(**chunk);
      *chunk = nullptr;
    }
  }
  /** Without a copy where the run lies as a tensor of its own would. */
  at::Tensor inside(size_t offset, at::ScalarType type, const std::vector<int64_t>& sizes, size_t need) const {
    const uint8_t* from = now_->at(offset);
    const auto options = at::TensorOptions().dtype(type);
    if (reinterpret_cast<uintptr_t>(from) % kAlignment == 0)
      return at::from_blob(const_cast<uint8_t*>(from), sizes, [room = now_->room](void*) mutable { room.reset(); }, options);
    auto result = at::empty(sizes, options);
    if (need > 0) std::memcpy(result.mutable_data_ptr(), from, need);
    return result;
  }

  int file_;
  std::shared_ptr<Chunk> now_;
  std::shared_ptr<Chunk> next_;
};

std::map<int, ReadAhead>& readers() {
  static auto* all = new std::map<int, ReadAhead>();
  return *all;
}

}  // namespace

Napi::Value openReader(const Napi::CallbackInfo& info) {
  const auto path = text(info, 0);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw EngineFailure("file", path + ": cannot be opened: " + std::strerror(errno));
  // No descriptor: those are given again, and a closed reader must not become another file's.
  static int last = 0;
  readers().try_emplace(++last, file);
  return Napi::Number::New(info.Env(), last);
}

Napi::Value readRun(const Napi::CallbackInfo& info) {
  const auto reader = readers().find(static_cast<int>(number(info, 0)));
  const double offset = number(info, 1);
  const auto type = dtype(text(info, 2));
  const auto sizes = shape(info, 3);
  if (reader == readers().end()) throw EngineFailure("argument", "readRun: the file is not open");
  if (!(offset >= 0 && offset <= 9e15)) throw EngineFailure("argument", "readRun: expected an offset of at least 0");
  auto result = reader->second.read(static_cast<size_t>(offset), type, sizes, elements(sizes) * c10::elementSize(type));
  return result.defined() ? Napi::Value(Napi::Number::New(info.Env(), tensors().add(result))) : info.Env().Null();
}

Napi::Value closeReader(const Napi::CallbackInfo& info) {
  readers().erase(static_cast<int>(number(info, 0)));
  return info.Env().Undefined();
}

}  // namespace evergreen
