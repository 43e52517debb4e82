// Power cuts and failing system calls at every operation of a short history, over a disk that keeps any part of what was not synced.

#include <gtest/gtest.h>

#include <functional>

#include "log/log_check.h"
#include "support/fake_disk.h"
#include "support/log_files.h"

namespace sluice {
namespace {

constexpr LogStoreOptions kSynced{.segmentBytes = 2048, .syncsCuts = true};

/// What a program was told of its log.
struct Story {
  std::map<uint64_t, std::string> acknowledged;
  std::map<uint64_t, std::string> attempted;  // and neither acknowledged nor refused
  uint64_t start = 0;                         // acknowledged
  uint64_t startAtMost = 0;                   // asked for
  int life = 0;

  uint64_t end() const { return acknowledged.empty() ? start : acknowledged.rbegin()->first + 1; }
};

bool open(LogStore& store, const Ref<FakeDisk>& disk, const LogStoreOptions& options = kSynced) {
  return store.open(Ref<FakeDirectory>::make(disk), options, 1, 42).fault == LogFault::kNone;
}

/// Appends and syncs one frame.
bool append(LogStore& store, Story& story, size_t records, size_t bytes) {
  const uint64_t base = store.end();
  std::vector<std::string> values;
  for (size_t i = 0; i < records; i++) {
    values.push_back(std::to_string(base + i) + " of life " + std::to_string(story.life) + std::string(bytes, '.'));
    story.attempted[base + i] = values.back();
  }
  const LogStore::Append appended = appendFrame(store, values);
  if (appended == LogStore::Append::kDone && store.sync() == 0) {
    for (size_t i = 0; i < records; i++) story.acknowledged[base + i] = values[i];
    story.attempted.clear();
    return true;
  }
  // What was refused, or failed, must never be seen: unless the power went before the program could be told.
  return false;
}

/// Opens, appends, rolls, trims, opens again. It stops where something fails.
void live(const Ref<FakeDisk>& disk, Story& story) {
  for (int life = 0; life < 2; life++) {
    LogStore store;
    if (!open(store, disk)) return;
    for (int i = 0; i < 5; i++) {
      if (!append(store, story, 1 + i % 3, i == 2 ? 1500 : 200) && disk->hasPower() && !store.isBroken()) {
        story.attempted.clear();  // refused: and the next one may fit
      }
      if (store.isBroken() || !disk->hasPower()) {
        if (disk->hasPower()) story.attempted.clear();
        return;
      }
    }
    if (life == 0) {
      story.startAtMost = 4;
      if (store.trim(4) != 0) return;
      story.start = 4;
    }
    story.life++;
  }
}

/// `strict`: nothing but what was acknowledged, or was under way, may be there.
void expectKept(const LogStore& store, const Story& story, const std::string& what) {
  ASSERT_GE(store.start(), story.start) << what;
  ASSERT_LE(store.start(), std::max(story.start, story.startAtMost)) << what;
  ASSERT_GE(store.end(), story.end()) << what;
  const LogContents found = readLog(store);
  ASSERT_EQ(found.error, 0) << what;
  for (const auto& [offset, value] : story.acknowledged) {
    if (offset < store.start()) continue;
    const auto it = found.records.find(offset);
    ASSERT_TRUE(it != found.records.end()) << what << ": record " << offset << " is lost";
    ASSERT_EQ(it->second, value) << what;
  }
  for (const auto& [offset, value] : found.records) {
    if (story.acknowledged.contains(offset)) continue;
    const auto it = story.attempted.find(offset);
    ASSERT_TRUE(it != story.attempted.end()) << what << ": record " << offset << " was refused, and is there";
    ASSERT_EQ(it->second, value) << what;
  }
}

/// The disk as it is now is opened, twice, and appended to in between.
void expectRecovers(const Ref<FakeDisk>& disk, Story story, const std::string& what) {
  {
    LogStore store;
    ASSERT_TRUE(open(store, disk)) << what;
    ASSERT_NO_FATAL_FAILURE(expectKept(store, story, what));
    // What is there once the log is open stays.
    for (const auto& [offset, value] : readLog(store).records) story.acknowledged[offset] = value;
    story.attempted.clear();
    story.life += 100;
    ASSERT_TRUE(append(store, story, 2, 10)) << what;
    ASSERT_TRUE(append(store, story, 1, 1900)) << what;
  }
  LogStore store;
  ASSERT_TRUE(open(store, disk->afterPowerCut(0))) << what;
  ASSERT_NO_FATAL_FAILURE(expectKept(store, story, what + ", opened again"));
}

constexpr uint32_t kSeeds = 24;

TEST(CrashPoints, LoseNothingAcknowledgedInAPowerCutAtAnyOperation) {
  auto whole = Ref<FakeDisk>::make();
  Story ignored;
  live(whole, ignored);
  ASSERT_GT(whole->operations, 60U);
  for (uint64_t at = 0; at <= whole->operations; at++) {
    auto disk = Ref<FakeDisk>::make();
    disk->powerCutAt = at;
    Story story;
    live(disk, story);
    for (uint32_t seed = 0; seed < kSeeds; seed++) {
      const std::string what = "power cut at operation " + std::to_string(at) + ", seed " + std::to_string(seed);
      ASSERT_NO_FATAL_FAILURE(expectRecovers(disk->afterPowerCut(seed), story, what));
    }
  }
}

TEST(CrashPoints, LoseNothingInASecondPowerCutDuringRecovery) {
  auto whole = Ref<FakeDisk>::make();
  Story ignored;
  live(whole, ignored);
  for (uint64_t at = 10; at < whole->operations; at += 3) {
    auto disk = Ref<FakeDisk>::make();
    disk->powerCutAt = at;
    Story story;
    live(disk, story);
    for (uint32_t seed = 2; seed < 5; seed++) {
      const auto first = disk->afterPowerCut(seed);
      for (uint64_t second = 0; second < 8; second++) {
        auto again = first->afterPowerCut(0);
        again->powerCutAt = second;
        {
          LogStore store;
          open(store, again);
        }
        const std::string what = "power cuts at operation " + std::to_string(at) + " and " + std::to_string(second);
        ASSERT_NO_FATAL_FAILURE(expectRecovers(again->afterPowerCut(seed + 7), story, what));
      }
    }
  }
}

/// Every operation fails once, in each of these ways.
TEST(CrashPoints, KeepWhatWasAcknowledgedAndNothingRefusedWhenASystemCallFails) {
  auto whole = Ref<FakeDisk>::make();
  Story ignored;
  live(whole, ignored);
  for (const int failure : {EIO, ENOSPC, EDQUOT, 0}) {
    for (uint64_t at = 0; at < whole->operations; at++) {
      auto disk = Ref<FakeDisk>::make();
      disk->failAt = at;
      disk->failure = failure;
      Story story;
      live(disk, story);
      disk->failAt = FakeDisk::kNever;
      const std::string what = "errno " + std::to_string(failure) + " at operation " + std::to_string(at);
      // A killed process leaves what it wrote; a power cut what it synced.
      ASSERT_NO_FATAL_FAILURE(expectRecovers(disk->afterPowerCut(1), story, what + ", killed"));
      for (uint32_t seed = 0; seed < 8; seed++) {
        ASSERT_NO_FATAL_FAILURE(expectRecovers(disk->afterPowerCut(seed), story, what + ", power cut"));
      }
    }
  }
}

TEST(CrashPoints, TakeNothingMoreAfterAFailedSync) {
  auto disk = Ref<FakeDisk>::make();
  LogStore store;
  ASSERT_TRUE(open(store, disk));
  Story story;
  ASSERT_TRUE(append(store, story, 1, 10));
  ASSERT_EQ(appendFrame(store, {"lost"}), LogStore::Append::kDone);
  disk->failAt = disk->operations;
  EXPECT_EQ(store.sync(), EIO);
  EXPECT_TRUE(store.isBroken());
  EXPECT_EQ(appendFrame(store, {"more"}), LogStore::Append::kBroken);
  EXPECT_EQ(store.sync(), EIO);  // though the disk would not fail again
  EXPECT_NE(store.trim(1), 0);
}

TEST(CrashPoints, GoOnAfterTheDiskWasFull) {
  auto disk = Ref<FakeDisk>::make();
  LogStore store;
  ASSERT_TRUE(open(store, disk));
  Story story;
  ASSERT_TRUE(append(store, story, 1, 10));
  disk->failAt = disk->operations;
  disk->failure = ENOSPC;
  EXPECT_EQ(appendFrame(store, {"refused"}), LogStore::Append::kRefused);
  EXPECT_EQ(store.error(), ENOSPC);
  story.attempted.clear();
  ASSERT_TRUE(append(store, story, 2, 10));
  ASSERT_NO_FATAL_FAILURE(expectKept(store, story, "the same store"));
  ASSERT_NO_FATAL_FAILURE(expectRecovers(disk->afterPowerCut(0), story, "opened again"));
}

// Damage.

Ref<FakeDisk> smallLog(std::map<uint64_t, std::string>& records) {
  auto disk = Ref<FakeDisk>::make();
  LogStore store;
  Story story;
  EXPECT_TRUE(open(store, disk, {.segmentBytes = 220, .syncsCuts = true}));
  for (int i = 0; i < 4; i++) EXPECT_TRUE(append(store, story, 2, 3));
  records = story.acknowledged;
  EXPECT_GT(store.segments().size(), 1U);
  return disk;
}

TEST(Damage, OfAnyBitCostsOneFrameAtMostAndIsSaid) {
  std::map<uint64_t, std::string> records;
  const auto sound = smallLog(records);
  size_t flips = 0;
  for (const auto& [name, file] : sound->names) {
    for (size_t bit = 0; bit < file->current.size() * 8; bit++, flips++) {
      const auto disk = sound->afterPowerCut(1);
      disk->names[name]->current[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      const std::string what = name + ", bit " + std::to_string(bit);
      const LogReport before = checkLog(*Ref<FakeDirectory>::make(disk));
      ASSERT_EQ(before.fault, LogFault::kNone) << what;
      LogStore store;
      const LogOpenResult opened = store.open(Ref<FakeDirectory>::make(disk), kSynced, 1, 42);
      ASSERT_EQ(opened.fault, LogFault::kNone) << what;
      const LogContents found = readLog(store);
      ASSERT_EQ(found.error, 0) << what;
      for (const auto& [offset, value] : found.records) ASSERT_EQ(value, records.at(offset)) << what;
      const size_t missing = records.size() - found.records.size();
      ASSERT_LE(missing, 2U) << what;
      ASSERT_EQ(before.records, found.records.size()) << what;
      if (missing > 0) {
        ASSERT_TRUE(!found.gaps.empty() || opened.tornBytes > 0) << what;
        ASSERT_TRUE(!before.gaps.empty() || before.tornBytes > 0) << what;
      }
      // Behind the damage it goes on.
      ASSERT_EQ(appendFrame(store, {"next"}), LogStore::Append::kDone) << what;
    }
  }
  EXPECT_GT(flips, 3000U);
}

TEST(Damage, IsMendedByRepairAsFarAsItGoes) {
  std::map<uint64_t, std::string> records;
  const auto disk = smallLog(records);
  const std::string first = log_format::segmentName(0);
  disk->names[first]->current[5] ^= 1;                                     // the header
  disk->names[log_format::kManifestName]->current[20] ^= 1;                // the manifest
  disk->names[first]->current[log_format::kSegmentHeaderBytes + 50] ^= 1;  // a frame's body
  const LogReport report = repairLog(Ref<FakeDirectory>::make(disk), 1, 7);
  EXPECT_EQ(report.fault, LogFault::kNone);
  EXPECT_EQ(report.gaps.size(), 3U);
  const LogReport after = checkLog(*Ref<FakeDirectory>::make(disk));
  ASSERT_EQ(after.gaps.size(), 1U);
  EXPECT_EQ(after.gaps[0].records, 2U);
  EXPECT_EQ(after.records, records.size() - 2);
}

TEST(Damage, ACopyOfAFrameInsideAValueIsNoFrame) {
  auto disk = Ref<FakeDisk>::make();
  LogStore store;
  ASSERT_TRUE(open(store, disk));
  ASSERT_EQ(appendFrame(store, {"inner"}), LogStore::Append::kDone);
  const auto& bytes = disk->names[log_format::segmentName(0)]->current;
  const size_t frame = log_format::kSegmentHeaderBytes;
  // Aligned as frames are, whatever stands in front of the value.
  std::string copies;
  for (int i = 0; i < 8; i++) {
    copies.append(bytes.begin() + frame, bytes.begin() + frame + 64);
    copies.push_back('x');
  }
  ASSERT_EQ(appendFrame(store, {copies}), LogStore::Append::kDone);
  ASSERT_EQ(store.sync(), 0);
  // The outer frame is damaged at its end: a search goes through all of its value.
  auto& current = disk->names[log_format::segmentName(0)]->current;
  current[frame + 64 + log_format::kFrameHeaderBytes + 500] ^= 1;
  LogStore again;
  const LogOpenResult opened = again.open(Ref<FakeDirectory>::make(disk), kSynced, 1, 42);
  EXPECT_EQ(opened.fault, LogFault::kNone);
  EXPECT_EQ(again.end(), 1U);
  EXPECT_GT(opened.tornBytes, 0U);
}

TEST(Damage, OldBytesBehindTheEndAreNoFrames) {
  auto disk = Ref<FakeDisk>::make();
  {
    LogStore store;
    ASSERT_TRUE(open(store, disk));
    for (int i = 0; i < 3; i++) ASSERT_EQ(appendFrame(store, {"old"}), LogStore::Append::kDone);
  }
  const auto old = disk->names[log_format::segmentName(0)]->current;
  // The second frame is torn away; then a new life writes there, and the third one comes back, as recycled space might hold it.
  disk->names[log_format::segmentName(0)]->current.resize(log_format::kSegmentHeaderBytes + 56 + 4);
  LogStore store;
  ASSERT_TRUE(open(store, disk));
  ASSERT_EQ(store.end(), 1U);
  ASSERT_EQ(appendFrame(store, {"new"}), LogStore::Append::kDone);
  auto& current = disk->names[log_format::segmentName(0)]->current;
  const size_t third = log_format::kSegmentHeaderBytes + 2 * 56;
  current.resize(old.size());
  std::copy(old.begin() + third, old.end(), current.begin() + third);
  LogStore again;
  ASSERT_TRUE(open(again, disk));
  EXPECT_EQ(again.end(), 2U);
  EXPECT_EQ(readLog(again).records, (std::map<uint64_t, std::string>{{0, "old"}, {1, "new"}}));
}

// What opening refuses.

TEST(Opening, RefusesAnotherVersionAndAnotherLog) {
  std::map<uint64_t, std::string> records;
  auto disk = smallLog(records);
  auto& manifest = disk->names[log_format::kManifestName]->current;
  log_format::put<uint32_t>(manifest.data() + 8, 2);
  log_format::put(manifest.data() + 60, crc32c(0, manifest.data(), 60));
  LogStore store;
  EXPECT_EQ(store.open(Ref<FakeDirectory>::make(disk), kSynced, 1, 42).fault, LogFault::kVersion);

  disk = smallLog(records);
  auto other = Ref<FakeDisk>::make();
  LogStore foreign;
  ASSERT_EQ(foreign.open(Ref<FakeDirectory>::make(other), kSynced, 1, 99).fault, LogFault::kNone);
  disk->names[log_format::segmentName(0)] = other->names[log_format::segmentName(0)];
  LogStore mixed;
  EXPECT_EQ(mixed.open(Ref<FakeDirectory>::make(disk), kSynced, 1, 42).fault, LogFault::kForeign);
}

}  // namespace
}  // namespace sluice
