// What a descriptor is that this process was started with: `listen({ fd })` asks before it takes one over.
#pragma once

#include <napi.h>

namespace sluice {

/// `describeSocket(fd)`, see lib/platform/sockets.ts.
void defineInheritedSockets(Napi::Env env, Napi::Object exports);

}  // namespace sluice
