// Lists of networks: against a slow model, and the cases that are easily got wrong.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "net/access_rules.h"

namespace sluice {
namespace {

PeerAddress at(const std::string& host) {
  SocketAddress address;
  EXPECT_EQ(SocketAddress::fromIp(host, 1, address), 0) << host;
  return PeerAddress::from(address);
}
Prefix prefix(const std::string& host, uint8_t bits) { return {.address = at(host), .bits = bits}; }

TEST(AccessRules, LetDenyWin) {
  AccessRules rules;
  EXPECT_TRUE(rules.admits(at("10.1.2.3"))) << "no list says nothing";
  rules.allow.add(prefix("10.0.0.0", 8));
  rules.allow.add(prefix("::1", 128));
  rules.deny.add(prefix("10.1.0.0", 16));
  EXPECT_TRUE(rules.admits(at("10.2.0.1")));
  EXPECT_FALSE(rules.admits(at("10.1.0.1")));
  EXPECT_FALSE(rules.admits(at("11.0.0.1")));
  EXPECT_TRUE(rules.admits(at("::1")));
  EXPECT_FALSE(rules.admits(at("::2")));
  EXPECT_TRUE(rules.admits(at("::ffff:10.2.0.1"))) << "it is an IPv4 address";
  EXPECT_FALSE(rules.admits(at("::ffff:10.1.0.1")));
}

TEST(AccessRules, TakeAPrefixOfNoBitsForAllOfItsFamily) {
  AccessRules rules;
  rules.deny.add(prefix("0.0.0.0", 0));
  EXPECT_FALSE(rules.admits(at("1.2.3.4")));
  EXPECT_TRUE(rules.admits(at("2001:db8::1")));
}

TEST(AccessRules, AgreeWithAComparisonBitByBit) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; round++) {
    PrefixList list;
    std::vector<Prefix> all;
    for (uint32_t i = 0; i < random() % 20; i++) {
      Prefix one;
      const bool v4 = random() % 2 == 0;
      one.address.family = v4 ? AF_INET : AF_INET6;
      one.bits = static_cast<uint8_t>(random() % (v4 ? 33 : 129));
      for (size_t byte = 0; byte < (v4 ? 4U : 16U); byte++) one.address.ip[byte] = static_cast<uint8_t>(random() % 4);
      all.push_back(one);
      list.add(one);
    }
    for (int i = 0; i < 200; i++) {
      PeerAddress peer;
      peer.family = random() % 2 == 0 ? AF_INET : AF_INET6;
      for (size_t byte = 0; byte < (peer.family == AF_INET ? 4U : 16U); byte++) {
        peer.ip[byte] = static_cast<uint8_t>(random() % 4);
      }
      bool expected = false;
      for (const Prefix& one : all) {
        bool same = one.address.family == peer.family;
        for (uint32_t bit = 0; same && bit < one.bits; bit++) {
          same = ((one.address.ip[bit / 8] ^ peer.ip[bit / 8]) >> (7 - bit % 8) & 1) == 0;
        }
        expected |= same;
      }
      ASSERT_EQ(list.covers(peer), expected);
    }
  }
}

}  // namespace
}  // namespace sluice
