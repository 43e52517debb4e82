// A disk in memory that keeps what was synced and, at a power cut, any part of what was not: sectors of writes, changes of length, and
// names. It can fail or end at any of its operations.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "log/file_layer.h"

namespace sluice {

class FakeDisk : public RefCounted {
 public:
  static constexpr size_t kSectorBytes = 512;
  using Bytes = std::vector<uint8_t>;

  struct File {
    Bytes durable;
    Bytes current;
    std::vector<size_t> dirty;  // sectors written since the last sync, in order
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  /// A change of the directory that was not synced: what names say afterwards.
  struct NameChange {
    std::string name;
    std::shared_ptr<File> file;  // null: removed
    std::string removed;         // by a rename, together with it
  };

  Names names;
  Names durableNames;
  std::vector<NameChange> changes;

  // Faults. Operations count from 0.
  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t operations = 0;
  uint64_t powerCutAt = kNever;  // this operation and all behind it do nothing
  uint64_t failAt = kNever;  // this one fails with `failure`, or writes only half of what it was given where that is 0
  int failure = EIO;
  bool failed = false;  // it came to that

  bool hasPower() const noexcept { return operations <= powerCutAt; }

  /// What is found when power is back: all that was synced, and by chance parts of the rest.
  Ref<FakeDisk> afterPowerCut(uint32_t seed) const {
    std::minstd_rand random(seed + 1);
    // Seed 0: nothing that was not synced; seed 1: all of it.
    const auto survives = [&] { return seed == 0 ? false : seed == 1 ? true : (random() >> 8 & 1) != 0; };
    auto after = Ref<FakeDisk>::make();
    after->durableNames = durableNames;
    for (const NameChange& change : changes) {
      if (!survives()) continue;
      if (change.file) {
        after->durableNames[change.name] = change.file;
      } else {
        after->durableNames.erase(change.name);
      }
      if (!change.removed.empty()) after->durableNames.erase(change.removed);
    }
    for (auto& [name, file] : after->durableNames) {
      auto copy = std::make_shared<File>();
      Bytes bytes = file->durable;
      if (survives()) bytes.resize(file->current.size());
      for (const size_t sector : file->dirty) {
        const size_t from = sector * kSectorBytes;
        const size_t to = std::min({from + kSectorBytes, bytes.size(), file->current.size()});
        if (from < to && survives())
          std::copy(file->current.begin() + from, file->current.begin() + to, bytes.begin() + from);
      }
      copy->durable = bytes;
      copy->current = bytes;
      file = std::move(copy);
    }
    after->names = after->durableNames;
    return after;
  }

  /// 0, or an errno value negated: the next operation.
  int step() noexcept {
    const uint64_t now = operations++;
    if (now >= powerCutAt) {
      operations = powerCutAt + 1;
      return -EIO;
    }
    if (now != failAt) return 0;
    failed = true;
    return -failure;
  }
};

class FakeFile final : public LogFile {
 public:
  FakeFile(Ref<FakeDisk> disk, std::shared_ptr<FakeDisk::File> file) noexcept
      : disk_(std::move(disk)), file_(std::move(file)) {}

  int64_t write(uint64_t at, const uint8_t* bytes, size_t length) noexcept override {
    const bool wasFailed = disk_->failed;
    const int error = disk_->step();
    if (error < 0) return error;
    const bool isShort = !wasFailed && disk_->failed;  // `failure` 0
    if (isShort) length /= 2;
    auto& current = file_->current;
    if (current.size() < at + length) current.resize(at + length);
    std::copy(bytes, bytes + length, current.begin() + static_cast<ptrdiff_t>(at));
    for (size_t sector = at / FakeDisk::kSectorBytes; sector * FakeDisk::kSectorBytes < at + length; sector++) {
      file_->dirty.push_back(sector);
    }
    // After a short write the rest finds no room.
    if (isShort) {
      disk_->failure = ENOSPC;
      disk_->failAt = disk_->operations;
    }
    return static_cast<int64_t>(length);
  }
  int64_t read(uint64_t at, uint8_t* bytes, size_t length) const noexcept override {
    const auto& current = file_->current;
    if (at >= current.size()) return 0;
    length = std::min<size_t>(length, current.size() - at);
    std::copy_n(current.begin() + static_cast<ptrdiff_t>(at), length, bytes);
    return static_cast<int64_t>(length);
  }
  int sync() noexcept override {
    if (const int error = disk_->step(); error < 0) return error;
    file_->durable = file_->current;
    file_->dirty.clear();
    return 0;
  }
  int truncate(uint64_t length) noexcept override {
    if (const int error = disk_->step(); error < 0) return error;
    file_->current.resize(length);
    return 0;
  }
  int allocate(uint64_t length) noexcept override {
    if (const int error = disk_->step(); error < 0) return error;
    if (file_->current.size() < length) file_->current.resize(length);
    return 0;
  }
  int64_t size() const noexcept override { return static_cast<int64_t>(file_->current.size()); }

 private:
  Ref<FakeDisk> disk_;
  std::shared_ptr<FakeDisk::File> file_;
};

class FakeDirectory final : public LogDirectory {
 public:
  explicit FakeDirectory(Ref<FakeDisk> disk) noexcept : disk_(std::move(disk)) {}

  int open(const std::string& name, Mode mode, Ref<LogFile>& file) noexcept override {
    auto it = disk_->names.find(name);
    if (mode == Mode::kCreate) {
      if (const int error = disk_->step(); error < 0) return error;
      if (it == disk_->names.end()) {
        it = disk_->names.emplace(name, std::make_shared<FakeDisk::File>()).first;
        disk_->changes.push_back({.name = name, .file = it->second, .removed = ""});
      }
      it->second->current.clear();
    }
    if (it == disk_->names.end()) return -ENOENT;
    file = Ref<FakeFile>::make(disk_, it->second);
    return 0;
  }
  int list(std::vector<std::string>& found) const noexcept override {
    found.clear();
    for (const auto& [name, file] : disk_->names) found.push_back(name);
    return 0;
  }
  int rename(const std::string& from, const std::string& to) noexcept override {
    if (const int error = disk_->step(); error < 0) return error;
    const auto it = disk_->names.find(from);
    if (it == disk_->names.end()) return -ENOENT;
    const auto file = it->second;
    disk_->names.erase(it);
    disk_->names[to] = file;
    disk_->changes.push_back({.name = to, .file = file, .removed = from});
    return 0;
  }
  int remove(const std::string& name) noexcept override {
    if (const int error = disk_->step(); error < 0) return error;
    if (disk_->names.erase(name) == 0) return -ENOENT;
    disk_->changes.push_back({.name = name, .file = nullptr, .removed = ""});
    return 0;
  }
  int sync() noexcept override {
    if (const int error = disk_->step(); error < 0) return error;
    disk_->durableNames = disk_->names;
    disk_->changes.clear();
    return 0;
  }
  int lock() noexcept override { return 0; }
  void unlock() noexcept override {}
  void close() noexcept override {}

 private:
  Ref<FakeDisk> disk_;
};

}  // namespace sluice
