#include "log/log.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace sluice {

using namespace log_memory;

namespace {

int64_t wallClockMs() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

uint64_t steadyMs() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

uint64_t randomNumber() noexcept {
  uint64_t value = 0;
  if (::getentropy(&value, sizeof value) < 0) value = static_cast<uint64_t>(wallClockMs()) * 0x9e3779b97f4a7c15;
  return value;
}

void count(std::atomic<uint64_t>& counter, uint64_t by = 1) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

void store64(uint32_t* words, uint64_t value) noexcept {
  std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(words)).store(value, std::memory_order_seq_cst);
}

/// What the record costs in a claim, filled up to whole words.
size_t claimBytes(const RecordParts& parts) noexcept {
  const size_t bytes = size_t{parts.keyBytes} + parts.headersBytes + parts.valueBytes;
  return 4 * size_t{kRecordWords} + (bytes + 3) / 4 * 4;
}

}  // namespace

LogOpenResult Log::open(Ref<LogDirectory> directory) noexcept {
  const LogStoreOptions options{.segmentBytes = options_.segmentBytes,
                                .syncsCuts = options_.durability != LogOptions::Durability::kOs};
  const std::lock_guard lock(lifeMutex_);
  LogOpenResult result = store_.open(std::move(directory), options, wallClockMs(), randomNumber());
  start_.store(store_.start(), std::memory_order_release);
  end_.store(store_.end(), std::memory_order_release);
  for (const LogGap& gap : result.gaps) noteGap(gap.offset);
  count(stats_.torn, result.tornBytes);
  if (stopped_ || result.fault != LogFault::kNone) store_.close();
  return result;
}

int Log::start(uint32_t* memory) noexcept {
  if (!bell_.isOpen()) return EMFILE;
  id_ = WakerRegistry::process().add([](void* bell) { static_cast<Bell*>(bell)->ring(); }, &bell_);
  if (id_ == 0) return EAGAIN;
  memory_ = memory;
  words_.emplace(memory);
  ring_.emplace(SharedWords(memory + kRing), id_);
  sleep_.emplace(SharedWords(memory + kSleeping), WakerRegistry::process(), id_);
  waiting_.emplace(SharedWords(memory + kWaiting), WakerRegistry::process(), id_);
  ending_.emplace(SharedWords(memory + kEnding), WakerRegistry::process(), id_);
  intakeSleep_.emplace(SharedWords(intakeSleepWords_.words), WakerRegistry::process(), id_);
  publishStart();
  publishEnd();
  const int error = thread_.start("sluice/log", [](void* self) { static_cast<Log*>(self)->run(); }, this);
  if (error != 0) WakerRegistry::process().remove(id_);
  return error;
}

void Log::stop() noexcept {
  if (thread_.isRunning()) {
    stopping_.store(true, std::memory_order_release);
    bell_.ring();
    thread_.join();
    WakerRegistry::process().remove(id_);
  }
  const std::lock_guard lock(lifeMutex_);
  stopped_ = true;
  store_.close();
}

// For other threads.

uint32_t Log::addProducer(uint32_t* answers, uint32_t capacity) noexcept {
  const std::lock_guard lock(producersMutex_);
  producers_[++lastProducer_] = {.memory = answers, .capacity = capacity, .done = 0};
  return lastProducer_;
}

void Log::removeProducer(uint32_t number) noexcept {
  const std::lock_guard lock(producersMutex_);
  producers_.erase(number);
}

uint32_t Log::stash(const uint8_t* bytes, size_t length) noexcept {
  auto copy = std::make_unique_for_overwrite<uint8_t[]>(length);
  std::memcpy(copy.get(), bytes, length);
  const std::lock_guard lock(stashMutex_);
  stashed_[++lastStash_] = {.bytes = std::move(copy), .length = length};
  return lastStash_;
}

void Log::addIntake(Ref<LogIntake> intake) noexcept {
  {
    const std::lock_guard lock(intakesMutex_);
    intakes_.push_back(std::move(intake));
  }
  intakesVersion_.fetch_add(1, std::memory_order_release);
  bell_.ring();
}

uint64_t Log::gaps() const noexcept {
  const std::lock_guard lock(gapsMutex_);
  return gapOffsets_.size();
}

void Log::noteGap(uint64_t offset) noexcept {
  const std::lock_guard lock(gapsMutex_);
  gapOffsets_.insert(offset);
}

// The thread.

void Log::run() noexcept {
  while (!closed_) {
    if (turn()) continue;
    if (mustStop()) {
      if (isQuiet() || failed_) break;
      // An intake whose records found no room keeps nobody from stopping.
      if (intakesRefused_) break;
      continue;
    }
    sleep_->park();
    intakeSleep_->park();
    if (isQuiet() && !mustStop()) bell_.wait(timeout());
    sleep_->unpark();
    intakeSleep_->unpark();
  }
  finish();
}

/// Nothing that a turn would find.
bool Log::isQuiet() noexcept {
  if (ring_->isReady(WakerRegistry::process())) return false;
  if (myIntakesVersion_ != intakesVersion_.load(std::memory_order_acquire)) return false;
  if (intakesRefused_ || failed_) return true;
  return std::all_of(myIntakes_.begin(), myIntakes_.end(), [](const Ref<LogIntake>& one) { return one->isEmpty(); });
}

int Log::timeout() const noexcept {
  int64_t wait = -1;
  const auto atMost = [&wait](int64_t ms) { wait = wait < 0 ? ms : std::min(wait, ms); };
  if (unsynced_) {
    const int64_t passed = static_cast<int64_t>(steadyMs() - unsyncedSinceMs_);
    atMost(std::max<int64_t>(0, int64_t{options_.everyMs} - passed));
  }
  if (intakesRefused_) atMost(kRetryMs);
  if (options_.maxAgeMs != 0 && !failed_) atMost(kRetentionMs);
  return static_cast<int>(wait);
}

/// False: there was nothing to do.
bool Log::turn() noexcept {
  const bool found = gather();
  if (frame_.count() > 0) commit();
  if (unsynced_ && (steadyMs() - unsyncedSinceMs_ >= options_.everyMs || command_)) settle();
  if (command_) {
    const Command command = *command_;
    command_.reset();
    doCommand(command);
  }
  if (!failed_) retain(steadyMs());
  return found;
}

bool Log::gather() noexcept {
  frame_.clear();
  pending_.clear();
  wallMs_ = wallClockMs();
  const bool claims = gatherClaims();
  learnIntakes();
  const bool waits = intakesRefused_ && steadyMs() < retryAtMs_;
  const bool intakes = !failed_ && !command_ && !waits && gatherIntakes();
  return claims || intakes;
}

/// Copies claims into the frame and gives their room back at once: who waits for it need not wait for the disk.
bool Log::gatherClaims() noexcept {
  const SharedWords ringWords(memory_ + kRing);
  bool found = false;
  while (frame_.bytes() < frameBytes() && !command_) {
    const RingRecord record = ring_->read(WakerRegistry::process());
    if (!record) break;
    found = true;
    const uint32_t* claim = memory_ + kRing + record.firstWord;
    const uint32_t producer = claim[kClaimProducer];
    const auto* body = reinterpret_cast<const uint8_t*>(claim + kClaimBody);
    const size_t length = record.bytes < 4 * kClaimBody ? 0 : record.bytes - size_t{4} * kClaimBody;
    switch (claim[kClaimKind]) {
      case kAppend:
        if (!takeRecords(body, length, producer)) pending_.push_back({producer, kAnswerInvalid});
        break;
      case kStashed: {
        Stashed stashed{};
        {
          const std::lock_guard lock(stashMutex_);
          const auto it = stashed_.find(claim[kClaimBody]);
          if (it != stashed_.end()) {
            stashed = std::move(it->second);
            stashed_.erase(it);
          }
        }
        if (!takeRecords(stashed.bytes.get(), stashed.length, producer)) pending_.push_back({producer, kAnswerInvalid});
        break;
      }
      case kTrim: {
        const uint64_t offset = claim[kClaimBody] | uint64_t{claim[kClaimBody + 1]} << 32;
        command_ = {.kind = kTrim, .producer = producer, .argument = offset};
        break;
      }
      default:
        command_ = {.kind = claim[kClaimKind], .producer = producer, .argument = 0};
    }
  }
  // A claim is refused only where a ring is nearly full. Whoever is missed here is woken with the answers.
  const uint32_t used = ringWords.load(layout::kTail) - ringWords.load(layout::kHead);
  const bool wasFull = used >= memory_[kRing + layout::kCapacity] / layout::kRingUnitBytes / 4 * 3;
  if (ring_->release() && wasFull) waiting_->wakeAll();
  return found;
}

/// The records of one append go into one frame. False: they are not what lib/log writes.
bool Log::takeRecords(const uint8_t* body, size_t length, uint32_t producer) noexcept {
  if (length < 4) return false;
  uint32_t records;
  std::memcpy(&records, body, 4);
  if (records == 0) return false;
  const uint32_t first = frame_.count();
  const uint8_t* const end = body + length;
  // Looked at before anything is taken: half a group must not get in.
  for (int pass = 0; pass < 2; pass++) {
    const uint8_t* at = body + 4;
    for (uint32_t i = 0; i < records; i++) {
      uint32_t words[kRecordWords];
      if (static_cast<size_t>(end - at) < sizeof words) return false;
      std::memcpy(words, at, sizeof words);
      RecordParts parts{.flags = static_cast<uint8_t>(words[kRecordFlagsWord]),
                        .timeMs = static_cast<int64_t>(words[kRecordTime] | uint64_t{words[kRecordTime + 1]} << 32),
                        .keyBytes = words[kRecordKeyBytes],
                        .headersBytes = words[kRecordHeadersBytes],
                        .valueBytes = words[kRecordValueBytes]};
      const size_t bytes = claimBytes(parts);
      if (bytes > static_cast<size_t>(end - at)) return false;
      if (pass == 1) {
        if ((parts.flags & kRecordHasTime) == 0) parts.timeMs = wallMs_;
        frame_.add(parts, at + sizeof words);
      }
      at += bytes;
    }
  }
  pending_.push_back({producer, static_cast<double>(first)});
  return true;
}

void Log::learnIntakes() noexcept {
  const uint32_t version = intakesVersion_.load(std::memory_order_acquire);
  if (version == myIntakesVersion_) return;
  {
    const std::lock_guard lock(intakesMutex_);
    myIntakes_ = intakes_;
  }
  myIntakesVersion_ = version;
  if (!failed_) return;
  for (const Ref<LogIntake>& intake : myIntakes_) intake->close();
}

/// Those that are empty for good.
void Log::forgetIntakes() noexcept {
  const auto isFinished = [](const Ref<LogIntake>& intake) { return intake->isFinished(); };
  if (std::none_of(myIntakes_.begin(), myIntakes_.end(), isFinished)) return;
  const std::lock_guard lock(intakesMutex_);
  std::erase_if(intakes_, isFinished);
  std::erase_if(myIntakes_, isFinished);
}

bool Log::gatherIntakes() noexcept {
  const uint32_t before = frame_.count();
  for (const Ref<LogIntake>& intake : myIntakes_) {
    if (frame_.bytes() >= frameBytes()) break;
    intake->gather([this](RecordParts parts, const uint8_t* bytes) noexcept {
      parts.timeMs = wallMs_;
      frame_.add(parts, bytes);
      return frame_.bytes() < frameBytes();
    });
  }
  return frame_.count() > before;
}

void Log::commit() noexcept {
  if (failed_) return refuse(kAnswerFailed);
  const uint64_t base = store_.end();
  const uint64_t bytes = frame_.header().bytes();
  switch (store_.append(frame_.frame(), frame_.header(), wallMs_)) {
    case LogStore::Append::kBroken:
      return fail();
    case LogStore::Append::kRefused:
      count(stats_.refused, frame_.count());
      intakesRefused_ = true;
      retryAtMs_ = steadyMs() + kRetryMs;
      return refuse(-store_.error());
    case LogStore::Append::kDone:
      break;
  }
  intakesRefused_ = false;
  count(stats_.records, frame_.count());
  count(stats_.bytes, bytes);
  count(stats_.commits);
  for (const Ref<LogIntake>& intake : myIntakes_) intake->written();
  for (Answer& answer : pending_) {
    if (answer.value >= 0) answer.value += static_cast<double>(base);
  }
  unsettled_.insert(unsettled_.end(), pending_.begin(), pending_.end());
  pending_.clear();
  if (options_.durability == LogOptions::Durability::kEvery) {
    if (!unsynced_) unsyncedSinceMs_ = steadyMs();
    unsynced_ = true;
    return;
  }
  settle();
}

/// What was written becomes as durable as it was to be, and everybody is told.
void Log::settle() noexcept {
  unsynced_ = false;
  if (options_.durability != LogOptions::Durability::kOs) {
    count(stats_.syncs);
    if (store_.sync() != 0) return fail();
  }
  publishEnd();
  for (const Ref<LogIntake>& intake : myIntakes_) intake->settle();
  forgetIntakes();
  answer(unsettled_);
}

void Log::fail() noexcept {
  failed_ = true;
  unsynced_ = false;
  setState(kFailed, store_.error());
  for (const Ref<LogIntake>& intake : myIntakes_) intake->close();
  for (Answer& answer : unsettled_) answer.value = kAnswerFailed;
  answer(unsettled_);
  refuse(kAnswerFailed);
}

void Log::refuse(double value) noexcept {
  for (Answer& answer : pending_) answer.value = value;
  answer(pending_);
}

/// An answer that is written before the count of them is seen by whoever has seen the count.
void Log::answer(std::vector<Answer>& answers) noexcept {
  {
    const std::lock_guard lock(producersMutex_);
    for (size_t i = 0; i < answers.size();) {
      const uint32_t number = answers[i].producer;
      const auto it = producers_.find(number);
      size_t next = i;
      if (it == producers_.end()) {
        while (next < answers.size() && answers[next].producer == number) next++;
      } else {
        Producer& producer = it->second;
        auto* values = reinterpret_cast<double*>(producer.memory + kAnswers);
        for (; next < answers.size() && answers[next].producer == number; next++) {
          values[producer.done++ % producer.capacity] = answers[next].value;
        }
        SharedWords(producer.memory).store(kAnswersDone, producer.done);
      }
      i = next;
    }
  }
  answers.clear();
  waiting_->wakeAll();
}

void Log::doCommand(const Command& command) noexcept {
  double value = static_cast<double>(store_.end());
  switch (command.kind) {
    case kSync:
      if (failed_) {
        value = kAnswerFailed;
      } else if (store_.sync() != 0) {
        fail();
        value = kAnswerFailed;
      } else {
        count(stats_.syncs);
      }
      break;
    case kTrim:
      if (failed_) {
        value = kAnswerFailed;
      } else {
        const int error = store_.trim(std::min(command.argument, end_.load(std::memory_order_relaxed)));
        publishStart();
        value = error == 0 ? static_cast<double>(store_.start()) : -error;
      }
      break;
    case kClose:
      while (!failed_ && !intakesRefused_) {
        frame_.clear();
        if (!gatherIntakes()) break;
        commit();
      }
      if (!failed_ && unsynced_) settle();
      if (!failed_ && store_.sync() != 0) fail();
      closed_ = true;
      break;
    default:
      value = kAnswerInvalid;
  }
  std::vector<Answer> answers{{command.producer, value}};
  if (closed_) setState(kClosed, failed_ ? store_.error() : 0);
  answer(answers);
}

void Log::retain(uint64_t nowMs) noexcept {
  const bool bytes = options_.maxBytes != UINT64_MAX;
  if (!bytes && options_.maxAgeMs == 0) return;
  if (retainedMs_ != 0 && nowMs - retainedMs_ < kRetentionMs && !(bytes && store_.bytes() > options_.maxBytes)) return;
  retainedMs_ = nowMs;
  const int64_t oldestMs = options_.maxAgeMs == 0 ? INT64_MIN : wallMs_ - static_cast<int64_t>(options_.maxAgeMs);
  const uint64_t before = store_.expired(options_.maxBytes, oldestMs);
  if (before <= store_.start()) return;
  store_.trim(std::min(before, end_.load(std::memory_order_relaxed)));
  publishStart();
}

void Log::publishEnd() noexcept {
  end_.store(store_.end(), std::memory_order_release);
  store64(memory_ + kEnd, store_.end());
}

void Log::publishStart() noexcept {
  start_.store(store_.start(), std::memory_order_release);
  store64(memory_ + kStart, store_.start());
}

void Log::setState(uint32_t state, int error) noexcept {
  words_->store(kError, static_cast<uint32_t>(error));
  words_->store(kState, state);
  ending_->wakeAll();
}

/// Whatever is still asked gets an answer, and nobody is parked here any more.
void Log::finish() noexcept {
  if (!closed_ && !failed_) {
    if (unsynced_) settle();
    if (!failed_ && store_.sync() != 0) fail();
  }
  setState(kClosed, failed_ ? store_.error() : 0);
  while (gatherClaims()) {
    refuse(failed_ ? kAnswerFailed : kAnswerClosed);
    if (command_) {
      std::vector<Answer> answers{{command_->producer, failed_ ? kAnswerFailed : kAnswerClosed}};
      answer(answers);
      command_.reset();
    }
    frame_.clear();
  }
  for (const Ref<LogIntake>& intake : myIntakes_) intake->close();
  sleep_->leave();
  intakeSleep_->leave();
  waiting_->wakeAll();
}

}  // namespace sluice
