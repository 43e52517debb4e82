// Who takes an endpoint's frames elsewhere, on the reactor's own thread: the reactor hands them over as it reads them, and
// no consumer of batches is asked.
//
// What a sink is told of one connection comes in order: opened(), take() with its frames, peerEnded(), ended(), which is
// the last word. It may call the reactor from within (hold, destroy, end, write), except in ended().
#pragma once

#include <cstdint>

#include "framing/frame_table.h"
#include "reactor/arena.h"
#include "threads/ref.h"

namespace sluice {

class Reactor;
struct Connection;

class FrameSink : public RefCounted {
 public:
  /// It is the reactor's from here on; `thread` is the id by which the reactor is woken (WakerRegistry).
  virtual void begin(Reactor& reactor, uint32_t thread) noexcept = 0;

  virtual void opened(Connection& connection) noexcept = 0;
  /// False: there is no room for frames of this connection. The reactor holds it until the sink lets it go.
  virtual bool mayRead(const Connection& connection) noexcept = 0;
  /// Frames [first, first + count) of the arena's table. The bytes are the sink's only until it returns.
  virtual void take(const Arena& arena, uint32_t first, uint32_t count) noexcept = 0;
  /// The peer has ended its side, and all frames were handed over: Reactor::end() is awaited.
  virtual void peerEnded(Connection& connection) noexcept = 0;
  virtual void ended(const Connection& connection) noexcept = 0;
  /// Whether frames of the connection are not handled yet, or what answers them is still on its way.
  virtual bool isBusyWith(const Connection& connection) const noexcept = 0;

  /// Once a turn: what others have to say to the reactor, and what found no room before.
  virtual void work() noexcept = 0;
  /// The reactor is about to sleep, and is to be woken from here on. False: there is something to do first.
  virtual bool park() noexcept = 0;
  /// Whether it wants work() to be called at the next tick though nobody wakes the reactor.
  virtual bool needsTick() const noexcept = 0;
};

}  // namespace sluice
