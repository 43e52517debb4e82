// A reactor and an owner that drives it as the addon does: waits for the poller, polls, fills an arena, takes the frames
// and the events, releases, recycles. Tests say what to wait for; a bound on the waiting only ends a test that hangs.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/reactor.h"
#include "support/require.h"

namespace sluice::testing_support {

class DrivenReactor {
 public:
  explicit DrivenReactor(uint32_t arenaBytes = 64 * 1024, uint32_t frameCapacity = 4096) {
    SLUICE_REQUIRE(reactor_.open() == 0);
    resizeArena(arenaBytes, frameCapacity);
  }

  Reactor& reactor() { return reactor_; }

  Endpoint& listen(Framer framer, const EndpointOptions& options = {}, const ListenOptions& listenOptions = {}) {
    SocketAddress address;
    SLUICE_REQUIRE(SocketAddress::fromIp("127.0.0.1", 0, address) == 0);
    int error = 0;
    Endpoint* endpoint = reactor_.listen(address, listenOptions, std::move(framer), options, error);
    SLUICE_REQUIRE(endpoint != nullptr && error == 0);
    reactor_.setReading(*endpoint, true);
    return *endpoint;
  }

  /// One turn. Waits for readiness at most `waitMs`, not at all when work is left.
  void turn(int waitMs = 10) {
    pollfd readiness{.fd = reactor_.descriptor(), .events = POLLIN, .revents = 0};
    const bool busy = reactor_.hasWork() || !reactor_.events().empty() || !reactor_.parkSinks();
    ::poll(&readiness, 1, busy ? 0 : waitMs);
    reactor_.poll(nowMs);
    reactor_.runSinks();
    if (const uint32_t wanted = reactor_.fill(arena_); wanted > 0) {
      resizeArena(wanted, arena_.frameCapacity);
      SLUICE_REQUIRE(reactor_.fill(arena_) == 0);
    }
    takeEvents();
    const std::vector<Batch> batches(reactor_.batches().begin(), reactor_.batches().end());
    for (const Batch& batch : batches) take(batch);
    turns++;
    takeEvents();
  }

  /// Turns until `done` holds. False when it does not for a long time.
  template <typename Condition>
  bool until(const Condition& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      turn();
    }
    return true;
  }

  /// Turns until nothing is left to do and nothing arrives.
  void settle() {
    for (int idle = 0; idle < 3; idle++) {
      const size_t before = frameCount + events.size();
      turn(5);
      if (reactor_.hasWork() || frameCount + events.size() != before) idle = -1;
    }
  }

  void write(uint32_t slot, std::string_view text) {
    const OutputPiece piece{static_cast<int32_t>(slot), 0, static_cast<int32_t>(text.size())};
    reactor_.write(&piece, 1, reinterpret_cast<const uint8_t*>(text.data()));
  }

  size_t count(EventKind kind) const {
    size_t found = 0;
    for (const Event& event : events) found += event.kind == kind ? 1 : 0;
    return found;
  }
  /// The last event of its kind.
  const Event& last(EventKind kind) const {
    for (size_t i = events.size(); i-- > 0;) {
      if (events[i].kind == kind) return events[i];
    }
    static constexpr Event kNone{};
    ADD_FAILURE() << "no event of kind " << static_cast<int>(kind);
    return kNone;
  }

  uint64_t nowMs = 1;
  /// What to do with a frame; its slot is open or has just ended.
  std::function<void(uint32_t slot, std::string_view frame)> onFrame;
  bool releaseAtOnce = true;
  std::vector<Endpoint*> held;  // whose batches were taken and not released

  // What was seen.
  std::vector<Event> events;
  std::map<uint32_t, std::vector<std::string>> frames;  // by slot, since its last kConnected
  std::map<uint32_t, std::vector<Batch>> batches;       // by endpoint
  size_t frameCount = 0;
  size_t turns = 0;

 private:
  void resizeArena(uint32_t bytes, uint32_t frameCapacity) {
    // An allocation of its own of exactly that size, so that AddressSanitizer sees a step beyond.
    bytes_ = std::make_unique<uint8_t[]>(bytes);
    words_ = std::make_unique<int32_t[]>(size_t{frameCapacity} * FrameTable::kWordsPerFrame);
    arena_ = {.bytes = bytes_.get(), .size = bytes, .frames = words_.get(), .frameCapacity = frameCapacity};
  }

  void take(const Batch& batch) {
    batches[batch.endpoint->id].push_back(batch);
    for (uint32_t i = batch.firstFrame; i < batch.firstFrame + batch.frameCount; i++) {
      const int32_t* frame = arena_.frames + size_t{i} * FrameTable::kWordsPerFrame;
      SLUICE_REQUIRE(0 <= frame[1] && frame[1] <= frame[2] && static_cast<uint32_t>(frame[2]) <= arena_.size);
      const std::string_view text(reinterpret_cast<const char*>(arena_.bytes) + frame[1],
                                  static_cast<size_t>(frame[2] - frame[1]));
      const auto slot = static_cast<uint32_t>(frame[0]);
      frames[slot].emplace_back(text);
      frameCount++;
      if (onFrame) onFrame(slot, text);
    }
    if (releaseAtOnce) {
      reactor_.release(*batch.endpoint);
    } else {
      held.push_back(batch.endpoint);
    }
  }

  void takeEvents() {
    while (!reactor_.events().empty()) {
      std::vector<Event> delivered;
      delivered.swap(reactor_.events());
      for (const Event& event : delivered) {
        if (event.kind == EventKind::kConnected) frames[event.slot].clear();
      }
      events.insert(events.end(), delivered.begin(), delivered.end());
      reactor_.recycle(delivered);
    }
  }

  Reactor reactor_;
  std::unique_ptr<uint8_t[]> bytes_;
  std::unique_ptr<int32_t[]> words_;
  Arena arena_;
};

}  // namespace sluice::testing_support
