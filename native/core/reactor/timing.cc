// What has to happen in time: the limits that close a connection or pause it.
//
// Each connection that has such a limit has one deadline in the wheel, the first of all its limits. When that has come,
// look() looks at all of them, acts, and arms for the next. Traffic only notes moments, so it costs no more than a store.
//
// A limit never counts against a peer what is our doing. Bytes that lie unread, since the consumer is behind, the program
// paused the connection or its budget is used up, are found before anything is closed: the poller is asked first, also
// after this thread itself was held up. And the time for which they lay there does not count once they are read.

#include <algorithm>
#include <cmath>

#include "reactor/reactor.h"

namespace sluice {

ConnectionTimers& Reactor::timersOf(Connection& connection) noexcept {
  if (!connection.timers) {
    connection.timers = std::make_unique<ConnectionTimers>();
    connection.timers->connection = &connection;
  }
  return *connection.timers;
}

void Reactor::dropTimers(Connection& connection) noexcept {
  if (!connection.timers) return;
  timers_.disarm(*connection.timers);
  connection.timers.reset();
}

void Reactor::armBefore(ConnectionTimers& timers, uint64_t atMs) noexcept {
  if (!timers.deadline.isArmed() || atMs < timers.deadline.atMs) timers_.arm(timers, atMs);
}

/// From kConnected on.
void Reactor::beginTiming(Connection& connection) noexcept {
  const EndpointLimits& limits = connection.endpoint->options.limits;
  dropTimers(connection);
  if (!limits.timeConnections()) return;
  ConnectionTimers& timers = timersOf(connection);
  timers.beganMs = timers.lastTrafficMs = timers.tokensAtMs = nowMs_;
  timers.tokens = limits.frameBurst;
  look(timers, nowMs_);
}

bool Reactor::isUnread(const Connection& connection) noexcept {
  return connection.readable || connection.partial.unscanned || connection.wasReady || ReadyList::contains(&connection);
}

/// Bytes wait from here on.
void Reactor::noteWaiting(Connection& connection) noexcept {
  if (connection.timers && connection.timers->waitsSinceMs == 0) connection.timers->waitsSinceMs = nowMs_;
}

/// A read has brought that much.
void Reactor::noteRead(Connection& connection, uint64_t bytes, uint32_t frames) noexcept {
  if (!connection.timers) return;
  ConnectionTimers& timers = *connection.timers;
  const EndpointLimits& limits = connection.endpoint->options.limits;
  const uint64_t waited = timers.waitsSinceMs == 0 ? 0 : nowMs_ - timers.waitsSinceMs;
  timers.waitsSinceMs = isUnread(connection) ? nowMs_ : 0;
  if (waited > 0) {
    timers.beganMs += waited;
    if (timers.frameBeganMs > 0) timers.frameBeganMs += waited;
    timers.spanBeganMs += waited;
    armBefore(timers, nowMs_ + 1);  // what it was armed for has moved
  }
  if (bytes > 0) timers.lastTrafficMs = nowMs_;
  timers.spanBytes += bytes;
  timers.tokens -= frames;
  if (frames > 0) timers.hadFrame = true;
  const bool isUnfinished = !connection.partial.empty() && !connection.partial.unscanned;
  if (frames > 0 || !isUnfinished) timers.frameBeganMs = 0;
  if (!isUnfinished || timers.frameBeganMs > 0) return;
  timers.frameBeganMs = timers.spanBeganMs = nowMs_;
  timers.spanBytes = connection.partial.size();
  if (limits.frameMs > 0) armBefore(timers, nowMs_ + limits.frameMs);
  if (limits.bytesPerSecondMin > 0) armBefore(timers, nowMs_ + kSlowSpanMs);
}

void Reactor::noteWrite(Connection& connection) noexcept {
  if (connection.timers) connection.timers->lastTrafficMs = nowMs_;
}

/// How many frames it may bring now: a bucket that holds `frameBurst` tokens, and gets `framesPerSecond` of them.
uint32_t Reactor::frameAllowance(Connection& connection) noexcept {
  const EndpointLimits& limits = connection.endpoint->options.limits;
  if (limits.framesPerSecond <= 0 || !connection.timers) return UINT32_MAX;
  ConnectionTimers& timers = *connection.timers;
  const double passed = static_cast<double>(nowMs_ - std::min(nowMs_, timers.tokensAtMs)) / 1000;
  timers.tokens = std::min(limits.frameBurst, timers.tokens + passed * limits.framesPerSecond);
  timers.tokensAtMs = nowMs_;
  if (limits.closesOverRate) return UINT32_MAX;  // what one read brings is known only then: see overRate()
  return static_cast<uint32_t>(std::clamp(timers.tokens, 0.0, 4e9));
}

uint64_t Reactor::nextTokenMs(const Connection& connection) noexcept {
  const ConnectionTimers& timers = *connection.timers;
  const double missing = std::max(0.0, 1 - timers.tokens) / connection.endpoint->options.limits.framesPerSecond;
  return timers.tokensAtMs + std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(std::min(missing * 1000, 1e12))));
}

/// Its frames are used up, and more may be there.
void Reactor::holdForRate(Connection& connection) noexcept {
  connection.heldByRate = connection.wasReady = true;
  connection.endpoint->ready.remove(&connection);
  armBefore(*connection.timers, nextTokenMs(connection));
}

/// All limits of one connection, of which one may have come to its moment.
void Reactor::look(ConnectionTimers& timers, uint64_t nowMs) noexcept {
  Connection& connection = *timers.connection;
  const EndpointLimits& limits = connection.endpoint->options.limits;
  uint64_t next = TimerWheel::kNever;
  // Whether a limit is over; if not, it is looked at again then. One that we hold up is looked at later.
  const bool unread = connection.announced && isUnread(connection);
  const auto isOver = [&](uint64_t sinceMs, uint64_t limitMs) {
    if (sinceMs + limitMs > nowMs) {
      next = std::min(next, sinceMs + limitMs);
      return false;
    }
    if (unread) next = std::min(next, nowMs + limitMs);
    return !unread;
  };
  if (!connection.announced) {
    if (!isOver(timers.beganMs, limits.handshakeMs)) return timers_.arm(timers, next);
    // Both ends may wait for the other to speak first.
    const bool mayBeDirect = connection.awaitsProxy && !connection.endpoint->options.proxies->required;
    return mayBeDirect ? takeAsDirect(connection) : fault(connection, CloseReason::kHandshakeTimeout);
  }
  if (connection.closeWhenSent && !connection.output) return;  // on its way out
  if (connection.output && limits.outputStallMs > 0) {
    OutputQueue& output = *connection.output;
    if (output.progressAtMs == 0) output.progressAtMs = nowMs;
    if (output.progressAtMs + limits.outputStallMs <= nowMs) return fault(connection, CloseReason::kOutputStalled);
    next = std::min(next, output.progressAtMs + limits.outputStallMs);
  }
  if (!connection.discards && !connection.readEnded) {
    if (connection.heldByRate) {
      frameAllowance(connection);
      if (timers.tokens >= 1) {
        connection.heldByRate = false;
        resume(connection);
      } else {
        next = std::min(next, nextTokenMs(connection));
      }
    }
    if (limits.firstFrameMs > 0 && !timers.hadFrame && isOver(timers.beganMs, limits.firstFrameMs)) {
      return refuseInput(connection, CloseReason::kFirstFrameTimeout);
    }
    if (limits.frameMs > 0 && timers.frameBeganMs > 0 && isOver(timers.frameBeganMs, limits.frameMs)) {
      return refuseInput(connection, CloseReason::kFrameTimeout);
    }
    if (limits.bytesPerSecondMin > 0 && timers.frameBeganMs > 0 && isOver(timers.spanBeganMs, kSlowSpanMs)) {
      const uint64_t span = nowMs - timers.spanBeganMs;
      if (timers.spanBytes * 1000 < limits.bytesPerSecondMin * span) {
        return refuseInput(connection, CloseReason::kTooSlow);
      }
      timers.spanBeganMs = nowMs;
      timers.spanBytes = 0;
      next = std::min(next, nowMs + kSlowSpanMs);
    }
    // A peer that takes no output has its own limit.
    if (limits.idleMs > 0 && !connection.output && isOver(timers.lastTrafficMs, limits.idleMs)) {
      return refuseInput(connection, CloseReason::kIdleTimeout);
    }
  }
  if (next != TimerWheel::kNever) timers_.arm(timers, std::max(next, nowMs + 1));
}

/// Whose moment has come.
void Reactor::lookAtDue(uint64_t nowMs) noexcept {
  if (timers_.nextMs() > nowMs) return;
  notice(poller_.harvest(0));
  while (ConnectionTimers* due = timers_.popDue(nowMs)) look(*due, nowMs);
}

uint64_t Reactor::tickAtMs() const noexcept {
  uint64_t at = std::min(timers_.nextMs(), lingering_.nextMs());
  if (backedOff_ > 0 || sinksNeedTick()) at = std::min(at, lastTickMs_ + kTickMs);
  for (const Endpoint* endpoint : draining_) at = std::min(at, endpoint->sweepAtMs);
  for (const Endpoint* endpoint : behind_) at = std::min(at, endpoint->behindAtMs);
  return at;
}

}  // namespace sluice
