// Who gets in: access lists at the accept, and PROXY headers in front of the connection's own bytes.
#include <gtest/gtest.h>

#include <string>

#include "support/client.h"
#include "support/driven_reactor.h"
#include "support/proxy_headers.h"

namespace sluice::testing_support {
namespace {

const Framer kLines(Lines(true, 1 << 20));

Prefix prefix(const std::string& host, uint8_t bits) {
  SocketAddress address;
  EXPECT_EQ(SocketAddress::fromIp(host, 0, address), 0);
  return {.address = PeerAddress::from(address), .bits = bits};
}

Ref<ProxyPolicy> trusting(const std::string& host, bool required = false) {
  Ref<ProxyPolicy> policy = Ref<ProxyPolicy>::make();
  policy->trusted.add(prefix(host, 32));
  policy->required = required;
  return policy;
}

class AccessTest : public testing::Test {
 protected:
  void listen(const EndpointOptions& options) {
    server_ = &driven_.listen(kLines, options);
    server_->tellsRefusals = true;
  }
  Client client() { return Client(server_->listener.address()); }
  bool untilRefused() {
    return driven_.until([&] { return driven_.count(EventKind::kRefused) == 1; });
  }
  CloseReason refusal() { return driven_.last(EventKind::kRefused).reason; }
  const Connection& connection() { return *driven_.reactor().connection(driven_.last(EventKind::kConnected).slot); }

  DrivenReactor driven_;
  Endpoint* server_ = nullptr;
};

TEST_F(AccessTest, RefusesAtTheAcceptWhoIsNotAllowed) {
  EndpointOptions options;
  options.access = Ref<AccessRules>::make();
  options.access->deny.add(prefix("127.0.0.0", 8));
  listen(options);
  Client one = client();
  ASSERT_TRUE(untilRefused());
  EXPECT_EQ(refusal(), CloseReason::kAccessDenied);
  EXPECT_EQ(server_->stats.refusedByAccess, 1u);
  EXPECT_EQ(server_->connectionCount, 0u);
  server_->access = Ref<AccessRules>::make();
  Client two = client();
  EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
}

TEST_F(AccessTest, TakesTheClientFromAHeaderCutAtAnyByte) {
  EndpointOptions options;
  options.proxies = trusting("127.0.0.1", true);
  listen(options);
  const std::string headers[] = {"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
                                 binaryHeader(1, 0x11, addresses(AF_INET, "192.0.2.7", 4711) + tlv(1, "h2"))};
  for (const std::string& header : headers) {
    const std::string stream = header + "one\ntwo\n";
    for (size_t cut = 1; cut < stream.size(); cut++) {
      Client peer = client();
      peer.send(stream.substr(0, cut));
      driven_.settle();
      const size_t before = driven_.count(EventKind::kDisconnected);
      peer.send(stream.substr(cut));
      peer.shutdownWrite();
      ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == before + 1; })) << cut;
      const uint32_t slot = driven_.last(EventKind::kConnected).slot;
      ASSERT_EQ(driven_.frames[slot], (std::vector<std::string>{"one", "two"})) << cut;
    }
  }
  EXPECT_EQ(driven_.count(EventKind::kRefused), 0u);
}

TEST_F(AccessTest, KnowsTheClientAndTheProxyFromTheBeginning) {
  EndpointOptions options;
  options.proxies = trusting("127.0.0.1");
  listen(options);
  Client peer = client();
  peer.send(binaryHeader(1, 0x11, addresses(AF_INET, "192.0.2.7", 4711) + tlv(1, "h2")));
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
  EXPECT_EQ(connection().peer.host(), "192.0.2.7");
  EXPECT_EQ(connection().peer.port, 4711);
  ASSERT_TRUE(connection().proxy);
  EXPECT_EQ(connection().proxy->proxy.host(), "127.0.0.1");
  EXPECT_EQ(connection().proxy->tlvs, tlv(1, "h2"));
}

TEST_F(AccessTest, TakesAHealthCheckForTheProxysOwn) {
  EndpointOptions options;
  options.proxies = trusting("127.0.0.1", true);
  options.access = Ref<AccessRules>::make();
  options.access->allow.add(prefix("192.0.2.0", 24));  // the proxy itself is not in it
  listen(options);
  Client peer = client();
  peer.send(binaryHeader(0, 0, "") + "ping\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  EXPECT_EQ(connection().peer.host(), "127.0.0.1");
  EXPECT_TRUE(connection().proxy->local);
}

TEST_F(AccessTest, AppliesListsAndLimitsToTheClientAndNotToTheProxy) {
  EndpointOptions options;
  options.proxies = trusting("127.0.0.1", true);
  options.access = Ref<AccessRules>::make();
  options.access->deny.add(prefix("203.0.113.0", 24));
  options.limits.connectionsPerAddress = 1;
  listen(options);
  Client denied = client();
  denied.send("PROXY TCP4 203.0.113.9 198.51.100.1 1 443\r\n");
  ASSERT_TRUE(untilRefused());
  EXPECT_EQ(refusal(), CloseReason::kAccessDenied);
  Client first = client();
  first.send("PROXY TCP4 192.0.2.1 198.51.100.1 1 443\r\n");
  Client second = client();
  second.send("PROXY TCP4 192.0.2.2 198.51.100.1 1 443\r\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 2; }));
  Client again = client();
  again.send("PROXY TCP4 192.0.2.1 198.51.100.1 1 443\r\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kRefused) == 2; }));
  EXPECT_EQ(refusal(), CloseReason::kAddressLimit);
  first.close();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  Client later = client();
  later.send("PROXY TCP4 192.0.2.1 198.51.100.1 1 443\r\n");
  EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 3; }));
}

TEST_F(AccessTest, RefusesWhatIsNoHeaderWhereOneIsRequired) {
  EndpointOptions options;
  options.proxies = trusting("127.0.0.1", true);
  listen(options);
  size_t refused = 0;
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n"), "PROXY " + std::string(200, 'x'),
        binaryHeader(1, 0x11, addresses(AF_INET, "192.0.2.7", 1) + tlv(4, std::string(10 * 1024, '.')))}) {
    Client peer = client();
    peer.sendSome(text);
    ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kRefused) == refused + 1; }));
    EXPECT_EQ(refusal(), CloseReason::kProxyHeader);
    refused++;
  }
  EXPECT_EQ(driven_.count(EventKind::kConnected), 0u);
}

TEST_F(AccessTest, BelievesNoHeaderOfOthers) {
  EndpointOptions options;
  options.proxies = trusting("192.0.2.200");
  listen(options);
  Client peer = client();
  peer.send("PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  EXPECT_EQ(connection().peer.host(), "127.0.0.1");
  EXPECT_FALSE(connection().proxy);
}

TEST_F(AccessTest, RefusesOthersWhereAHeaderIsRequired) {
  EndpointOptions options;
  options.proxies = trusting("192.0.2.200", true);
  listen(options);
  Client peer = client();
  ASSERT_TRUE(untilRefused());
  EXPECT_EQ(refusal(), CloseReason::kProxyHeader);
}

TEST_F(AccessTest, TakesATrustedPeerWithoutAHeaderForADirectClient) {
  EndpointOptions options;
  options.proxies = trusting("127.0.0.1");
  listen(options);
  Client talks = client();
  talks.send("hello\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  EXPECT_FALSE(connection().proxy);
  Client listens = client();  // and waits for the server to speak first
  driven_.settle();
  driven_.nowMs += 10'001;
  driven_.reactor().tick(driven_.nowMs);
  driven_.turn(0);
  EXPECT_EQ(driven_.count(EventKind::kConnected), 2u);
}

}  // namespace
}  // namespace sluice::testing_support
