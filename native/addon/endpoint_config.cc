#include "endpoint_config.h"

#include <algorithm>
#include <string>

namespace sluice {

namespace {

double number(const Napi::Object& object, const char* name) { return object.Get(name).ToNumber().DoubleValue(); }
uint32_t word(const Napi::Object& object, const char* name) {
  return static_cast<uint32_t>(std::clamp(number(object, name), 0.0, static_cast<double>(UINT32_MAX)));
}
uint64_t bytes(const Napi::Object& object, const char* name) {
  return static_cast<uint64_t>(std::clamp(number(object, name), 0.0, 9007199254740991.0));
}
bool flag(const Napi::Object& object, const char* name) { return object.Get(name).ToBoolean().Value(); }
std::string text(const Napi::Object& object, const char* name) { return object.Get(name).ToString().Utf8Value(); }

int addressFrom(const Napi::Object& address, SocketAddress& out) {
  if (address.Has("path")) return SocketAddress::fromPath(text(address, "path"), out);
  return SocketAddress::fromIp(text(address, "host"), static_cast<uint16_t>(word(address, "port")), out);
}

Framer framerFrom(const Napi::Object& framing, uint32_t maxFrameBytes) {
  const std::string kind = text(framing, "kind");
  if (kind == "lines") return Framer(Lines(flag(framing, "trimCR"), maxFrameBytes));
  if (kind == "delimited") {
    const auto delimiter = framing.Get("delimiter").As<Napi::Uint8Array>();
    Napi::Uint8Array view = delimiter;
    return Framer(
        Delimited(std::string_view(reinterpret_cast<const char*>(view.Data()), view.ByteLength()), maxFrameBytes));
  }
  if (kind == "lengthPrefixed") {
    return Framer(LengthPrefixed(static_cast<uint8_t>(word(framing, "bytes")), flag(framing, "littleEndian"),
                                 flag(framing, "includesLength"), maxFrameBytes));
  }
  if (kind == "varintPrefixed") return Framer(VarintPrefixed(maxFrameBytes));
  if (kind == "fixed") return Framer(Fixed(word(framing, "size")));
  return Framer(Raw(maxFrameBytes));
}

}  // namespace

EndpointConfig EndpointConfig::from(const Napi::Object& config, int& error) {
  SocketAddress address;
  error = addressFrom(config.Get("address").As<Napi::Object>(), address);
  const auto limits = config.Get("limits").As<Napi::Object>();
  EndpointOptions options;
  options.limits = {.connections = word(limits, "connections"),
                    .connectionsPerAddress = word(limits, "connectionsPerAddress"),
                    .frameBytes = word(limits, "frameBytes"),
                    .bufferedBytes = bytes(limits, "bufferedBytes"),
                    .outputBytes = bytes(limits, "outputBytes"),
                    .outputHighWater = bytes(limits, "outputHighWater"),
                    .outputStallMs = word(limits, "outputStallMs")};
  options.socket = {.noDelay = flag(config, "noDelay"),
                    .keepAliveSeconds = static_cast<int>(number(config, "keepAliveSeconds"))};
  options.allowHalfOpen = flag(config, "allowHalfOpen");
  return {.address = address,
          .listen = {.backlog = static_cast<int>(number(config, "backlog")),
                     .reusePort = flag(config, "reusePort"),
                     .letOthersJoin = flag(config, "letOthersJoin"),
                     .ipv6Only = flag(config, "ipv6Only")},
          .endpoint = options,
          .framer = framerFrom(config.Get("framing").As<Napi::Object>(), options.limits.frameBytes)};
}

}  // namespace sluice
