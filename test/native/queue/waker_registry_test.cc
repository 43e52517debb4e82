// Threads found by id, until they end.
#include "queue/waker_registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace sluice {
namespace {

struct Bell {
  std::atomic<uint32_t> rings{0};
  static void ring(void* self) { static_cast<Bell*>(self)->rings++; }
};

class WakerRegistryTest : public testing::Test {
 protected:
  std::unique_ptr<WakerRegistry> registry = std::make_unique<WakerRegistry>();
};

TEST_F(WakerRegistryTest, WakesOneAndAll) {
  Bell one;
  Bell two;
  const uint32_t first = registry->add(Bell::ring, &one);
  const uint32_t second = registry->add(Bell::ring, &two);
  EXPECT_NE(first, second);
  EXPECT_TRUE(registry->wake(first));
  EXPECT_EQ(one.rings, 1U);
  EXPECT_EQ(two.rings, 0U);
  registry->wakeAll();
  EXPECT_EQ(one.rings, 2U);
  EXPECT_EQ(two.rings, 1U);
}

TEST_F(WakerRegistryTest, DoesNothingForTheDead) {
  Bell gone;
  Bell other;
  const uint32_t id = registry->add(Bell::ring, &gone);
  registry->add(Bell::ring, &other);
  EXPECT_TRUE(registry->isAlive(id));
  registry->remove(id);
  registry->remove(id);
  EXPECT_EQ(registry->deaths(), 1U);
  EXPECT_EQ(other.rings, 1U) << "the others are told";
  EXPECT_FALSE(registry->isAlive(id));
  EXPECT_FALSE(registry->wake(id));
  EXPECT_EQ(gone.rings, 0U);
  EXPECT_FALSE(registry->isAlive(0));
  EXPECT_FALSE(registry->wake(0));
  registry->remove(0);
  EXPECT_EQ(registry->deaths(), 1U);
}

TEST_F(WakerRegistryTest, GivesNoIdTwice) {
  Bell bell;
  std::set<uint32_t> ids;
  for (uint32_t i = 0; i < 3 * WakerRegistry::kMaxThreads; i++) {
    const uint32_t id = registry->add(Bell::ring, &bell);
    EXPECT_TRUE(ids.insert(id).second);
    EXPECT_GT(id, 1U) << "taken by other meanings";
    registry->remove(id);
  }
}

TEST_F(WakerRegistryTest, HasAnEnd) {
  Bell bell;
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < WakerRegistry::kMaxThreads; i++) ids.push_back(registry->add(Bell::ring, &bell));
  EXPECT_EQ(registry->add(Bell::ring, &bell), 0U);
  registry->remove(ids[17]);
  EXPECT_NE(registry->add(Bell::ring, &bell), 0U);
}

TEST_F(WakerRegistryTest, CallsNobodyAfterRemovalHasReturned) {
  std::atomic<uint32_t> current{0};
  std::atomic<bool> over{false};
  std::thread waker([&] {
    while (!over) registry->wake(current);
  });
  for (int i = 0; i < 2000; i++) {
    auto bell = std::make_unique<Bell>();
    const uint32_t id = registry->add(Bell::ring, bell.get());
    current = id;
    std::this_thread::yield();
    registry->remove(id);  // the bell is freed next: a late ring would be a use after free
  }
  over = true;
  waker.join();
}

}  // namespace
}  // namespace sluice
