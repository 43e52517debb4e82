#include "net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
  EXPECT_EQ(SocketAddress::fromIp("fe80::1%no-such-one", 1, address), ENODEV);
  EXPECT_EQ(SocketAddress::fromIp("fe80::1%", 1, address), EINVAL);
  for (const char* number : {"0", "4294967296", "1x", "-1", " 1"}) {
    EXPECT_EQ(SocketAddress::fromIp(std::string("fe80::1%") + number, 1, address), ENODEV) << number;
  }
  ASSERT_EQ(SocketAddress::fromIp("fe80::1%4000000000", 1, address), 0);
  EXPECT_EQ(reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_scope_id, 4'000'000'000U);
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
  EXPECT_EQ(address.path(), "\0ab"s);
  ASSERT_EQ(SocketAddress::fromPath("/ab", address), 0);
  EXPECT_EQ(address.length, offsetof(sockaddr_un, sun_path) + 4);
  EXPECT_EQ(address.path(), "/ab");
  const std::string longest = "\0"s + std::string(sizeof(sockaddr_un::sun_path) - 1, 'x');
  ASSERT_EQ(SocketAddress::fromPath(longest, address), 0);
  EXPECT_EQ(address.path(), longest);
  EXPECT_EQ(SocketAddress::fromPath(longest + "x", address), ENAMETOOLONG);
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

// Elsewhere than on a link, a zone does not tell hosts apart.
TEST(PeerAddress, KeepsTheZoneOfALinkLocalAddressOnly) {
  EXPECT_EQ(peerOf("fe80::1%lo").host(), "fe80::1%lo");
  EXPECT_EQ(peerOf("fe80::1%4000000000").host(), "fe80::1%4000000000")
      << "an interface that is gone has its number left";
  EXPECT_EQ(peerOf("ff02::1%lo").host(), "ff02::1%lo");
  EXPECT_EQ(peerOf("::1%lo").host(), "::1");
  EXPECT_FALSE(SameHost{}(peerOf("fe80::1%lo"), peerOf("fe80::1%4000000000")));
}

TEST(PeerAddress, OfAUnixPeerAreItsCredentials) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const sys::PeerCredentials credentials = PeerAddress::ofUnixPeer(pair[0]).credentials();
  EXPECT_EQ(credentials.pid, ::getpid());
  EXPECT_EQ(credentials.uid, ::geteuid());
  EXPECT_EQ(credentials.gid, ::getegid());
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(ConnectedToItself, IsASocketWhoseTwoEndsAreOne) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(fd, raw, sizeof address), 0);
  EXPECT_FALSE(isConnectedToItself(fd)) << "not connected yet";
  socklen_t length = sizeof address;
  ASSERT_EQ(::getsockname(fd, raw, &length), 0);
  ASSERT_EQ(::connect(fd, raw, sizeof address), 0);
  EXPECT_TRUE(isConnectedToItself(fd));
  ::close(fd);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_FALSE(isConnectedToItself(pair[0])) << "the names of both ends are empty, which makes them no one socket";
  ::close(pair[0]);
  ::close(pair[1]);
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
