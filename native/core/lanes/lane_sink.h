// From a reactor to the lanes of a worker pool, and back: frames go into byte rings that workers take in turn, and what the
// workers answer comes out of one ring for each reactor. The thread that called listen() has no part in it.
//
// Order of a connection holds because its frames go into one ring in the order in which they came. A record that finds its
// lane full waits here, every later record of that lane waits behind it, and connections of that lane are not read
// meanwhile: so what waits is no more than what one read had brought when the lane became full.
//
// Several reactors may feed the same lanes, since a ring has many producers. A connection's name says which reactor has it
// (`index % reactors`), and so which ring an answer goes to.
//
// Sleeping. The reactor parks in a wait set of its own and then looks once more at all that workers can do for it: at the
// ring of answers, and, for each lane in which records wait, whether there is room, after it has set the lane's stalled
// word. A worker writes an answer and then looks at the wait set; it releases its ring and then looks at the stalled
// word. All of these accesses are sequentially consistent, so one of the two sees the other (lib/memory/README.md), and
// a worker pays a load while the reactor is awake.
//
// Death. A worker may die with a lane's records in its hands. Its frames are counted by who sees it die; but a peer's end
// among them would leave the connection open for ever, so laneLost() puts it there again. Long frames lie in memory of this
// reactor's, and are had back when the ring's head has passed their record, whoever moved it: a dead worker keeps none.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lanes/connection_names.h"
#include "lanes/side_memory.h"
#include "queue/byte_ring.h"
#include "queue/run_queue.h"
#include "queue/wait_set.h"
#include "reactor/reactor.h"

namespace sluice {

enum class LaneOverflow : uint8_t { kPause = 0, kDropNewest = 1, kDisconnect = 2 };

struct LaneSinkOptions {
  // Lanes: a byte ring each, and a line of counters.
  uint32_t* lanes = nullptr;
  uint32_t laneCount = 0;
  uint32_t laneStride = 0;   // words from one to the next
  uint32_t countersAt = 0;   // words from a lane's beginning to its counters
  uint32_t firstNumber = 0;  // what workers call lane 0; the others follow
  // This reactor's part.
  uint32_t* answers = nullptr;   // a byte ring
  uint32_t* sleeping = nullptr;  // a wait set
  uint32_t* rest = nullptr;      // another, of whoever waits for all lanes to be at rest
  uint8_t* side = nullptr;       // memory for long frames: of all reactors, and this one's range in it
  uint32_t sideBegin = 0;
  uint32_t sideBytes = 0;
  uint32_t reactor = 0;
  uint32_t reactors = 1;

  uint32_t* names = nullptr;
  uint32_t nameCount = 0;
  RunQueueMemory pool;
  LaneOverflow overflow = LaneOverflow::kPause;
  bool tellsConnects = false;
  bool tellsDisconnects = false;
};

/// Counters since it began, and gauges. Written by the reactor's thread, read by any.
struct LaneSinkStats {
  std::atomic<uint64_t> frames{0};   // put into lanes, or waiting to be
  std::atomic<uint64_t> dropped{0};  // by the overflow policy
  std::atomic<uint64_t> paused{0};   // connections not read now since their lane is full
  std::atomic<uint64_t> waiting{0};  // records that have no room in their lane now
};

class LaneSink final : public FrameSink {
 public:
  explicit LaneSink(const LaneSinkOptions& options);

  void begin(Reactor& reactor, uint32_t thread) noexcept override;
  void opened(Connection& connection) noexcept override;
  bool mayRead(const Connection& connection) noexcept override;
  void take(const Arena& arena, uint32_t first, uint32_t count) noexcept override {
    take(arena, first, count, nullptr);
  }
  /// `lanes`: the lane of each frame, where the program chooses them; from then on a connection's frames may lie in many.
  void take(const Arena& arena, uint32_t first, uint32_t count, const int32_t* lanes) noexcept;
  void peerEnded(Connection& connection) noexcept override;
  void ended(const Connection& connection) noexcept override;
  bool isBusyWith(const Connection& connection) const noexcept override;
  void work() noexcept override;
  bool park() noexcept override;
  bool needsTick() const noexcept override { return !unannounced_.empty(); }

  /// A worker has died, and with it what it had taken out of the lane.
  void laneLost(uint32_t lane) noexcept;

  const LaneSinkStats& stats() const noexcept { return stats_; }

 private:
  static constexpr uint32_t kAnswersATurn = 2048;

  /// What a worker calls a connection.
  struct Name {
    uint32_t index;
    uint32_t generation;
  };
  /// A record that waits for room.
  struct Waiting {
    uint32_t kind;
    Name name;
    uint32_t length;
    std::unique_ptr<uint8_t[]> bytes;
  };
  /// A frame in side memory, until the ring's record that ends at `end` is released.
  struct LongFrame {
    uint32_t end;
    uint32_t at;
    uint32_t bytes;
  };
  struct Lane {
    Lane(SharedWords words, SharedWords counters, uint32_t thread) noexcept
        : words(words), counters(counters), ring(words, thread) {}
    bool isFull() const noexcept { return firstWaiting < waiting.size(); }
    /// Nobody runs it, and there is nothing in it to be run.
    bool isAtRest() const noexcept {
      return !isFull() && words.load(layout::kRingLane) == layout::kLaneIdle && ring.isEmpty();
    }

    SharedWords words;
    SharedWords counters;
    ByteRing<> ring;
    std::vector<Waiting> waiting;  // from firstWaiting on
    size_t firstWaiting = 0;
    std::vector<Name> unread;  // connections that are held until nothing waits
    std::vector<LongFrame> longFrames;
  };
  /// A connection, by slot.
  struct Named {
    uint32_t generation = 0;  // 0: none
    /// Why it is held: its frames that wait, and one more where it stands in Lane::unread.
    uint32_t holds = 0;
    bool cut = false;        // closed for a full lane: what was read with it is dropped
    bool awaitsEnd = false;  // its peer has ended, and the lanes have not come to that yet
    /// Bits of the lanes that it has frames in, where the program chooses them; while it awaits its end, those that have
    /// not come to it.
    std::vector<uint32_t> lanes;
  };

  uint32_t indexOf(uint32_t slot) const noexcept { return slot * options_.reactors + options_.reactor; }
  uint32_t slotOf(uint32_t index) const noexcept { return index / options_.reactors; }
  uint32_t laneOf(uint32_t slot) const noexcept { return indexOf(slot) % options_.laneCount; }
  Named* find(Name name) noexcept;

  void putFrame(uint32_t slot, uint32_t lane, const uint8_t* bytes, uint32_t length) noexcept;
  void putEvent(uint32_t lane, uint32_t kind, Name name, const uint8_t* bytes = nullptr, uint32_t length = 0) noexcept;
  bool tryPut(uint32_t lane, uint32_t kind, Name name, const uint8_t* bytes, uint32_t length) noexcept;
  bool tryPutLong(uint32_t lane, Name name, const uint8_t* bytes, uint32_t length) noexcept;
  void wait(uint32_t lane, uint32_t kind, Name name, const uint8_t* bytes, uint32_t length) noexcept;
  bool pushWaiting(uint32_t lane) noexcept;
  void tellRest() noexcept;
  bool pushAllWaiting() noexcept;
  void holdFor(Named& named, uint32_t slot) noexcept;
  void letGo(Name name) noexcept;
  void announce(uint32_t lane) noexcept;
  std::optional<uint32_t> allocateSide(uint32_t bytes) noexcept;
  void reclaimSide() noexcept;

  bool takeAnswers() noexcept;
  void sendPieces() noexcept;
  void peerEndSeen(Name name, uint32_t lane) noexcept;
  void awaitEndIn(Named& named, uint32_t slot) noexcept;

  const LaneSinkOptions options_;
  const ConnectionNames names_;
  LaneSinkStats stats_;
  SideMemory side_;
  // From begin() on.
  Reactor* reactor_ = nullptr;
  std::optional<ByteRing<>> answers_;
  std::optional<WaitSet<>> sleeping_;
  std::optional<WaitSet<>> rest_;
  std::optional<RunQueue> pool_;
  std::vector<Lane> lanes_;

  std::vector<Named> named_;
  std::vector<uint32_t> fullLanes_;    // in which records wait
  std::vector<uint32_t> longLanes_;    // that have frames in side memory
  std::vector<uint32_t> unannounced_;  // runnable, and the pool's queue was full
  bool mayBeAtRest_ = false;           // answers were taken, or what waited has found room
  bool sideIsShort_ = false;           // somebody waits for side memory
  std::vector<OutputPiece> pieces_;    // of the answers that are being taken
};

}  // namespace sluice
