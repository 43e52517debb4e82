#include "net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <string>

namespace sluice {
namespace {

using namespace std::string_literals;

PeerAddress peerOf(const std::string& host, uint16_t port = 7) {
  SocketAddress address;
  EXPECT_EQ(SocketAddress::fromIp(host, port, address), 0) << host;
  return PeerAddress::from(address);
}

TEST(SocketAddress, TakesIPv4AndIPv6) {
  SocketAddress address;
  ASSERT_EQ(SocketAddress::fromIp("127.0.0.1", 7000, address), 0);
  EXPECT_EQ(address.family(), AF_INET);
  EXPECT_EQ(address.length, sizeof(sockaddr_in));
  ASSERT_EQ(SocketAddress::fromIp("::1", 7000, address), 0);
  EXPECT_EQ(address.family(), AF_INET6);
  EXPECT_EQ(address.length, sizeof(sockaddr_in6));
}

TEST(SocketAddress, TakesTheZoneOfAnInterface) {
  SocketAddress address;
  ASSERT_EQ(SocketAddress::fromIp("fe80::1%lo", 1, address), 0);
  EXPECT_NE(reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_scope_id, 0u);
  EXPECT_EQ(SocketAddress::fromIp("fe80::1%no-such-one", 1, address), EINVAL);
  EXPECT_EQ(SocketAddress::fromIp("fe80::1%", 1, address), EINVAL);
}

TEST(SocketAddress, RefusesWhatIsNoAddress) {
  SocketAddress address;
  for (const std::string& text : {""s, "localhost"s, "1.2.3"s, "1.2.3.4.5"s, "256.0.0.1"s, "01.2.3.4x"s, ":::"s, "%lo"s,
                                  "1.2.3.4%lo"s, "127.0.0.1\0x"s, "::1\0%lo"s}) {
    EXPECT_EQ(SocketAddress::fromIp(text, 1, address), EINVAL) << testing::PrintToString(text);
  }
}

TEST(SocketAddress, TakesUnixPathsUpToTheirLimit) {
  SocketAddress address;
  const size_t most = sizeof(sockaddr_un::sun_path) - 1;
  EXPECT_EQ(SocketAddress::fromPath("/tmp/" + std::string(most - 5, 'x'), address), 0);
  EXPECT_EQ(address.length, sizeof(sockaddr_un));
  EXPECT_EQ(SocketAddress::fromPath("/tmp/" + std::string(most - 4, 'x'), address), ENAMETOOLONG);
  EXPECT_EQ(SocketAddress::fromPath("", address), ENAMETOOLONG);
}

// The name of an abstract socket has no terminator: one byte more would be another name, unix(7).
TEST(SocketAddress, MeasuresAbstractNamesExactly) {
  SocketAddress address;
  ASSERT_EQ(SocketAddress::fromPath("\0ab"s, address), 0);
  EXPECT_EQ(address.length, offsetof(sockaddr_un, sun_path) + 3);
  ASSERT_EQ(SocketAddress::fromPath("/ab", address), 0);
  EXPECT_EQ(address.length, offsetof(sockaddr_un, sun_path) + 4);
}

TEST(PeerAddress, WritesItsHostOut) {
  EXPECT_EQ(peerOf("192.168.7.255").host(), "192.168.7.255");
  EXPECT_EQ(peerOf("2001:DB8:0:0::1").host(), "2001:db8::1");
  EXPECT_EQ(peerOf("10.0.0.1", 65535).port, 65535);
  SocketAddress path;
  ASSERT_EQ(SocketAddress::fromPath("/tmp/x", path), 0);
  EXPECT_EQ(PeerAddress::from(path).host(), "");
  EXPECT_EQ(PeerAddress::from(path).family, AF_UNIX);
}

TEST(PeerAddress, OfAMappedAddressIsIPv4) {
  EXPECT_EQ(peerOf("::ffff:10.1.2.3"), peerOf("10.1.2.3"));
  EXPECT_EQ(peerOf("::ffff:10.1.2.3").host(), "10.1.2.3");
}

TEST(PeerAddress, IsTheSameHostOnAnyPort) {
  EXPECT_TRUE(SameHost{}(peerOf("10.0.0.1", 1), peerOf("10.0.0.1", 2)));
  EXPECT_EQ(HostHash{}(peerOf("10.0.0.1", 1)), HostHash{}(peerOf("10.0.0.1", 2)));
  EXPECT_FALSE(SameHost{}(peerOf("10.0.0.1"), peerOf("10.0.0.2")));
  EXPECT_FALSE(SameHost{}(peerOf("1.2.3.4"), peerOf("102:304::")));  // the same leading bytes
}

}  // namespace
}  // namespace sluice
