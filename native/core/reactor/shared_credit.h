// The read budget of a listener whose connections several reactors share.
//
// Each reactor has a part of the listener. Before it reads it takes credit for what it may read, and afterwards says what
// it holds, so that the parts together never hold more than the budget. A part that finds nothing left stops, and is told
// when another part gives something back. One lock, taken twice a turn.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "threads/ref.h"

namespace sluice {

class ReactorPort;

class SharedCredit : public RefCounted {
 public:
  explicit SharedCredit(uint64_t budget) noexcept : budget_(budget) {}

  /// A new part, which `endpoint` of the reactor behind `port` has. Returns its index.
  uint32_t join(Ref<ReactorPort> port, uint32_t endpoint) noexcept;
  /// The part holds `held` bytes, `partial` of them in unfinished frames, and wants to read up to `wanted` more. Returns
  /// how many it may; with 0 it is told when that changes (Reply::credit).
  uint64_t take(uint32_t part, uint64_t held, uint64_t partial, uint64_t wanted) noexcept;
  /// The part holds that much now.
  void settle(uint32_t part, uint64_t held, uint64_t partial) noexcept;
  /// As settle(), between take() and settle(): what was granted stays.
  void settlePartial(uint32_t part, uint64_t partial) noexcept;
  /// Whether unfinished frames hold more than `bound`, and this part the most of them. When another part does, that one is
  /// told to look (Reply::credit).
  bool mustShrink(uint32_t part, uint64_t bound) noexcept;

 private:
  /// Credit that is given when nothing is held but unfinished frames: no release will come, so somebody has to go on and
  /// find that there are too many of them.
  static constexpr uint64_t kToProceed = 4 * 1024;

  struct Part {
    Ref<ReactorPort> port;
    uint32_t endpoint;
    uint64_t held = 0;
    uint64_t partial = 0;
    bool waiting = false;
  };

  static void tell(const Part& part) noexcept;
  void note(Part& part, uint64_t held, uint64_t partial) noexcept;

  const uint64_t budget_;
  std::mutex mutex_;
  std::vector<Part> parts_;
  uint64_t held_ = 0;
  uint64_t partial_ = 0;
};

}  // namespace sluice
