#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "net/address.h"
#include "support/require.h"

using namespace sluice;

// Whatever text is taken for an address must mean the same when it is written out and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  SocketAddress address;
  if (SocketAddress::fromIp(text, 4711, address) == 0) {
    SLUICE_REQUIRE(text.find('\0') == std::string::npos);
    const PeerAddress peer = PeerAddress::from(address);
    SocketAddress again;
    SLUICE_REQUIRE(peer.port == 4711 && SocketAddress::fromIp(peer.host(), 4711, again) == 0);
    SLUICE_REQUIRE(PeerAddress::from(again) == peer);
  }
  if (SocketAddress::fromPath(text, address) == 0) {
    SLUICE_REQUIRE(!text.empty() && address.length <= sizeof address.storage);
    SLUICE_REQUIRE(PeerAddress::from(address).host().empty());
  }
  return 0;
}
