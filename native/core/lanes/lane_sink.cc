#include "lanes/lane_sink.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "queue/lane.h"

namespace sluice {

namespace {

// The reactor's thread alone writes the counters; what a reader may rely on is said where it matters.
void count(std::atomic<uint64_t>& counter, int64_t by = 1) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<uint64_t>(by), std::memory_order_release);
}

constexpr uint32_t kHeaderWords = layout::kLaneRecordBytes / 4;

constexpr bool isFrame(uint32_t kind) { return kind == layout::kLaneFrame; }

}  // namespace

LaneSink::LaneSink(const LaneSinkOptions& options)
    : options_(options), names_(options.names, options.nameCount), side_(options.sideBegin, options.sideBytes) {}

void LaneSink::begin(Reactor& reactor, uint32_t thread) noexcept {
  reactor_ = &reactor;
  answers_.emplace(SharedWords(options_.answers), thread);
  sleeping_.emplace(SharedWords(options_.sleeping), WakerRegistry::process(), thread);
  rest_.emplace(SharedWords(options_.rest), WakerRegistry::process(), thread);
  pool_.emplace(options_.pool, thread);
  lanes_.reserve(options_.laneCount);
  for (uint32_t i = 0; i < options_.laneCount; i++) {
    uint32_t* words = options_.lanes + size_t{i} * options_.laneStride;
    lanes_.emplace_back(SharedWords(words), SharedWords(words + options_.countersAt), thread);
  }
}

// From the reactor.

void LaneSink::opened(Connection& connection) noexcept {
  const uint32_t slot = connection.slot;
  const uint32_t index = indexOf(slot);
  if (index >= names_.count()) return reactor_->destroy(connection, CloseReason::kLaneFull);
  if (slot >= named_.size()) named_.resize(std::max<size_t>(slot + 1, 2 * named_.size()));
  named_[slot] = {};
  named_[slot].generation = connection.generation;
  names_.open(index, connection);
  if (options_.tellsConnects) putEvent(laneOf(slot), layout::kLaneConnected, {index, connection.generation});
}

bool LaneSink::mayRead(const Connection& connection) noexcept {
  const uint32_t slot = connection.slot;
  if (slot >= named_.size() || options_.overflow != LaneOverflow::kPause) return true;
  Named& named = named_[slot];
  Lane& lane = lanes_[laneOf(slot)];
  if (named.generation != connection.generation || !named.lanes.empty() || !lane.isFull()) return true;
  // Not by hold(): the reactor does that itself.
  if (named.holds++ == 0) count(stats_.paused);
  lane.unread.push_back({indexOf(slot), named.generation});
  return false;
}

void LaneSink::take(const Arena& arena, uint32_t first, uint32_t count, const int32_t* lanes) noexcept {
  uint32_t lastSlot = 0;
  uint32_t lastLane = laneOf(0);
  for (uint32_t i = first; i < first + count; i++) {
    const int32_t* frame = arena.frames + size_t{i} * FrameTable::kWordsPerFrame;
    const auto slot = static_cast<uint32_t>(frame[0]);
    if (lanes != nullptr) {
      lastLane = static_cast<uint32_t>(lanes[i - first]);
    } else if (slot != lastSlot) {
      lastLane = laneOf(slot);
    }
    lastSlot = slot;
    if (slot >= named_.size() || named_[slot].generation == 0) continue;  // it was refused when it was opened
    if (lanes != nullptr) {
      std::vector<uint32_t>& bits = named_[slot].lanes;
      if (bits.empty()) bits.resize((options_.laneCount + 31) / 32);
      bits[lastLane / 32] |= 1U << lastLane % 32;
    }
    putFrame(slot, lastLane, arena.bytes + frame[1], static_cast<uint32_t>(frame[2] - frame[1]));
  }
}

void LaneSink::putFrame(uint32_t slot, uint32_t lane, const uint8_t* bytes, uint32_t length) noexcept {
  Named& named = named_[slot];
  const Name name{indexOf(slot), named.generation};
  if (named.cut) return count(stats_.dropped);
  if (!lanes_[lane].isFull() && tryPut(lane, layout::kLaneFrame, name, bytes, length)) return count(stats_.frames);
  switch (options_.overflow) {
    case LaneOverflow::kDropNewest:
      return count(stats_.dropped);
    case LaneOverflow::kDisconnect:
      count(stats_.dropped);
      named.cut = true;
      if (Connection* connection = reactor_->connection(slot)) {
        reactor_->destroy(*connection, CloseReason::kLaneFull);
      }
      return;
    case LaneOverflow::kPause:
      count(stats_.frames);
      holdFor(named, slot);
      return wait(lane, layout::kLaneFrame, name, bytes, length);
  }
}

void LaneSink::peerEnded(Connection& connection) noexcept {
  const uint32_t slot = connection.slot;
  if (slot >= named_.size() || named_[slot].generation != connection.generation) return reactor_->end(connection);
  Named& named = named_[slot];
  named.awaitsEnd = true;
  awaitEndIn(named, slot);
}

/// The end goes behind the frames, in each lane that has some.
void LaneSink::awaitEndIn(Named& named, uint32_t slot) noexcept {
  const Name name{indexOf(slot), named.generation};
  if (named.lanes.empty()) return putEvent(laneOf(slot), layout::kLanePeerEnded, name);
  for (uint32_t lane = 0; lane < options_.laneCount; lane++) {
    if ((named.lanes[lane / 32] >> lane % 32 & 1) != 0) putEvent(lane, layout::kLanePeerEnded, name);
  }
}

void LaneSink::ended(const Connection& connection) noexcept {
  const uint32_t slot = connection.slot;
  if (slot >= named_.size() || named_[slot].generation != connection.generation) return;
  const uint32_t index = indexOf(slot);
  if (options_.tellsDisconnects) {
    const uint32_t why[] = {static_cast<uint32_t>(connection.reason), static_cast<uint32_t>(connection.systemError)};
    putEvent(laneOf(slot), layout::kLaneDisconnected, {index, connection.generation},
             reinterpret_cast<const uint8_t*>(why), sizeof why);
  }
  if (named_[slot].holds > 0) count(stats_.paused, -1);
  named_[slot] = {};
  names_.close(index);
}

/// A worker writes its answers before it gives the lane up: so the lanes are looked at first, and the answers then.
bool LaneSink::isBusyWith(const Connection& connection) const noexcept {
  const uint32_t slot = connection.slot;
  if (slot >= named_.size() || named_[slot].generation != connection.generation) return false;
  const std::vector<uint32_t>& bits = named_[slot].lanes;
  if (bits.empty()) {
    if (!lanes_[laneOf(slot)].isAtRest()) return true;
  } else {
    for (uint32_t lane = 0; lane < options_.laneCount; lane++) {
      if ((bits[lane / 32] >> lane % 32 & 1) != 0 && !lanes_[lane].isAtRest()) return true;
    }
  }
  return !answers_->isEmpty();
}

LaneSink::Named* LaneSink::find(Name name) noexcept {
  const uint32_t slot = slotOf(name.index);
  if (slot >= named_.size() || named_[slot].generation != name.generation) return nullptr;
  return &named_[slot];
}

// Into lanes.

void LaneSink::putEvent(uint32_t lane, uint32_t kind, Name name, const uint8_t* bytes, uint32_t length) noexcept {
  if (!lanes_[lane].isFull() && tryPut(lane, kind, name, bytes, length)) return;
  wait(lane, kind, name, bytes, length);
}

/// False: the lane has no room now.
bool LaneSink::tryPut(uint32_t lane, uint32_t kind, Name name, const uint8_t* bytes, uint32_t length) noexcept {
  Lane& to = lanes_[lane];
  // A quarter of the ring, so that a full lane empties in steps.
  if (length > to.ring.maxRecordBytes() / 2 - layout::kLaneRecordBytes) return tryPutLong(lane, name, bytes, length);
  const RingRecord record = to.ring.claim(layout::kLaneRecordBytes + length);
  if (!record) return false;
  to.words.write(record.firstWord, kind);
  to.words.write(record.firstWord + 1, name.index);
  to.words.write(record.firstWord + 2, name.generation);
  if (length > 0) std::memcpy(to.words.pointer(record.firstWord + kHeaderWords), bytes, length);
  to.ring.commit(record);
  announce(lane);
  return true;
}

bool LaneSink::tryPutLong(uint32_t lane, Name name, const uint8_t* bytes, uint32_t length) noexcept {
  Lane& to = lanes_[lane];
  const std::optional<uint32_t> place = allocateSide(length);
  if (!place) {
    sideIsShort_ = true;
    return false;
  }
  const RingRecord record = to.ring.claim(layout::kLaneRecordBytes + 8);
  if (!record) {
    side_.free(*place, length);
    return false;
  }
  std::memcpy(options_.side + *place, bytes, length);
  to.words.write(record.firstWord, layout::kLaneLongFrame);
  to.words.write(record.firstWord + 1, name.index);
  to.words.write(record.firstWord + 2, name.generation);
  to.words.write(record.firstWord + kHeaderWords, *place);
  to.words.write(record.firstWord + kHeaderWords + 1, length);
  to.ring.commit(record);
  if (to.longFrames.empty()) longLanes_.push_back(lane);
  to.longFrames.push_back({record.end, *place, length});
  announce(lane);
  return true;
}

std::optional<uint32_t> LaneSink::allocateSide(uint32_t bytes) noexcept {
  if (const std::optional<uint32_t> place = side_.allocate(bytes)) return place;
  reclaimSide();
  return side_.allocate(bytes);
}

/// A worker has copied a long frame before it released the record, and nobody reads a released record again.
void LaneSink::reclaimSide() noexcept {
  std::erase_if(longLanes_, [this](uint32_t lane) {
    Lane& of = lanes_[lane];
    std::erase_if(of.longFrames, [&](const LongFrame& frame) {
      if (!of.ring.isReleased(frame.end)) return false;
      side_.free(frame.at, frame.bytes);
      return true;
    });
    return of.longFrames.empty();
  });
}

void LaneSink::announce(uint32_t lane) noexcept {
  if (!scheduleLane(lanes_[lane].words)) return;
  if (!pool_->push(options_.firstNumber + lane)) return unannounced_.push_back(lane);
  pool_->wakeForWork();
}

// What finds no room.

void LaneSink::wait(uint32_t lane, uint32_t kind, Name name, const uint8_t* bytes, uint32_t length) noexcept {
  Lane& to = lanes_[lane];
  if (!to.isFull()) fullLanes_.push_back(lane);
  Waiting record{.kind = kind, .name = name, .length = length, .bytes = nullptr};
  if (length > 0) {
    record.bytes = std::make_unique_for_overwrite<uint8_t[]>(length);
    std::memcpy(record.bytes.get(), bytes, length);
  }
  to.waiting.push_back(std::move(record));
  count(stats_.waiting);
}

void LaneSink::holdFor(Named& named, uint32_t slot) noexcept {
  if (named.holds++ > 0) return;
  count(stats_.paused);
  if (Connection* connection = reactor_->connection(slot)) reactor_->hold(*connection, true);
}

void LaneSink::letGo(Name name) noexcept {
  Named* named = find(name);
  if (named == nullptr || --named->holds > 0) return;
  count(stats_.paused, -1);
  if (Connection* connection = reactor_->connection(slotOf(name.index))) reactor_->hold(*connection, false);
}

/// Moves what waits into the lane, as far as there is room. True: all of it.
bool LaneSink::pushWaiting(uint32_t lane) noexcept {
  Lane& to = lanes_[lane];
  while (to.isFull()) {
    const Waiting& record = to.waiting[to.firstWaiting];
    if (!tryPut(lane, record.kind, record.name, record.bytes.get(), record.length)) return false;
    const Name name = record.name;
    const uint32_t kind = record.kind;
    to.waiting[to.firstWaiting++].bytes.reset();
    // Behind the commit: who sees that nothing waits sees the record in its lane, or its traces.
    stats_.waiting.store(stats_.waiting.load(std::memory_order_relaxed) - 1);  // seq_cst: see tellRest()
    mayBeAtRest_ = true;
    if (isFrame(kind)) letGo(name);
  }
  to.waiting.clear();
  to.firstWaiting = 0;
  const std::vector<Name> unread = std::move(to.unread);
  to.unread.clear();
  for (const Name name : unread) letGo(name);
  return true;
}

/// True: nothing waits any more.
bool LaneSink::pushAllWaiting() noexcept {
  sideIsShort_ = false;  // said again by whoever still finds none
  std::erase_if(fullLanes_, [this](uint32_t lane) { return pushWaiting(lane); });
  return fullLanes_.empty();
}

// The turn.

void LaneSink::work() noexcept {
  sleeping_->unpark();
  takeAnswers();
  if (!longLanes_.empty()) reclaimSide();
  if (!unannounced_.empty()) {
    std::erase_if(unannounced_, [this](uint32_t lane) { return pool_->push(options_.firstNumber + lane); });
    pool_->wakeForWork();
  }
  if (!fullLanes_.empty()) pushAllWaiting();
  tellRest();
}

/// What this reactor still had to do for the lanes may have been the last. Workers say the same when they give a lane up. The
/// waiter parks and then looks at what was written here before `occupied`, all of it sequentially consistent.
void LaneSink::tellRest() noexcept {
  if (!mayBeAtRest_ || !fullLanes_.empty()) return;
  mayBeAtRest_ = false;
  if (rest_->occupied()) rest_->wakeOne();
}

bool LaneSink::park() noexcept {
  sleeping_->park();
  bool quiet = !answers_->isReady(WakerRegistry::process());
  if (fullLanes_.empty()) return quiet;
  for (const uint32_t lane : fullLanes_) lanes_[lane].counters.store(layout::kLaneStalled, 1);
  if (sideIsShort_) {
    for (const uint32_t lane : longLanes_) lanes_[lane].counters.store(layout::kLaneStalled, 1);
  }
  // What room there was before a worker could see the word is found here. If it made an end of waiting, connections may be
  // read again; if only in part, the lane has become fuller, and a worker that releases from here on sees the word.
  const size_t full = fullLanes_.size();
  pushAllWaiting();
  tellRest();
  return quiet && fullLanes_.size() == full;
}

void LaneSink::laneLost(uint32_t lane) noexcept {
  while (takeAnswers()) {
  }
  for (uint32_t slot = 0; slot < named_.size(); slot++) {
    const Named& named = named_[slot];
    if (named.generation == 0 || !named.awaitsEnd) continue;
    const bool isThere = named.lanes.empty() ? laneOf(slot) == lane : (named.lanes[lane / 32] >> lane % 32 & 1) != 0;
    if (isThere) putEvent(lane, layout::kLanePeerEnded, {indexOf(slot), named.generation});
  }
}

// From the workers.

/// True: there may be more.
bool LaneSink::takeAnswers() noexcept {
  const SharedWords words(options_.answers);
  uint32_t taken = 0;
  while (taken < kAnswersATurn) {
    const RingRecord record = answers_->read(WakerRegistry::process());
    if (!record) break;
    taken++;
    const uint32_t kind = words.read(record.firstWord);
    const Name name{words.read(record.firstWord + 1), words.read(record.firstWord + 2)};
    if (find(name) == nullptr) continue;
    const uint32_t slot = slotOf(name.index);
    if (kind == layout::kAnswerWrite) {
      pieces_.push_back({.slot = static_cast<int32_t>(slot),
                         .start = static_cast<int32_t>(record.firstWord * 4 + layout::kLaneRecordBytes),
                         .end = static_cast<int32_t>(record.firstWord * 4 + record.bytes)});
      continue;
    }
    sendPieces();
    if (kind == layout::kAnswerPeerEndSeen) {
      peerEndSeen(name, words.read(record.firstWord + kHeaderWords));
    } else if (Connection* connection = find(name) == nullptr ? nullptr : reactor_->connection(slot)) {
      if (kind == layout::kAnswerEnd) reactor_->end(*connection);
      if (kind == layout::kAnswerDestroy) reactor_->destroy(*connection);
      if (kind == layout::kAnswerDestroySoon) reactor_->destroySoon(*connection);
      if (kind == layout::kAnswerPause) reactor_->pause(*connection, true);
      if (kind == layout::kAnswerResume) reactor_->pause(*connection, false);
    }
  }
  sendPieces();
  if (answers_->release()) mayBeAtRest_ = true;
  return taken == kAnswersATurn;
}

/// What was gathered goes out from where it lies; what a socket does not take is copied.
void LaneSink::sendPieces() noexcept {
  if (pieces_.empty()) return;
  reactor_->write(pieces_.data(), static_cast<uint32_t>(pieces_.size()),
                  reinterpret_cast<const uint8_t*>(options_.answers));
  pieces_.clear();
}

/// One of its lanes has come as far as the peer's end. A second answer for the same one does no harm.
void LaneSink::peerEndSeen(Name name, uint32_t lane) noexcept {
  Named* named = find(name);
  if (named == nullptr || !named->awaitsEnd) return;
  if (!named->lanes.empty()) {
    if (lane < options_.laneCount) named->lanes[lane / 32] &= ~(1U << lane % 32);
    if (std::any_of(named->lanes.begin(), named->lanes.end(), [](uint32_t bits) { return bits != 0; })) return;
  }
  named->awaitsEnd = false;
  if (Connection* connection = reactor_->connection(slotOf(name.index))) reactor_->end(*connection);
}

}  // namespace sluice
