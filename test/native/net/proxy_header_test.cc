// PROXY headers, version 1 and 2: what is taken, what is not, and that no beginning of a header is taken for one.
#include <gtest/gtest.h>

#include <string>

#include "net/proxy_header.h"
#include "support/proxy_headers.h"

namespace sluice::testing_support {
namespace {

using Outcome = ProxyHeader::Outcome;

ProxyHeader parse(const std::string& bytes) {
  return ProxyHeader::parse(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

TEST(ProxyHeader, IsWholeOnlyWithItsLastByte) {
  const std::string v4 = addresses(AF_INET, "192.0.2.7", 4711);
  const std::string headers[] = {
      "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
      "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
      "PROXY UNKNOWN\r\n",
      "PROXY UNKNOWN ffff::1 whatever 1 2\r\n",
      binaryHeader(1, 0x11, v4),
      binaryHeader(1, 0x11, v4 + tlv(1, "h2") + tlv(0xee, "")),
      binaryHeader(1, 0x21, addresses(AF_INET6, "2001:db8::7", 4711)),
      binaryHeader(0, 0x00, ""),
      binaryHeader(0, 0x11, v4 + "not a tlv"),
      binaryHeader(1, 0x31, std::string(216, 'p')),
  };
  for (const std::string& header : headers) {
    for (size_t cut = 0; cut < header.size(); cut++) {
      ASSERT_EQ(parse(header.substr(0, cut)).outcome, Outcome::kMore) << cut << " of " << header;
    }
    const ProxyHeader whole = parse(header + "data");
    ASSERT_EQ(whole.outcome, Outcome::kWhole) << header;
    EXPECT_EQ(whole.length, header.size());
    if (!whole.local) {
      EXPECT_EQ(whole.client.port, 4711);
      EXPECT_TRUE(whole.client.host() == "192.0.2.7" || whole.client.host() == "2001:db8::7");
    }
  }
}

TEST(ProxyHeader, GivesTheFieldsBehindTheAddresses) {
  const std::string fields = tlv(1, "h2") + tlv(2, "example.org");
  const std::string header = binaryHeader(1, 0x11, addresses(AF_INET, "192.0.2.7", 1) + fields);
  const ProxyHeader parsed = parse(header);
  EXPECT_EQ(header.substr(parsed.tlvsBegin, parsed.length - parsed.tlvsBegin), fields);
}

TEST(ProxyHeader, TakesAMappedAddressForTheIpv4AddressThatItIs) {
  EXPECT_EQ(parse("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n").client.host(), "192.0.2.7");
  EXPECT_EQ(parse("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n").client.family, AF_INET);
}

TEST(ProxyHeader, IsNoneWhenTheBytesBeginOtherwise) {
  for (const std::string text : {"GET / HTTP/1.1\r\n", "PROXX", "\r\n\r\nx", "x", "PROXY\r\n"}) {
    EXPECT_EQ(parse(text).outcome, Outcome::kNone) << text;
  }
}

TEST(ProxyHeader, IsMalformedWhereItMakesNoSense) {
  const std::string v4 = addresses(AF_INET, "192.0.2.7", 1);
  const std::string headers[] = {
      "PROXY \r\n",
      "PROXY TCP4\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 \r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
      "PROXY TCP4 192.0.2.777 198.51.100.1 1 443\r\n",
      "PROXY TCP4 2001:db8::7 2001:db8::1 1 443\r\n",
      "PROXY TCP5 192.0.2.7 198.51.100.1 1 443\r\n",
      "PROXY tcp4 192.0.2.7 198.51.100.1 1 443\r\n",
      "PROXY " + std::string(200, 'x'),
      binaryHeader(2, 0x11, v4),
      binaryHeader(1, 0x41, v4),
      binaryHeader(1, 0x13, v4),
      binaryHeader(1, 0x11, v4.substr(1)),
      binaryHeader(1, 0x11, v4 + "ab"),
      binaryHeader(1, 0x11, v4 + std::string("\x01\x00\x05", 3) + "abcd"),
      binaryHeader(1, 0x11, v4 + tlv(4, std::string(10 * 1024, '.'))),  // longer than we take
  };
  for (const std::string& header : headers) EXPECT_EQ(parse(header).outcome, Outcome::kMalformed) << header;
}

}  // namespace
}  // namespace sluice::testing_support
