#include "reactor_wrap.h"

#include <netinet/in.h>

#include <cerrno>
#include <type_traits>
#include <vector>

#include "endpoint_config.h"
#include "lane_sink_wrap.h"
#include "log_sink_wrap.h"
#include "threads/monotonic_ms.h"

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

/// What a socket is bound to: as describe(), with the path of a unix socket that has one.
Napi::Value describeBound(Napi::Env env, const SocketAddress& address) {
  const Napi::Value described = describe(env, PeerAddress::from(address));
  if (const std::string_view path = address.path(); !path.empty()) {
    described.As<Napi::Object>().Set("path", Napi::String::New(env, path.data(), path.size()));
  }
  return described;
}

uint32_t word(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

/// An endpoint's id, or an errno value negated.
Napi::Value idOrError(Napi::Env env, uint32_t id, int error) {
  return Napi::Number::New(env, id != 0 ? static_cast<double>(id) : -error);
}

}  // namespace

template <typename Driver>
Napi::Function ReactorWrap<Driver>::define(Napi::Env env, const char* name) {
  using Self = ReactorWrap<Driver>;
  using Base = Napi::ObjectWrap<Self>;
  std::vector<Napi::ClassPropertyDescriptor<Self>> methods = {
      Base::template InstanceMethod<&Self::listen>("listen"),
      Base::template InstanceMethod<&Self::connect>("connect"),
      Base::template InstanceMethod<&Self::localAddress>("localAddress"),
      Base::template InstanceMethod<&Self::remoteAddress>("remoteAddress"),
      Base::template InstanceMethod<&Self::boundAddress>("boundAddress"),
      Base::template InstanceMethod<&Self::credentials>("credentials"),
      Base::template InstanceMethod<&Self::leave>("leave"),
      Base::template InstanceMethod<&Self::drain>("drain"),
      Base::template InstanceMethod<&Self::proxyOf>("proxyOf"),
      Base::template InstanceMethod<&Self::setAccess>("setAccess"),
      Base::template InstanceMethod<&Self::tellRefusals>("tellRefusals"),
      Base::template InstanceMethod<&Self::failureOf>("failureOf"),
      Base::template InstanceMethod<&Self::watchDrain>("watchDrain"),
      Base::template InstanceMethod<&Self::setOutput>("setOutput"),
      Base::template InstanceMethod<&Self::setOutputGauge>("setOutputGauge"),
      Base::template InstanceMethod<&Self::setReading>("setReading"),
      Base::template InstanceMethod<&Self::release>("release"),
      Base::template InstanceMethod<&Self::flush>("flush"),
      Base::template InstanceMethod<&Self::write>("write"),
      Base::template InstanceMethod<&Self::end>("end"),
      Base::template InstanceMethod<&Self::destroy>("destroy"),
      Base::template InstanceMethod<&Self::destroySoon>("destroySoon"),
      Base::template InstanceMethod<&Self::pause>("pause"),
      Base::template InstanceMethod<&Self::addSink>("addSink"),
      Base::template InstanceMethod<&Self::removeSink>("removeSink"),
      Base::template InstanceMethod<&Self::put>("put"),
      Base::template InstanceMethod<&Self::laneLost>("laneLost"),
      Base::template InstanceMethod<&Self::closeListener>("closeListener"),
      Base::template InstanceMethod<&Self::closeEndpoint>("closeEndpoint"),
      Base::template InstanceMethod<&Self::stats>("stats"),
      Base::template InstanceMethod<&Self::ref>("ref"),
      Base::template InstanceMethod<&Self::unref>("unref"),
  };
  if constexpr (std::is_same_v<Driver, LoopDriver>) {
    methods.push_back(Base::template InstanceMethod<&Self::lookAtDescriptor>("lookAtDescriptor"));
    methods.push_back(Base::template InstanceMethod<&Self::watchDescriptor>("watchDescriptor"));
    methods.push_back(Base::template InstanceMethod<&Self::stillWatched>("stillWatched"));
    methods.push_back(Base::template InstanceMethod<&Self::unwatchDescriptor>("unwatchDescriptor"));
  }
  if constexpr (std::is_same_v<Driver, ThreadDriver>) {
    methods.push_back(Base::template InstanceMethod<&Self::lendArena>("lendArena"));
    methods.push_back(Base::template InstanceMethod<&Self::join>("join"));
  }
  return Base::DefineClass(env, name, methods);
}

template <typename Driver>
ReactorWrap<Driver>::ReactorWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReactorWrap<Driver>>(info) {
  int error = 0;
  driver_ = Driver::create(info, error);
  if (driver_ == nullptr) {
    auto failure = Napi::Error::New(info.Env(), "the system refused a reactor");
    failure.Set("errno", Napi::Number::New(info.Env(), error));
    failure.ThrowAsJavaScriptException();
  }
}

template <typename Driver>
Napi::Value ReactorWrap<Driver>::listen(const Napi::CallbackInfo& info) {
  int error = 0;
  uint32_t id = 0;
  EndpointConfig config = EndpointConfig::from(info[0], error);
  config.endpoint.maxBatches = Driver::kMaxBatches;
  if (error == 0) {
    driver_->control([&](Reactor& reactor) {
      const Endpoint* endpoint =
          reactor.listen(config.address, config.listen, std::move(config.framer), config.endpoint, error);
      if (endpoint != nullptr) id = endpoint->id;
    });
  }
  return idOrError(info.Env(), id, error);
}

template <typename Driver>
Napi::Value ReactorWrap<Driver>::connect(const Napi::CallbackInfo& info) {
  int error = 0;
  uint32_t id = 0;
  EndpointConfig config = EndpointConfig::from(info[0], error);
  config.endpoint.maxBatches = Driver::kMaxBatches;
  if (error == 0) {
    driver_->control([&](Reactor& reactor) {
      const Endpoint* endpoint = reactor.connect(config.address, std::move(config.framer), config.endpoint, error);
      if (endpoint != nullptr) id = endpoint->id;
    });
  }
  return idOrError(info.Env(), id, error);
}

template <typename Driver>
Napi::Value ReactorWrap<Driver>::localAddress(const Napi::CallbackInfo& info) {
  bool found = false;
  SocketAddress address;
  driver_->control([&](Reactor& reactor) {
    const Endpoint* endpoint = reactor.endpoint(word(info[0]));
    found = endpoint != nullptr;
    if (found) address = endpoint->listener.address();
  });
  return found ? describeBound(info.Env(), address) : info.Env().Undefined();
}

template <typename Driver>
Napi::Value ReactorWrap<Driver>::remoteAddress(const Napi::CallbackInfo& info) {
  bool found = false;
  PeerAddress address;
  driver_->control([&](Reactor& reactor) {
    const Connection* connection = reactor.connection(word(info[0]));
    found = connection != nullptr;
    if (found) address = connection->peer;
  });
  return found ? describe(info.Env(), address) : info.Env().Undefined();
}

/// (slot): this end of a connection that is open.
template <typename Driver>
Napi::Value ReactorWrap<Driver>::boundAddress(const Napi::CallbackInfo& info) {
  bool found = false;
  SocketAddress address;
  driver_->control([&](Reactor& reactor) {
    const Connection* connection = reactor.connection(word(info[0]));
    found = connection != nullptr && connection->isOpen() && SocketAddress::boundTo(connection->fd, address) == 0;
  });
  return found ? describeBound(info.Env(), address) : info.Env().Undefined();
}

/// (slot): [pid, uid, gid] of a unix socket's peer.
template <typename Driver>
Napi::Value ReactorWrap<Driver>::credentials(const Napi::CallbackInfo& info) {
  PeerAddress peer;
  driver_->control([&](Reactor& reactor) {
    if (const Connection* connection = reactor.connection(word(info[0]))) peer = connection->peer;
  });
  if (peer.family != AF_UNIX) return info.Env().Undefined();
  const sys::PeerCredentials found = peer.credentials();
  auto triple = Napi::Array::New(info.Env(), 3);
  triple.Set(0U, Napi::Number::New(info.Env(), found.pid));
  triple.Set(1U, Napi::Number::New(info.Env(), found.uid));
  triple.Set(2U, Napi::Number::New(info.Env(), found.gid));
  return triple;
}

/// (patienceMs)
template <typename Driver>
void ReactorWrap<Driver>::leave(const Napi::CallbackInfo& info) {
  const auto patienceMs = static_cast<int>(word(info[0]));
  driver_->control([&](Reactor& reactor) { reactor.leave(patienceMs); });
}

/// Undefined for a connection without a PROXY header.
template <typename Driver>
Napi::Value ReactorWrap<Driver>::proxyOf(const Napi::CallbackInfo& info) {
  bool found = false;
  ProxyInfo proxy;
  driver_->control([&](Reactor& reactor) {
    const Connection* connection = reactor.connection(word(info[0]));
    found = connection != nullptr && connection->proxy;
    if (found) proxy = *connection->proxy;
  });
  if (!found) return info.Env().Undefined();
  auto object = describe(info.Env(), proxy.proxy).template As<Napi::Object>();
  object.Set("version", proxy.version);
  object.Set("local", proxy.local);
  object.Set("tlvs", Napi::Buffer<uint8_t>::Copy(info.Env(), reinterpret_cast<const uint8_t*>(proxy.tlvs.data()),
                                                 proxy.tlvs.size()));
  return object;
}

/// (endpoint, allow, deny), both packed
template <typename Driver>
void ReactorWrap<Driver>::setAccess(const Napi::CallbackInfo& info) {
  const auto bytes = [](const Napi::Value& value) {
    auto view = value.As<Napi::Uint8Array>();
    return std::string(reinterpret_cast<const char*>(view.Data()), view.ByteLength());
  };
  Ref<AccessRules> rules = accessRules(bytes(info[1]), bytes(info[2]));
  driver_->control([&](Reactor& reactor) {
    if (Endpoint* endpoint = reactor.endpoint(word(info[0]))) endpoint->access = std::move(rules);
  });
}

template <typename Driver>
void ReactorWrap<Driver>::tellRefusals(const Napi::CallbackInfo& info) {
  driver_->control([&](Reactor& reactor) {
    if (Endpoint* endpoint = reactor.endpoint(word(info[0]))) endpoint->tellsRefusals = true;
  });
}

template <typename Driver>
Napi::Value ReactorWrap<Driver>::failureOf(const Napi::CallbackInfo& info) {
  std::string words;
  driver_->control([&](Reactor& reactor) {
    if (const Connection* connection = reactor.connection(word(info[0]))) words = connection->transport().failure();
  });
  return Napi::String::New(info.Env(), words);
}

/// (endpoint, quiet in ms; negative: no more)
template <typename Driver>
void ReactorWrap<Driver>::drain(const Napi::CallbackInfo& info) {
  const int64_t quietMs = info[1].As<Napi::Number>().Int64Value();
  driver_->control([&](Reactor& reactor) {
    Endpoint* endpoint = reactor.endpoint(word(info[0]));
    if (endpoint == nullptr || endpoint->closing) return;
    if (quietMs < 0) return reactor.stopDraining(*endpoint);
    reactor.drain(*endpoint, static_cast<uint32_t>(quietMs), monotonicMs());
  });
}

template <typename Driver>
Napi::Value ReactorWrap<Driver>::watchDrain(const Napi::CallbackInfo& info) {
  bool watched = false;
  driver_->control([&](Reactor& reactor) {
    Connection* connection = reactor.connection(word(info[0]));
    watched = connection != nullptr && reactor.watchDrain(*connection);
  });
  return Napi::Boolean::New(info.Env(), watched);
}

template <typename Driver>
void ReactorWrap<Driver>::setOutput(const Napi::CallbackInfo& info) {
  driver_->turnCall().setOutput(info[0].As<Napi::Uint8Array>(), info[1].As<Napi::Int32Array>());
}

template <typename Driver>
void ReactorWrap<Driver>::setOutputGauge(const Napi::CallbackInfo& info) {
  driver_->setOutputGauge(info[0].As<Napi::Uint32Array>());
}

template <typename Driver>
void ReactorWrap<Driver>::setReading(const Napi::CallbackInfo& info) {
  driver_->setReading(word(info[0]), info[1].As<Napi::Boolean>().Value());
}

template <typename Driver>
void ReactorWrap<Driver>::release(const Napi::CallbackInfo& info) {
  driver_->release(word(info[0]));
}

template <typename Driver>
void ReactorWrap<Driver>::flush(const Napi::CallbackInfo&) {
  driver_->flush();
}

/// A large piece of output straight from the program's memory: (slot, bytes).
template <typename Driver>
void ReactorWrap<Driver>::write(const Napi::CallbackInfo& info) {
  auto bytes = info[1].As<Napi::Uint8Array>();
  driver_->write(word(info[0]), {bytes.Data(), bytes.ByteLength()});
}

template <typename Driver>
void ReactorWrap<Driver>::end(const Napi::CallbackInfo& info) {
  driver_->end(word(info[0]));
}

template <typename Driver>
void ReactorWrap<Driver>::destroy(const Napi::CallbackInfo& info) {
  driver_->destroy(word(info[0]));
}

/// (slot)
template <typename Driver>
void ReactorWrap<Driver>::destroySoon(const Napi::CallbackInfo& info) {
  driver_->flush();
  driver_->control([&](Reactor& reactor) {
    if (Connection* connection = reactor.connection(word(info[0]))) reactor.destroySoon(*connection);
  });
}

/// (slot, paused)
template <typename Driver>
void ReactorWrap<Driver>::pause(const Napi::CallbackInfo& info) {
  driver_->control([&](Reactor& reactor) {
    if (Connection* connection = reactor.connection(word(info[0]))) {
      reactor.pause(*connection, info[1].As<Napi::Boolean>().Value());
    }
  });
}

/// (endpoint, sink, feeds): 0, or an errno value negated.
template <typename Driver>
Napi::Value ReactorWrap<Driver>::addSink(const Napi::CallbackInfo& info) {
  auto object = info[1].As<Napi::Object>();
  int error = EBADF;
  driver_->control([&](Reactor& reactor) {
    Endpoint* endpoint = reactor.endpoint(word(info[0]));
    if (endpoint == nullptr || endpoint->closing) return;
    error = reactor.addSink(*endpoint, sinkOf(object), info[2].As<Napi::Boolean>().Value());
  });
  if (error == 0) sinks_.push_back(Napi::Persistent(object));
  return Napi::Number::New(info.Env(), -error);
}

template <typename Driver>
void ReactorWrap<Driver>::removeSink(const Napi::CallbackInfo& info) {
  auto object = info[0].As<Napi::Object>();
  driver_->control([&](Reactor& reactor) { reactor.removeSink(*sinkOf(object)); });
  std::erase_if(sinks_, [&](const Napi::ObjectReference& mine) { return mine.Value().StrictEquals(object); });
}

/// (endpoint, sink, bytes, frames, first, count, lanes or undefined)
template <typename Driver>
void ReactorWrap<Driver>::put(const Napi::CallbackInfo& info) {
  auto bytes = info[2].As<Napi::Uint8Array>();
  auto frames = info[3].As<Napi::Int32Array>();
  const Arena arena{.bytes = bytes.Data(),
                    .size = static_cast<uint32_t>(bytes.ByteLength()),
                    .frames = frames.Data(),
                    .frameCapacity = static_cast<uint32_t>(frames.ElementLength() / FrameTable::kWordsPerFrame)};
  const sluice::Ref<FrameSink> sink = sinkOf(info[1].As<Napi::Object>());
  driver_->control([&](Reactor& reactor) {
    // Closed meanwhile: slots may be others'.
    const Endpoint* endpoint = reactor.endpoint(word(info[0]));
    if (endpoint == nullptr || endpoint->closing) return;
    if (info[6].IsUndefined()) return sink->take(arena, word(info[4]), word(info[5]));
    LaneSink& lanes = *LaneSinkWrap::Unwrap(info[1].As<Napi::Object>())->sink();
    lanes.take(arena, word(info[4]), word(info[5]), info[6].As<Napi::Int32Array>().Data());
  });
}

/// (sink, lane)
template <typename Driver>
void ReactorWrap<Driver>::laneLost(const Napi::CallbackInfo& info) {
  LaneSink& sink = *LaneSinkWrap::Unwrap(info[0].As<Napi::Object>())->sink();
  driver_->control([&](Reactor&) { sink.laneLost(word(info[1])); });
}

template <typename Driver>
void ReactorWrap<Driver>::closeListener(const Napi::CallbackInfo& info) {
  driver_->control([&](Reactor& reactor) {
    if (Endpoint* endpoint = reactor.endpoint(word(info[0]))) reactor.closeListener(*endpoint);
  });
}

template <typename Driver>
void ReactorWrap<Driver>::closeEndpoint(const Napi::CallbackInfo& info) {
  const auto reason = static_cast<CloseReason>(word(info[1]));
  driver_->control([&](Reactor& reactor) {
    if (Endpoint* endpoint = reactor.endpoint(word(info[0]))) reactor.closeEndpoint(*endpoint, reason);
  });
}

template <typename Driver>
void ReactorWrap<Driver>::stats(const Napi::CallbackInfo& info) {
  uint64_t values[16] = {};
  driver_->control([&](Reactor& reactor) {
    const Endpoint* endpoint = reactor.endpoint(word(info[0]));
    if (endpoint == nullptr) return;
    const EndpointStats& s = endpoint->stats;
    const uint64_t current[] = {endpoint->openConnections,
                                s.accepted,
                                s.refusedByLimit,
                                s.refusedByAddress,
                                s.refusedByDescriptors,
                                s.refusedByAccess,
                                s.acceptBackOffs,
                                s.closed,
                                s.faults,
                                s.frames,
                                s.batches,
                                s.dropped,
                                s.bytesIn,
                                s.bytesOut,
                                endpoint->heldBytes(),
                                endpoint->queuedOutput};
    static_assert(sizeof current == sizeof values);
    std::copy(std::begin(current), std::end(current), values);
  });
  auto out = info[1].As<Napi::Float64Array>();
  size_t i = 0;
  for (const uint64_t value : values) out[i++] = static_cast<double>(value);
}

template <typename Driver>
void ReactorWrap<Driver>::ref(const Napi::CallbackInfo&) {
  driver_->ref();
}

template <typename Driver>
void ReactorWrap<Driver>::unref(const Napi::CallbackInfo&) {
  driver_->unref();
}

/// (descriptor, interest): what of it holds now.
template <typename Driver>
Napi::Value ReactorWrap<Driver>::lookAtDescriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), DescriptorWatches::look(static_cast<int>(word(info[0])), word(info[1])));
}

/// (descriptor, interest)
template <typename Driver>
Napi::Value ReactorWrap<Driver>::watchDescriptor(const Napi::CallbackInfo& info) {
  int error = 0;
  driver_->control(
      [&](Reactor& reactor) { error = reactor.watchDescriptor(static_cast<int>(word(info[0])), word(info[1])); });
  return Napi::Number::New(info.Env(), error);
}

/// (descriptor, interest)
template <typename Driver>
Napi::Value ReactorWrap<Driver>::stillWatched(const Napi::CallbackInfo& info) {
  int error = 0;
  driver_->control(
      [&](Reactor& reactor) { error = reactor.stillWatched(static_cast<int>(word(info[0])), word(info[1])); });
  return Napi::Number::New(info.Env(), error);
}

template <typename Driver>
void ReactorWrap<Driver>::unwatchDescriptor(const Napi::CallbackInfo& info) {
  driver_->control([&](Reactor& reactor) { reactor.unwatchDescriptor(static_cast<int>(word(info[0]))); });
}

/// (number, bytes, frames)
template <typename Driver>
void ReactorWrap<Driver>::lendArena(const Napi::CallbackInfo& info) {
  if constexpr (std::is_same_v<Driver, ThreadDriver>) {
    driver_->lendArena(word(info[0]), info[1].As<Napi::Uint8Array>(), info[2].As<Napi::Int32Array>());
  }
}

/// (config, driver, endpoint)
template <typename Driver>
Napi::Value ReactorWrap<Driver>::join(const Napi::CallbackInfo& info) {
  int error = 0;
  uint32_t id = 0;
  if constexpr (std::is_same_v<Driver, ThreadDriver>) {
    EndpointConfig config = EndpointConfig::from(info[0], error);
    config.endpoint.maxBatches = Driver::kMaxBatches;
    const auto* first = Napi::ObjectWrap<ReactorWrap<Driver>>::Unwrap(info[1].As<Napi::Object>());
    if (first == nullptr) error = ECANCELED;  // the thread is being terminated
    if (error == 0) id = driver_->join(std::move(config), *first->driver_, word(info[2]), error);
  }
  return idOrError(info.Env(), id, error);
}

template class ReactorWrap<LoopDriver>;
template class ReactorWrap<ThreadDriver>;

}  // namespace sluice
