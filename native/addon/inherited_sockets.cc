#include "inherited_sockets.h"

#include <sys/socket.h>

#include <cerrno>

#include "net/address.h"

namespace sluice {

namespace {

/// (fd): { type, family, listening }, or an errno value negated.
Napi::Value describeSocket(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int fd = info[0].As<Napi::Number>().Int32Value();
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return Napi::Number::New(env, -errno);
  SocketAddress address;
  if (const int error = SocketAddress::boundTo(fd, address); error != 0) return Napi::Number::New(env, -error);
  int listening = 0;
  length = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) listening = 0;
  const int family = address.family();
  auto found = Napi::Object::New(env);
  found.Set("type", type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "datagram" : "other");
  found.Set("family", family == AF_INET ? "IPv4" : family == AF_INET6 ? "IPv6" : family == AF_UNIX ? "unix" : "other");
  found.Set("listening", listening != 0);
  return found;
}

}  // namespace

void defineInheritedSockets(Napi::Env env, Napi::Object exports) {
  exports.Set("describeSocket", Napi::Function::New<describeSocket>(env, "describeSocket"));
}

}  // namespace sluice
