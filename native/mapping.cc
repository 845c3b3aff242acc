#include "mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "tensor-table.h"

namespace evergreen {

namespace {

/** What a fault may have to name. The handler takes no lock, so places stay where they are and are used again. */
struct Named {
  std::atomic<const uint8_t*> begin{nullptr};
  std::atomic<const uint8_t*> end{nullptr};
  std::atomic<const char*> path{nullptr};
};
std::array<Named, 4096> named;
struct sigaction before;

void tell(const char* text) { [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text)); }

/** Pages of a file that became shorter, or that its disk no longer gives, cannot be read: all that is left is to say which file it was. */
void onBusError(int signal, siginfo_t* info, void* context) {
  const auto* at = static_cast<const uint8_t*>(info->si_addr);
  for (const auto& each : named) {
    const auto* path = each.path.load();
    if (path == nullptr || at < each.begin || at >= each.end) continue;
    tell("error[EG-4401]: ");
    tell(path);
    tell(": became shorter while it was in use, or its disk failed\n  run the command again when the file is whole; nothing unfinished took its name\n");
    _exit(4);
  }
  sigaction(signal, &before, nullptr);
}

void name(const uint8_t* begin, size_t size, const std::string& path) {
  static const bool isInstalled = [] {
    struct sigaction action{};
    action.sa_sigaction = onBusError;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &before) == 0;
  }();
  if (!isInstalled) return;
  for (auto& each : named) {
    if (each.path.load() != nullptr) continue;
    each.begin = begin;
    each.end = begin + size;
    each.path = strdup(path.c_str());
    return;
  }
}

void forget(const uint8_t* begin) {
  for (auto& each : named)
    if (each.path.load() != nullptr && each.begin == begin) {
      free(const_cast<char*>(each.path.exchange(nullptr)));
      return;
    }
}

size_t pageBytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

Mapping::Mapping(int file, const std::string& path, size_t offset, size_t size, Access access) : size_(size), lead_(offset % pageBytes()) {
  const bool isOwn = access == Access::ownCopy;
  void* first = mmap(nullptr, size + lead_, isOwn ? PROT_READ | PROT_WRITE : PROT_READ, isOwn ? MAP_PRIVATE : MAP_SHARED, file, static_cast<off_t>(offset - lead_));
  if (first == MAP_FAILED) throw EngineFailure(errno == ENOMEM ? "out-of-memory" : "file", path + ": cannot be mapped: " + std::strerror(errno));
  data_ = static_cast<uint8_t*>(first) + lead_;
  name(data_ - lead_, size + lead_, path);
}

Mapping::~Mapping() {
  forget(data_ - lead_);
  munmap(data_ - lead_, size_ + lead_);
}

void Mapping::drop(size_t begin, size_t end) const {
  const size_t page = pageBytes(), from = (begin + lead_ + page - 1) / page * page, to = (end + lead_) / page * page;
  if (to > from) madvise(data_ - lead_ + from, to - from, MADV_DONTNEED);
}

}  // namespace evergreen
