// The log's thread with several threads that append, one that records and one that reads: every answer comes, in order, and names the record
// that was appended. Under ThreadSanitizer this is the check of the rings, the answers and what the thread publishes.

#include "log/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "support/log_files.h"

namespace sluice {
namespace {

constexpr uint32_t kRingBytes = 64 * 1024;
constexpr uint32_t kMaxAnswers = 256;

struct alignas(layout::kLineBytes) Line {
  uint32_t words[layout::kLineWords] = {};
};

/// Memory as lib/log lays it out.
class SharedLog {
 public:
  explicit SharedLog(const LogOptions& options)
      : memory_(log_memory::kRing / layout::kLineWords + ByteRing<>::wordsFor(kRingBytes) / layout::kLineWords + 1) {
    char path[] = "/tmp/sluice-log-XXXXXX";
    directory_ = ::mkdtemp(path);
    ByteRing<>::create(SharedWords(words() + log_memory::kRing), kRingBytes);
    log = Ref<Log>::make(options);
    Ref<LogDirectory> directory;
    EXPECT_EQ(openDirectory(directory_, true, directory), 0);
    EXPECT_EQ(log->open(std::move(directory)).fault, LogFault::kNone);
    EXPECT_EQ(log->start(words()), 0);
  }
  ~SharedLog() {
    log->stop();
    std::filesystem::remove_all(directory_);
  }
  uint32_t* words() { return memory_[0].words; }

  Ref<Log> log;

 private:
  std::string directory_;
  std::vector<Line> memory_;
};

/// A thread that appends, as lib/log/appender.ts does.
class Producer {
 public:
  explicit Producer(SharedLog& shared)
      : shared_(shared),
        id_(WakerRegistry::process().add([](void* bell) { static_cast<Bell*>(bell)->ring(); }, &bell_)),
        ring_(SharedWords(shared.words() + log_memory::kRing), id_),
        waiting_(SharedWords(shared.words() + log_memory::kWaiting), WakerRegistry::process(), id_),
        sleeping_(SharedWords(shared.words() + log_memory::kSleeping), WakerRegistry::process(), id_),
        answers_(1 + kMaxAnswers * 2 / layout::kLineWords + 1),
        number_(shared.log->addProducer(answers_[0].words, kMaxAnswers)) {}
  ~Producer() {
    shared_.log->removeProducer(number_);
    waiting_.leave();
    WakerRegistry::process().remove(id_);
  }

  bool append(const std::string& value) {
    const uint32_t bytes = static_cast<uint32_t>((value.size() + 3) / 4 * 4);
    const RingRecord claim = ring_.claim(8 + 4 + 4 * log_memory::kRecordWords + bytes);
    if (!claim) return false;
    uint32_t* words = shared_.words() + log_memory::kRing + claim.firstWord;
    words[log_memory::kClaimKind] = log_memory::kAppend;
    words[log_memory::kClaimProducer] = number_;
    words[2] = 1;
    uint32_t* record = words + 3;
    std::memset(record, 0, 4 * size_t{log_memory::kRecordWords});
    record[log_memory::kRecordValueBytes] = static_cast<uint32_t>(value.size());
    std::memcpy(record + log_memory::kRecordWords, value.data(), value.size());
    ring_.commit(claim);
    sleeping_.wakeAll();
    return true;
  }
  uint32_t done() const { return SharedWords(const_cast<uint32_t*>(answers_[0].words)).load(log_memory::kAnswersDone); }
  double answer(uint32_t i) const {
    double value;
    std::memcpy(&value, answers_[1].words + size_t{2} * (i % kMaxAnswers), 8);
    return value;
  }
  /// Until there are more answers than `seen`, or there may be room.
  void wait(uint32_t seen) {
    waiting_.park();
    if (done() == seen) bell_.wait(1000);
    waiting_.unpark();
  }

 private:
  SharedLog& shared_;
  Bell bell_;
  uint32_t id_;
  ByteRing<> ring_;
  WaitSet<> waiting_;
  WaitSet<> sleeping_;
  std::vector<Line> answers_;
  uint32_t number_;
};

void appendAll(SharedLog& shared, int thread, uint32_t count, std::vector<uint64_t>& offsets) {
  Producer producer(shared);
  uint32_t sent = 0;
  uint32_t seen = 0;
  while (seen < count) {
    while (sent < count && sent - seen < kMaxAnswers) {
      if (!producer.append(std::to_string(thread) + ":" + std::to_string(sent))) break;
      sent++;
    }
    if (producer.done() == seen) producer.wait(seen);
    for (const uint32_t done = producer.done(); seen < done; seen++) {
      ASSERT_GE(producer.answer(seen), 0);
      offsets.push_back(static_cast<uint64_t>(producer.answer(seen)));
    }
  }
}

class LogThread : public testing::TestWithParam<LogOptions::Durability> {};

TEST_P(LogThread, AnswersEveryAppendWithTheOffsetOfItsRecord) {
  constexpr uint32_t kCount = 1500;
  constexpr int kThreads = 3;
  SharedLog shared({.durability = GetParam(), .everyMs = 1, .segmentBytes = 65'536});
  auto intake = Ref<LogIntake>::make(4096U, WakerRegistry::process().add([](void*) {}, nullptr));
  shared.log->addIntake(intake);
  std::vector<std::vector<uint64_t>> offsets(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; i++)
    threads.emplace_back([&, i] { appendAll(shared, i, kCount, offsets[static_cast<size_t>(i)]); });
  threads.emplace_back([&] {
    for (uint32_t i = 0; i < kCount;) {
      const std::string value = "r:" + std::to_string(i);
      const auto* bytes = reinterpret_cast<const uint8_t*>(value.data());
      if (intake->put(bytes, 1, bytes, static_cast<uint32_t>(value.size()))) {
        i++;
        shared.log->wake();
      } else {
        std::this_thread::yield();
      }
    }
  });
  // Reads behind the others, while they append.
  std::map<uint64_t, std::string> read;
  uint64_t next = 0;
  const uint64_t total = uint64_t{kCount} * (kThreads + 1);
  while (next < total) {
    const uint64_t end = shared.log->endOffset();
    const LogContents found = readLog(shared.log->segments(), shared.log->logId(), 0, end, next);
    ASSERT_TRUE(found.gaps.empty());
    ASSERT_EQ(found.error, 0);
    read.insert(found.records.begin(), found.records.end());
    ASSERT_EQ(read.size(), end);
    next = end;
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(intake->settledRecords(), kCount);
  for (int thread = 0; thread < kThreads; thread++) {
    const auto& mine = offsets[static_cast<size_t>(thread)];
    ASSERT_EQ(mine.size(), kCount);
    for (uint32_t i = 0; i < kCount; i++) {
      ASSERT_EQ(read[mine[i]], std::to_string(thread) + ":" + std::to_string(i));
      ASSERT_TRUE(i == 0 || mine[i] > mine[i - 1]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Durabilities, LogThread,
                         testing::Values(LogOptions::Durability::kSync, LogOptions::Durability::kOs,
                                         LogOptions::Durability::kEvery));

}  // namespace
}  // namespace sluice
