#include "net/intrusive_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

struct Item {
  std::string name;
  ListLink<Item> first{};
  ListLink<Item> second{};
};
using FirstList = IntrusiveList<Item, &Item::first>;
using SecondList = IntrusiveList<Item, &Item::second>;

template <typename List>
std::string names(const List& list) {
  std::string all;
  for (Item* item = list.front(); item != nullptr; item = list.after(item)) all += item->name;
  return all;
}

TEST(IntrusiveList, KeepsTheOrder) {
  Item a{"a"}, b{"b"}, c{"c"};
  FirstList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  list.pushBack(&a);
  list.pushBack(&b);
  list.pushFront(&c);
  EXPECT_EQ(names(list), "cab");
  list.remove(&a);
  EXPECT_EQ(names(list), "cb");
  EXPECT_EQ(list.popFront(), &c);
  EXPECT_EQ(list.popFront(), &b);
  EXPECT_EQ(list.popFront(), nullptr);
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, HoldsAnElementOnce) {
  Item a{"a"}, b{"b"};
  FirstList list;
  list.pushBack(&a);
  list.pushBack(&b);
  list.pushBack(&a);
  list.pushFront(&b);
  EXPECT_EQ(names(list), "ab");
  list.remove(&a);
  list.remove(&a);
  EXPECT_FALSE(FirstList::contains(&a));
  EXPECT_TRUE(FirstList::contains(&b));
  EXPECT_EQ(names(list), "b");
}

TEST(IntrusiveList, LinksByOneMemberOnly) {
  Item a{"a"}, b{"b"};
  FirstList one;
  SecondList other;
  one.pushBack(&a);
  one.pushBack(&b);
  other.pushBack(&b);
  other.pushBack(&a);
  EXPECT_EQ(names(one), "ab");
  EXPECT_EQ(names(other), "ba");
  one.remove(&a);
  EXPECT_EQ(names(other), "ba");
}

}  // namespace
}  // namespace sluice
