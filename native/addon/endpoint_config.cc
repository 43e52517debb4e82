#include "endpoint_config.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

namespace sluice {

namespace {

/// Reads the properties of an object. While its thread is being terminated any read may fail: what it gives is empty then, a
/// value that can't even be asked to convert itself, and the configuration is not complete.
class Properties {
 public:
  Properties(const Napi::Value& object, bool& complete) : object_(object), complete_(complete) {
    if (!object_.IsObject()) complete_ = false;
  }

  Properties object(const char* name) const { return {get(name), complete_}; }
  bool isObject(const char* name) const { return get(name).IsObject(); }
  bool has(const char* name) const { return object_.IsObject() && object_.As<Napi::Object>().Has(name); }
  double number(const char* name) const {
    const Napi::Value value = get(name);
    return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  }
  uint32_t word(const char* name) const {
    return static_cast<uint32_t>(std::clamp(number(name), 0.0, static_cast<double>(UINT32_MAX)));
  }
  uint64_t bytes(const char* name) const {
    return static_cast<uint64_t>(std::clamp(number(name), 0.0, 9007199254740991.0));
  }
  bool flag(const char* name) const {
    const Napi::Value value = get(name);
    return value.IsBoolean() && value.As<Napi::Boolean>().Value();
  }
  std::string text(const char* name) const {
    const Napi::Value value = get(name);
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  }
  std::string bytesOf(const char* name) const {
    const Napi::Value value = get(name);
    if (!value.IsTypedArray()) return {};
    Napi::Uint8Array view = value.As<Napi::Uint8Array>();
    return {reinterpret_cast<const char*>(view.Data()), view.ByteLength()};
  }

 private:
  Napi::Value get(const char* name) const {
    if (!complete_) return {};
    Napi::Value value = object_.As<Napi::Object>().Get(name);
    if (value.IsEmpty()) complete_ = false;
    return value;
  }

  Napi::Value object_;
  bool& complete_;
};

int addressFrom(const Properties& address, SocketAddress& out) {
  if (address.has("path")) return SocketAddress::fromPath(address.text("path"), out);
  return SocketAddress::fromIp(address.text("host"), static_cast<uint16_t>(address.word("port")), out);
}

/// A framing's options are properties by the same names (lib/net/framing).
class FramingProperties final : public FramingOptions {
 public:
  explicit FramingProperties(const Properties& properties) : properties_(properties) {}

  double number(const char* name) const override { return properties_.number(name); }
  bool flag(const char* name) const override { return properties_.flag(name); }
  std::string bytes(const char* name) const override { return properties_.bytesOf(name); }

 private:
  const Properties& properties_;
};

/// As lib/net/cidr.ts packs them: 18 bytes a prefix, its family (4 or 6), its bits, and the address in 16 bytes.
void addPrefixes(const std::string& packed, PrefixList& list) {
  constexpr size_t kBytes = 18;
  for (size_t at = 0; at + kBytes <= packed.size(); at += kBytes) {
    Prefix prefix;
    prefix.address.family = packed[at] == 4 ? AF_INET : AF_INET6;
    prefix.bits = static_cast<uint8_t>(packed[at + 1]);
    std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(at) + 2, prefix.address.ip.size(),
                prefix.address.ip.begin());
    list.add(prefix);
  }
}

}  // namespace

Ref<AccessRules> accessRules(const std::string& allow, const std::string& deny) {
  Ref<AccessRules> rules = Ref<AccessRules>::make();
  addPrefixes(allow, rules->allow);
  addPrefixes(deny, rules->deny);
  return rules;
}

EndpointConfig EndpointConfig::from(const Napi::Value& value, int& error) {
  bool complete = true;
  const Properties config(value, complete);
  SocketAddress address;
  const bool inherited = config.object("address").has("fd");
  error = inherited ? 0 : addressFrom(config.object("address"), address);
  const Properties limits = config.object("limits");
  EndpointOptions options;
  options.limits = {.connections = limits.word("connections"),
                    .connectionsPerAddress = limits.word("connectionsPerAddress"),
                    .frameBytes = limits.word("frameBytes"),
                    .bufferedBytes = limits.bytes("bufferedBytes"),
                    .outputBytes = limits.bytes("outputBytes"),
                    .outputHighWater = limits.bytes("outputHighWater"),
                    .outputStallMs = limits.word("outputStallMs"),
                    .idleMs = limits.word("idleMs"),
                    .firstFrameMs = limits.word("firstFrameMs"),
                    .frameMs = limits.word("frameMs"),
                    .bytesPerSecondMin = limits.word("bytesPerSecondMin"),
                    .framesPerSecond = limits.number("framesPerSecond"),
                    .frameBurst = limits.number("frameBurst"),
                    .closesOverRate = limits.flag("closesOverRate"),
                    .handshakeMs = limits.word("handshakeMs")};
  options.socket = {.noDelay = config.flag("noDelay"),
                    .keepAliveIdleS = static_cast<int>(config.number("keepAliveIdleS")),
                    .keepAliveEveryS = static_cast<int>(config.number("keepAliveEveryS")),
                    .keepAliveProbes = static_cast<int>(config.number("keepAliveProbes")),
                    .userTimeoutMs = static_cast<int>(config.number("userTimeoutMs"))};
  options.allowHalfOpen = config.flag("allowHalfOpen");
  options.overflow = static_cast<Overflow>(config.word("overflow"));
  if (config.isObject("access")) {
    const Properties access = config.object("access");
    options.access = accessRules(access.bytesOf("allow"), access.bytesOf("deny"));
  }
  if (config.isObject("proxyProtocol")) {
    const Properties proxies = config.object("proxyProtocol");
    options.proxies = Ref<ProxyPolicy>::make();
    addPrefixes(proxies.bytesOf("trust"), options.proxies->trusted);
    options.proxies->required = proxies.flag("required");
  }
  const ListenOptions listen{.backlog = static_cast<int>(config.number("backlog")),
                             .reusePort = config.flag("reusePort"),
                             .ipv6Only = config.flag("ipv6Only"),
                             .fd = inherited ? static_cast<int>(config.object("address").number("fd")) : -1,
                             .mode = static_cast<int>(config.number("mode")),
                             .replaceStale = config.flag("replaceStale")};
  const Properties framing = config.object("framing");
  std::optional<Framer> framer =
      Framer::make(framing.text("kind"), FramingProperties(framing), options.limits.frameBytes);
  if (!framer) error = EPROTONOSUPPORT;
  if (!complete) error = ECANCELED;
  return {.address = address,
          .listen = listen,
          .endpoint = options,
          .framer = framer ? *std::move(framer) : Framer(Raw(options.limits.frameBytes))};
}

}  // namespace sluice
