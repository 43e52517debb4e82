// What JavaScript sees of a LogSink: `new LogSink(log, keyed, ringBytes)`, made for one part of a listener and given to its reactor with
// addSink().
#pragma once

#include <napi.h>

#include "log/log_sink.h"

namespace sluice {

class LogSinkWrap : public Napi::ObjectWrap<LogSinkWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit LogSinkWrap(const Napi::CallbackInfo& info);

  const sluice::Ref<LogSink>& sink() const noexcept { return sink_; }

 private:
  void stats(const Napi::CallbackInfo& info);

  sluice::Ref<LogSink> sink_;
};

/// The sink that `object` is: one of lanes, or of a log.
Ref<FrameSink> sinkOf(const Napi::Object& object);

}  // namespace sluice
