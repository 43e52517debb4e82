// Reads what JavaScript resolved (lib/platform/sockets.ts, EndpointConfig) into the core's structures.
#pragma once

#include <napi.h>

#include <string>

#include "net/endpoint.h"

namespace sluice {

struct EndpointConfig {
  SocketAddress address;
  ListenOptions listen;
  EndpointOptions endpoint;
  Framer framer;

  /// `error` is 0 or an errno value: of an address that the system can't represent, or ECANCELED when the thread is being
  /// terminated.
  static EndpointConfig from(const Napi::Value& config, int& error);
};

/// Of two packed lists of prefixes.
Ref<AccessRules> accessRules(const std::string& allow, const std::string& deny);

}  // namespace sluice
