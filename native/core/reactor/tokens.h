// By what the reactor's poller names what it watches: 64 bits, a place in the low half and a generation in the high half.
//
// Generation 0 is never a connection's, so it marks everything else: listeners by their endpoint's id, which is positive as
// a signed number, and with the highest bit set the poller of watched descriptors and the sockets that linger.
#pragma once

#include <cstdint>

namespace sluice {

constexpr uint64_t token(uint32_t low, uint32_t generation) { return (uint64_t{generation} << 32) | low; }
inline constexpr uint32_t kWatchesToken = 0x8000'0000;
inline constexpr uint32_t kLingeringTokens = 0xc000'0000;  // and the index

}  // namespace sluice
