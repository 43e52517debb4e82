// From a reactor into the log: each frame is a record, put into an intake of the reactor's own. The thread that called listen() has no
// part in it.
//
// Order of a connection holds because its frames go into one ring in the order in which they came. A frame that finds the ring full waits
// here, later ones behind it, and no connection of this reactor is read meanwhile: so what waits is no more than what one read had
// brought. A disk that is slow, or full, thus closes the senders' TCP windows. A log that has failed or was closed takes nothing for
// ever: the connections stay as they are until the program closes them.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "log/log.h"
#include "reactor/reactor.h"

namespace sluice {

/// Written by the reactor's thread, read by any.
struct LogSinkStats {
  std::atomic<uint64_t> frames{0};   // taken from connections
  std::atomic<uint64_t> bytes{0};    // in them
  std::atomic<uint64_t> waiting{0};  // frames that have no room in the ring now
  std::atomic<uint64_t> paused{0};   // connections that are not read for it
};

class LogSink final : public FrameSink {
 public:
  /// `keyed`: a record's key is its connection's address. `ringBytes`: twice the longest frame and more.
  LogSink(Ref<Log> log, bool keyed, uint32_t ringBytes) noexcept
      : log_(std::move(log)), keyed_(keyed), ringBytes_(ringBytes) {}
  ~LogSink() override {
    if (intake_) intake_->finish();
  }

  void begin(Reactor& reactor, uint32_t thread) noexcept override;
  void opened(Connection& connection) noexcept override;
  bool mayRead(const Connection& connection) noexcept override;
  void take(const Arena& arena, uint32_t first, uint32_t count) noexcept override;
  void peerEnded(Connection& connection) noexcept override;
  void ended(const Connection& connection) noexcept override;
  bool isBusyWith(const Connection& connection) const noexcept override;
  void work() noexcept override;
  bool park() noexcept override;
  bool needsTick() const noexcept override { return false; }

  const LogSinkStats& stats() const noexcept { return stats_; }
  uint64_t settledFrames() const noexcept { return intake_ ? intake_->settledRecords() : 0; }
  bool isClosed() const noexcept { return intake_ && intake_->isClosed(); }

 private:
  struct Named {
    uint32_t generation = 0;  // 0: none
    bool held = false;
    bool awaitsEnd = false;  // its peer has ended, and frames of it wait here
    uint32_t waiting = 0;
    uint64_t last = 0;  // how many frames had been put into the ring with its last one
    std::string key;
  };
  struct Waiting {
    uint32_t slot;
    uint32_t generation;
    std::string key;
    std::vector<uint8_t> bytes;
  };

  Named* find(uint32_t slot, uint32_t generation) noexcept;
  void hold(Named& named, uint32_t slot) noexcept;
  bool put(const std::string& key, const uint8_t* bytes, uint32_t length) noexcept {
    return intake_->put(reinterpret_cast<const uint8_t*>(key.data()), static_cast<uint32_t>(key.size()), bytes, length);
  }
  bool flush() noexcept;

  const Ref<Log> log_;
  const bool keyed_;
  const uint32_t ringBytes_;
  LogSinkStats stats_;
  Reactor* reactor_ = nullptr;  // from begin() on
  Ref<LogIntake> intake_;
  uint64_t put_ = 0;
  std::vector<Named> named_;  // by slot
  std::deque<Waiting> waiting_;
  std::vector<uint32_t> held_;  // slots that are to be read again
};

}  // namespace sluice
