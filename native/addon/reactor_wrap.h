// The classes that JavaScript sees: a reactor driven by the thread's event loop, and one on a thread of its own. They have
// the same methods; lib/platform/sockets.ts documents each. Arguments were checked there and are only asserted here.
#pragma once

#include <napi.h>

#include <vector>

#include "loop_driver.h"
#include "thread_driver.h"

namespace sluice {

template <typename Driver>
class ReactorWrap : public Napi::ObjectWrap<ReactorWrap<Driver>> {
 public:
  static Napi::Function define(Napi::Env env, const char* name);
  explicit ReactorWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value connect(const Napi::CallbackInfo& info);
  Napi::Value localAddress(const Napi::CallbackInfo& info);
  Napi::Value remoteAddress(const Napi::CallbackInfo& info);
  Napi::Value boundAddress(const Napi::CallbackInfo& info);
  Napi::Value credentials(const Napi::CallbackInfo& info);
  void leave(const Napi::CallbackInfo& info);
  void drain(const Napi::CallbackInfo& info);
  Napi::Value proxyOf(const Napi::CallbackInfo& info);
  void setAccess(const Napi::CallbackInfo& info);
  void tellRefusals(const Napi::CallbackInfo& info);
  Napi::Value failureOf(const Napi::CallbackInfo& info);
  Napi::Value watchDrain(const Napi::CallbackInfo& info);
  void setOutput(const Napi::CallbackInfo& info);
  void setOutputGauge(const Napi::CallbackInfo& info);
  void setReading(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);
  void flush(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  void end(const Napi::CallbackInfo& info);
  void destroy(const Napi::CallbackInfo& info);
  void destroySoon(const Napi::CallbackInfo& info);
  void pause(const Napi::CallbackInfo& info);
  Napi::Value addSink(const Napi::CallbackInfo& info);
  void removeSink(const Napi::CallbackInfo& info);
  void put(const Napi::CallbackInfo& info);
  void laneLost(const Napi::CallbackInfo& info);
  void closeListener(const Napi::CallbackInfo& info);
  void closeEndpoint(const Napi::CallbackInfo& info);
  void stats(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);

  // Of reactors in the event loop.
  Napi::Value lookAtDescriptor(const Napi::CallbackInfo& info);
  Napi::Value watchDescriptor(const Napi::CallbackInfo& info);
  Napi::Value stillWatched(const Napi::CallbackInfo& info);
  void unwatchDescriptor(const Napi::CallbackInfo& info);

  // Of reactors with a thread of their own.
  void lendArena(const Napi::CallbackInfo& info);
  Napi::Value join(const Napi::CallbackInfo& info);

  Driver* driver_ = nullptr;  // frees itself after the environment's clean-up
  /// Those that the reactor has: it uses their memory.
  std::vector<Napi::ObjectReference> sinks_;
};

using LoopReactor = ReactorWrap<LoopDriver>;
using ThreadReactor = ReactorWrap<ThreadDriver>;

}  // namespace sluice
