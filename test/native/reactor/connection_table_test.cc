#include "reactor/connection_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace sluice {
namespace {

TEST(ConnectionTable, GivesEachTenantItsOwnSlot) {
  ConnectionTable table;
  std::set<uint32_t> slots;
  for (int i = 0; i < 1000; i++) slots.insert(table.allocate().slot);
  EXPECT_EQ(slots.size(), 1000u);
  EXPECT_GE(table.capacity(), 1000u);
}

TEST(ConnectionTable, TellsTheTenantsOfASlotApart) {
  ConnectionTable table;
  Connection& first = table.allocate();
  const uint32_t slot = first.slot;
  const uint32_t generation = first.generation;
  EXPECT_NE(generation, 0u) << "generation 0 is no connection's";
  first.fd = 99;
  first.readEnded = true;
  first.reason = CloseReason::kSystem;
  table.release(first);
  Connection& second = table.allocate();
  ASSERT_EQ(second.slot, slot) << "a freed slot is used again";
  EXPECT_NE(second.generation, generation);
  EXPECT_FALSE(second.isOpen());
  EXPECT_FALSE(second.readEnded);
  EXPECT_EQ(second.reason, CloseReason::kNone);
}

TEST(ConnectionTable, NeverMovesARecord) {
  ConnectionTable table;
  std::vector<Connection*> records;
  for (int i = 0; i < 500; i++) records.push_back(&table.allocate());
  for (const Connection* record : records) EXPECT_EQ(table.at(record->slot), record);
}

TEST(ConnectionTable, KnowsNoSlotBeyondItsOwn) {
  ConnectionTable table;
  EXPECT_EQ(table.at(0), nullptr);
  table.allocate();
  EXPECT_EQ(table.at(table.capacity()), nullptr);
  EXPECT_EQ(table.at(UINT32_MAX), nullptr);
}

}  // namespace
}  // namespace sluice
