#include "reactor_wrap.h"

#include <netinet/in.h>

#include "endpoint_config.h"

namespace sluice {

namespace {

Napi::Value describe(Napi::Env env, const PeerAddress& peer) {
  auto object = Napi::Object::New(env);
  object.Set("family", peer.family == AF_INET ? "IPv4" : peer.family == AF_INET6 ? "IPv6" : "unix");
  if (peer.family != AF_UNIX) {
    object.Set("address", peer.host());
    object.Set("port", peer.port);
  }
  return object;
}

}  // namespace

Napi::Function ReactorWrap::define(Napi::Env env) {
  return DefineClass(env, "Reactor",
                     {
                         InstanceMethod<&ReactorWrap::listen>("listen"),
                         InstanceMethod<&ReactorWrap::connect>("connect"),
                         InstanceMethod<&ReactorWrap::localAddress>("localAddress"),
                         InstanceMethod<&ReactorWrap::remoteAddress>("remoteAddress"),
                         InstanceMethod<&ReactorWrap::drainStep>("drainStep"),
                         InstanceMethod<&ReactorWrap::watchDrain>("watchDrain"),
                         InstanceMethod<&ReactorWrap::setOutput>("setOutput"),
                         InstanceMethod<&ReactorWrap::setOutputGauge>("setOutputGauge"),
                         InstanceMethod<&ReactorWrap::setReading>("setReading"),
                         InstanceMethod<&ReactorWrap::release>("release"),
                         InstanceMethod<&ReactorWrap::flush>("flush"),
                         InstanceMethod<&ReactorWrap::write>("write"),
                         InstanceMethod<&ReactorWrap::end>("end"),
                         InstanceMethod<&ReactorWrap::destroy>("destroy"),
                         InstanceMethod<&ReactorWrap::closeListener>("closeListener"),
                         InstanceMethod<&ReactorWrap::closeEndpoint>("closeEndpoint"),
                         InstanceMethod<&ReactorWrap::stats>("stats"),
                         InstanceMethod<&ReactorWrap::ref>("ref"),
                         InstanceMethod<&ReactorWrap::unref>("unref"),
                     });
}

ReactorWrap::ReactorWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReactorWrap>(info) {
  int error = 0;
  driver_ = LoopDriver::create(info.Env(), info[0].As<Napi::Int32Array>(), info[1].As<Napi::Function>(),
                               info[2].As<Napi::Function>(), error);
  if (driver_ == nullptr) {
    auto failure = Napi::Error::New(info.Env(), "the event loop refused a poller");
    failure.Set("errno", Napi::Number::New(info.Env(), error));
    failure.ThrowAsJavaScriptException();
  }
}

Endpoint* ReactorWrap::endpointAt(const Napi::CallbackInfo& info) {
  return driver_->reactor().endpoint(info[0].As<Napi::Number>().Uint32Value());
}

Connection* ReactorWrap::connectionAt(const Napi::CallbackInfo& info) {
  Connection* connection = driver_->reactor().connection(info[0].As<Napi::Number>().Uint32Value());
  return connection != nullptr && connection->isOpen() ? connection : nullptr;
}

/// The endpoint's id, or an errno value negated.
Napi::Value ReactorWrap::listen(const Napi::CallbackInfo& info) {
  int error = 0;
  EndpointConfig config = EndpointConfig::from(info[0].As<Napi::Object>(), error);
  const Endpoint* endpoint = nullptr;
  if (error == 0) {
    endpoint =
        driver_->reactor().listen(config.address, config.listen, std::move(config.framer), config.endpoint, error);
  }
  driver_->schedule();
  return Napi::Number::New(info.Env(), endpoint != nullptr ? static_cast<double>(endpoint->id) : -error);
}

Napi::Value ReactorWrap::connect(const Napi::CallbackInfo& info) {
  int error = 0;
  EndpointConfig config = EndpointConfig::from(info[0].As<Napi::Object>(), error);
  const Endpoint* endpoint = nullptr;
  if (error == 0) {
    endpoint = driver_->reactor().connect(config.address, std::move(config.framer), config.endpoint, error);
  }
  driver_->schedule();
  return Napi::Number::New(info.Env(), endpoint != nullptr ? static_cast<double>(endpoint->id) : -error);
}

Napi::Value ReactorWrap::localAddress(const Napi::CallbackInfo& info) {
  const Endpoint* endpoint = endpointAt(info);
  return endpoint == nullptr ? info.Env().Undefined()
                             : describe(info.Env(), PeerAddress::from(endpoint->listener.address()));
}

Napi::Value ReactorWrap::remoteAddress(const Napi::CallbackInfo& info) {
  const Connection* connection = driver_->reactor().connection(info[0].As<Napi::Number>().Uint32Value());
  return connection == nullptr ? info.Env().Undefined() : describe(info.Env(), connection->peer);
}

/// How many connections still have something in flight.
Napi::Value ReactorWrap::drainStep(const Napi::CallbackInfo& info) {
  Endpoint* endpoint = endpointAt(info);
  const DrainProgress progress = endpoint == nullptr ? DrainProgress{} : driver_->reactor().drainStep(*endpoint);
  driver_->schedule();
  return Napi::Number::New(info.Env(), progress.remaining);
}

Napi::Value ReactorWrap::watchDrain(const Napi::CallbackInfo& info) {
  Connection* connection = driver_->reactor().connection(info[0].As<Napi::Number>().Uint32Value());
  return Napi::Boolean::New(info.Env(), connection != nullptr && driver_->reactor().watchDrain(*connection));
}

void ReactorWrap::setOutput(const Napi::CallbackInfo& info) {
  driver_->setOutput(info[0].As<Napi::Uint8Array>(), info[1].As<Napi::Int32Array>());
}

void ReactorWrap::setOutputGauge(const Napi::CallbackInfo& info) {
  driver_->setOutputGauge(info[0].As<Napi::Uint32Array>());
}

void ReactorWrap::setReading(const Napi::CallbackInfo& info) {
  Endpoint* endpoint = endpointAt(info);
  if (endpoint != nullptr) driver_->reactor().setReading(*endpoint, info[1].As<Napi::Boolean>().Value());
  driver_->schedule();
}

void ReactorWrap::release(const Napi::CallbackInfo& info) {
  driver_->flush();
  Endpoint* endpoint = endpointAt(info);
  if (endpoint != nullptr) driver_->reactor().release(*endpoint);
  driver_->schedule();
}

void ReactorWrap::flush(const Napi::CallbackInfo&) {
  driver_->flush();
  driver_->schedule();
}

/// A large piece of output straight from the program's memory: (slot, bytes).
void ReactorWrap::write(const Napi::CallbackInfo& info) {
  driver_->flush();
  auto bytes = info[1].As<Napi::Uint8Array>();
  const OutputPiece piece{
      .slot = info[0].As<Napi::Number>().Int32Value(), .start = 0, .end = static_cast<int32_t>(bytes.ByteLength())};
  driver_->reactor().write(&piece, 1, bytes.Data());
  driver_->schedule();
}

void ReactorWrap::end(const Napi::CallbackInfo& info) {
  driver_->flush();
  if (Connection* connection = connectionAt(info)) driver_->reactor().end(*connection);
  driver_->schedule();
}

void ReactorWrap::destroy(const Napi::CallbackInfo& info) {
  driver_->flush();
  if (Connection* connection = connectionAt(info)) driver_->reactor().destroy(*connection);
  driver_->schedule();
}

void ReactorWrap::closeListener(const Napi::CallbackInfo& info) {
  if (Endpoint* endpoint = endpointAt(info)) driver_->reactor().closeListener(*endpoint);
  driver_->schedule();
}

void ReactorWrap::closeEndpoint(const Napi::CallbackInfo& info) {
  driver_->flush();
  const auto reason = static_cast<CloseReason>(info[1].As<Napi::Number>().Uint32Value());
  if (Endpoint* endpoint = endpointAt(info)) driver_->reactor().closeEndpoint(*endpoint, reason);
  driver_->schedule();
}

void ReactorWrap::stats(const Napi::CallbackInfo& info) {
  const Endpoint* endpoint = endpointAt(info);
  if (endpoint == nullptr) return;
  auto out = info[1].As<Napi::Float64Array>();
  const EndpointStats& s = endpoint->stats;
  const uint64_t values[] = {endpoint->openConnections,
                             s.accepted,
                             s.refusedByLimit,
                             s.refusedByAddress,
                             s.refusedByDescriptors,
                             s.acceptBackOffs,
                             s.closed,
                             s.faults,
                             s.frames,
                             s.batches,
                             s.bytesIn,
                             s.bytesOut,
                             endpoint->heldBytes(),
                             endpoint->queuedOutput};
  size_t i = 0;
  for (const uint64_t value : values) out[i++] = static_cast<double>(value);
}

void ReactorWrap::ref(const Napi::CallbackInfo&) { driver_->ref(); }
void ReactorWrap::unref(const Napi::CallbackInfo&) { driver_->unref(); }

}  // namespace sluice
