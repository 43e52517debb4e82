// The transport of a connection whose stream is what its socket carries: one system call for each call, no state.
#pragma once

#include "transport/transport.h"

namespace sluice {

class PlainTransport final : public Transport {
 public:
  /// The one that all plain connections share.
  static PlainTransport& shared() noexcept;

  Step handshake(int) noexcept override { return {Io::kDone}; }
  Received receive(int fd, uint8_t* into, uint32_t length) noexcept override;
  Sent send(int fd, const iovec* pieces, int count) noexcept override;
  Step end(int fd) noexcept override;
};

/// Never destroyed: after process.exit() a reactor's thread may still use it.
union SharedPlainTransport {
  constexpr SharedPlainTransport() noexcept : transport() {}
  ~SharedPlainTransport() {}
  PlainTransport transport;
};
extern SharedPlainTransport sharedPlainTransport;

inline PlainTransport& PlainTransport::shared() noexcept { return sharedPlainTransport.transport; }

}  // namespace sluice
