#include "log/log_sink.h"

#include <algorithm>
#include <sys/socket.h>

namespace sluice {

namespace {

void add(std::atomic<uint64_t>& counter, int64_t by) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<uint64_t>(by), std::memory_order_release);
}

}  // namespace

void LogSink::begin(Reactor& reactor, uint32_t thread) noexcept {
  reactor_ = &reactor;
  intake_ = Ref<LogIntake>::make(ringBytes_, thread);
  log_->addIntake(intake_);
}

void LogSink::opened(Connection& connection) noexcept {
  const uint32_t slot = connection.slot;
  if (slot >= named_.size()) named_.resize(std::max<size_t>(slot + 1, 2 * named_.size()));
  Named& named = named_[slot];
  named = {};
  named.generation = connection.generation;
  if (!keyed_) return;
  const PeerAddress& peer = connection.peer;
  if (peer.family == AF_INET || peer.family == AF_INET6) {
    const std::string host = peer.host();
    const bool isBare = host.find(':') == std::string::npos;
    named.key = (isBare ? host : "[" + host + "]") + ":" + std::to_string(peer.port);
  } else {
    // A unix peer has no address: what tells it apart, while the process runs, is its place.
    named.key = "unix#" + std::to_string(slot) + "." + std::to_string(connection.generation);
  }
}

LogSink::Named* LogSink::find(uint32_t slot, uint32_t generation) noexcept {
  return slot < named_.size() && named_[slot].generation == generation ? &named_[slot] : nullptr;
}

bool LogSink::mayRead(const Connection& connection) noexcept {
  if (waiting_.empty()) return true;
  Named* named = find(connection.slot, connection.generation);
  if (named == nullptr) return true;
  // Not by Reactor::hold(): the reactor does that itself.
  if (!named->held) {
    named->held = true;
    held_.push_back(connection.slot);
    add(stats_.paused, 1);
  }
  return false;
}

void LogSink::take(const Arena& arena, uint32_t first, uint32_t count) noexcept {
  uint64_t bytes = 0;
  uint64_t taken = 0;
  for (uint32_t i = first; i < first + count; i++) {
    const int32_t* frame = arena.frames + size_t{i} * FrameTable::kWordsPerFrame;
    const auto slot = static_cast<uint32_t>(frame[0]);
    if (slot >= named_.size() || named_[slot].generation == 0) continue;
    Named& named = named_[slot];
    const uint8_t* from = arena.bytes + frame[1];
    const auto length = static_cast<uint32_t>(frame[2] - frame[1]);
    bytes += length;
    taken++;
    if (waiting_.empty() && put(named.key, from, length)) {
      named.last = ++put_;
      continue;
    }
    waiting_.push_back(
        {.slot = slot, .generation = named.generation, .key = named.key, .bytes = {from, from + length}});
    named.waiting++;
    add(stats_.waiting, 1);
    hold(named, slot);
  }
  add(stats_.frames, static_cast<int64_t>(taken));
  add(stats_.bytes, static_cast<int64_t>(bytes));
  log_->wake();
}

void LogSink::hold(Named& named, uint32_t slot) noexcept {
  if (named.held) return;
  named.held = true;
  held_.push_back(slot);
  add(stats_.paused, 1);
  if (Connection* connection = reactor_->connection(slot)) reactor_->hold(*connection, true);
}

void LogSink::peerEnded(Connection& connection) noexcept {
  Named* named = find(connection.slot, connection.generation);
  if (named == nullptr || named->waiting == 0) return reactor_->end(connection);
  named->awaitsEnd = true;
}

void LogSink::ended(const Connection& connection) noexcept {
  Named* named = find(connection.slot, connection.generation);
  if (named == nullptr) return;
  if (named->held) {
    named->held = false;
    std::erase(held_, connection.slot);
    add(stats_.paused, -1);
  }
  named->awaitsEnd = false;
}

bool LogSink::isBusyWith(const Connection& connection) const noexcept {
  if (connection.slot >= named_.size()) return false;
  const Named& named = named_[connection.slot];
  if (named.generation != connection.generation || isClosed()) return false;
  return named.waiting > 0 || named.last > settledFrames();
}

/// Moves what waits into the ring, as far as there is room. True: something moved.
bool LogSink::flush() noexcept {
  bool moved = false;
  while (!waiting_.empty()) {
    Waiting& next = waiting_.front();
    if (!put(next.key, next.bytes.data(), static_cast<uint32_t>(next.bytes.size()))) break;
    moved = true;
    put_++;
    add(stats_.waiting, -1);
    Named* named =
        find(next.slot, next.generation);  // none: the connection has ended, its frames are records all the same
    if (named != nullptr) named->last = put_;
    if (named != nullptr && --named->waiting == 0 && named->awaitsEnd) {
      named->awaitsEnd = false;
      if (Connection* connection = reactor_->connection(next.slot)) reactor_->end(*connection);
    }
    waiting_.pop_front();
  }
  if (!moved) return false;
  log_->wake();
  if (!waiting_.empty()) return true;
  const std::vector<uint32_t> held = std::move(held_);
  held_.clear();
  for (const uint32_t slot : held) {
    named_[slot].held = false;
    add(stats_.paused, -1);
    if (Connection* connection = reactor_->connection(slot)) reactor_->hold(*connection, false);
  }
  return true;
}

void LogSink::work() noexcept {
  intake_->unpark();
  if (!waiting_.empty()) flush();
}

/// Room that came before the log's thread could see that this one is parked is found here.
bool LogSink::park() noexcept {
  if (waiting_.empty()) return true;
  intake_->park();
  return !flush();
}

}  // namespace sluice
