// What the log asks of files and directories, so that tests can put a disk under it that forgets and tears what was not synced.
//
// Answers are what the system call gives, or an errno value negated. Files are read by several threads while one writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "threads/ref.h"

namespace sluice {

class LogFile : public RefCounted {
 public:
  /// Bytes written, which may be fewer than asked for.
  virtual int64_t write(uint64_t at, const uint8_t* bytes, size_t length) noexcept = 0;
  /// Bytes read; fewer only at the end of the file.
  virtual int64_t read(uint64_t at, uint8_t* bytes, size_t length) const noexcept = 0;
  /// What was written, and the file's length, are on the disk when it returns.
  virtual int sync() noexcept = 0;
  virtual int truncate(uint64_t length) noexcept = 0;
  /// Makes the file `length` bytes long, of zeros, and reserves the room. -EOPNOTSUPP where the file system can't.
  virtual int allocate(uint64_t length) noexcept = 0;
  virtual int64_t size() const noexcept = 0;
};

class LogDirectory : public RefCounted {
 public:
  enum class Mode : uint8_t {
    kRead,
    kWrite,
    kCreate,  // an empty file, new or not
  };
  virtual int open(const std::string& name, Mode mode, Ref<LogFile>& file) noexcept = 0;
  virtual int list(std::vector<std::string>& names) const noexcept = 0;
  virtual int rename(const std::string& from, const std::string& to) noexcept = 0;
  virtual int remove(const std::string& name) noexcept = 0;
  /// Names that were made, changed and removed are on the disk when it returns.
  virtual int sync() noexcept = 0;
  /// Keeps other writers out until unlock() or close(). -EWOULDBLOCK: there is one.
  virtual int lock() noexcept = 0;
  virtual void unlock() noexcept = 0;
  /// Nothing can be opened any more, by no thread; files that are open stay so.
  virtual void close() noexcept = 0;
};

/// The directory `path` of this machine; `create` makes it, and its parents, where missing, and syncs each into its parent.
int openDirectory(const std::string& path, bool create, Ref<LogDirectory>& directory) noexcept;

/// Writes all of it, in as many calls as it takes. 0 or an errno value negated; what lies there is unknown then.
int writeAll(LogFile& file, uint64_t at, const uint8_t* bytes, size_t length) noexcept;

}  // namespace sluice
