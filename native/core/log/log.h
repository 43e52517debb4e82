// The log: its files, and the thread that alone writes them.
//
// The thread takes what lies in the ring of claims and in the intakes, makes one frame of it, writes once, syncs as often as `durability`
// asks, and publishes what became of it: `end`, one number, from which every reader knows; and for each thread that appended its
// answers, in the order of its claims. Then it wakes whoever is parked, once.
//
// Sleeping. The thread parks in the wait set of the shared memory and in one of its own (for intakes), and looks once more at all rings
// before it sleeps. Who commits a claim looks at the wait set afterwards. All of it is sequentially consistent: one of the two sees
// the other (lib/memory/README.md).
//
// Memory. The ring and the answers belong to JavaScript. The thread that opened the log holds the ring until it has called stop(), which
// joins; a thread takes its answers away with removeProducer(), under the mutex under which they are written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "log/frame_builder.h"
#include "log/log_intake.h"
#include "log/log_memory.h"
#include "log/log_reader.h"
#include "log/log_store.h"
#include "queue/byte_ring.h"
#include "queue/wait_set.h"
#include "threads/bell.h"
#include "threads/native_thread.h"

namespace sluice {

struct LogOptions {
  enum class Durability : uint8_t { kSync = 0, kOs = 1, kEvery = 2 };
  Durability durability = Durability::kSync;
  uint32_t everyMs = 0;
  uint64_t segmentBytes = 64 * 1024 * 1024;
  uint64_t maxBytes = UINT64_MAX;  // retention; UINT64_MAX and 0: none
  uint64_t maxAgeMs = 0;
};

struct LogStats {
  std::atomic<uint64_t> records{0};
  std::atomic<uint64_t> bytes{0};    // of frames written
  std::atomic<uint64_t> commits{0};  // frames
  std::atomic<uint64_t> syncs{0};
  std::atomic<uint64_t> refused{0};  // records, for want of room
  std::atomic<uint64_t> torn{0};     // bytes cut when it was opened
};

class Log : public RefCounted {
 public:
  explicit Log(const LogOptions& options) : options_(options) {}
  ~Log() override { stop(); }

  /// Recovers the files. Blocks; called once, before anything else.
  LogOpenResult open(Ref<LogDirectory> directory) noexcept;
  /// Starts the thread over `memory`, which is laid out as log_memory.h says, ring included. 0 or an errno value.
  int start(uint32_t* memory) noexcept;
  /// Takes in what was committed, ends the thread and closes the files. Idempotent.
  void stop() noexcept;

  /// Any thread. `answers`: room for `capacity` of them. The number that claims carry.
  uint32_t addProducer(uint32_t* answers, uint32_t capacity) noexcept;
  void removeProducer(uint32_t number) noexcept;
  /// Keeps the body of an append that is too long for the ring, until its claim comes. `bytes` as behind kClaimBody.
  uint32_t stash(const uint8_t* bytes, size_t length) noexcept;
  void addIntake(Ref<LogIntake> intake) noexcept;
  /// Something was put into an intake.
  void wake() noexcept {
    if (intakeSleep_) intakeSleep_->wakeAll();
  }

  const SegmentList& segments() const noexcept { return store_.segments(); }
  uint64_t logId() const noexcept { return store_.logId(); }
  uint64_t startOffset() const noexcept { return start_.load(std::memory_order_acquire); }
  uint64_t endOffset() const noexcept { return end_.load(std::memory_order_acquire); }
  uint64_t storedBytes() const noexcept { return store_.bytes(); }
  uint64_t gaps() const noexcept;
  /// A reader came upon records that are missing.
  void noteGap(uint64_t offset) noexcept;
  const LogStats& stats() const noexcept { return stats_; }

 private:
  struct Producer {
    uint32_t* memory;
    uint32_t capacity;
    uint32_t done;
  };
  struct Answer {
    uint32_t producer;
    double value;
  };
  struct Command {
    uint32_t kind;
    uint32_t producer;
    uint64_t argument;
  };
  static constexpr size_t kFrameBytes = 4 * 1024 * 1024;  // of one frame, about, where a sync follows
  static constexpr size_t kOsFrameBytes = 512 * 1024;     // where none does
  static constexpr uint32_t kRetryMs = 100;               // while intakes wait for room on the disk
  static constexpr uint32_t kRetentionMs = 1000;          // between two looks at what has grown old

  void run() noexcept;
  bool turn() noexcept;
  bool gather() noexcept;
  bool gatherClaims() noexcept;
  void learnIntakes() noexcept;
  void forgetIntakes() noexcept;
  bool gatherIntakes() noexcept;
  bool takeRecords(const uint8_t* body, size_t length, uint32_t producer) noexcept;
  void commit() noexcept;
  void settle() noexcept;
  void fail() noexcept;
  void refuse(double answer) noexcept;
  void answer(std::vector<Answer>& answers) noexcept;
  void doCommand(const Command& command) noexcept;
  void retain(uint64_t nowMs) noexcept;
  void publishEnd() noexcept;
  void publishStart() noexcept;
  void setState(uint32_t state, int error) noexcept;
  void finish() noexcept;
  bool mustStop() const noexcept { return stopping_.load(std::memory_order_acquire); }
  bool isQuiet() noexcept;
  int timeout() const noexcept;
  size_t frameBytes() const noexcept {
    return options_.durability == LogOptions::Durability::kOs ? kOsFrameBytes : kFrameBytes;
  }

  const LogOptions options_;
  std::mutex lifeMutex_;  // a thread of the pool may still open what its owner has given up
  bool stopped_ = false;
  LogStore store_;
  LogStats stats_;
  std::atomic<uint64_t> start_{0};
  std::atomic<uint64_t> end_{0};
  mutable std::mutex gapsMutex_;
  std::set<uint64_t> gapOffsets_;

  // The thread's.
  NativeThread thread_;
  Bell bell_;
  uint32_t id_ = 0;  // in the WakerRegistry
  uint32_t* memory_ = nullptr;
  std::optional<SharedWords> words_;
  std::optional<ByteRing<>> ring_;
  std::optional<WaitSet<>> sleep_;
  std::optional<WaitSet<>> waiting_;
  std::optional<WaitSet<>> ending_;
  struct alignas(layout::kLineBytes) Line {
    uint32_t words[layout::kLineWords] = {};
  };
  Line intakeSleepWords_;
  std::optional<WaitSet<>> intakeSleep_;
  std::atomic<bool> stopping_{false};
  FrameBuilder frame_;
  std::vector<Answer> pending_;    // of the frame that is gathered: the record's place in it, until it has an offset
  std::vector<Answer> unsettled_;  // written, and not yet durable
  std::optional<Command> command_;
  bool closed_ = false;
  bool failed_ = false;
  bool intakesRefused_ = false;  // for want of room: their records stay where they are
  uint64_t retryAtMs_ = 0;
  uint64_t unsyncedSinceMs_ = 0;
  bool unsynced_ = false;
  uint64_t retainedMs_ = 0;
  int64_t wallMs_ = 0;

  std::mutex producersMutex_;
  std::unordered_map<uint32_t, Producer> producers_;
  uint32_t lastProducer_ = 0;

  std::mutex stashMutex_;
  struct Stashed {
    std::unique_ptr<uint8_t[]> bytes;
    size_t length;
  };
  std::unordered_map<uint32_t, Stashed> stashed_;
  uint32_t lastStash_ = 0;

  std::mutex intakesMutex_;
  std::vector<Ref<LogIntake>> intakes_;
  std::atomic<uint32_t> intakesVersion_{0};
  std::vector<Ref<LogIntake>> myIntakes_;  // the thread's copy
  uint32_t myIntakesVersion_ = 0;
};

}  // namespace sluice
