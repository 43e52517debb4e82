// The class that JavaScript sees: one reactor, driven by the thread's event loop. lib/net/driver.ts documents each
// method; arguments were checked there and are only asserted here.
#pragma once

#include <napi.h>

#include "loop_driver.h"

namespace sluice {

class ReactorWrap : public Napi::ObjectWrap<ReactorWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ReactorWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value connect(const Napi::CallbackInfo& info);
  Napi::Value localAddress(const Napi::CallbackInfo& info);
  Napi::Value remoteAddress(const Napi::CallbackInfo& info);
  Napi::Value drainStep(const Napi::CallbackInfo& info);
  Napi::Value watchDrain(const Napi::CallbackInfo& info);
  void setOutput(const Napi::CallbackInfo& info);
  void setOutputGauge(const Napi::CallbackInfo& info);
  void setReading(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);
  void flush(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  void end(const Napi::CallbackInfo& info);
  void destroy(const Napi::CallbackInfo& info);
  void closeListener(const Napi::CallbackInfo& info);
  void closeEndpoint(const Napi::CallbackInfo& info);
  void stats(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);

  Endpoint* endpointAt(const Napi::CallbackInfo& info);
  Connection* connectionAt(const Napi::CallbackInfo& info);

  LoopDriver* driver_ = nullptr;  // frees itself after the environment's clean-up
};

}  // namespace sluice
