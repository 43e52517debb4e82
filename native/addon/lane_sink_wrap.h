// What JavaScript sees of a LaneSink: `new LaneSink(config)`, made for one part of a listener and given to its reactor with
// addSink(). The config's arrays are the sink's memory; whoever holds the object holds them.
#pragma once

#include <napi.h>

#include "lanes/lane_sink.h"

namespace sluice {

class LaneSinkWrap : public Napi::ObjectWrap<LaneSinkWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit LaneSinkWrap(const Napi::CallbackInfo& info);

  const sluice::Ref<LaneSink>& sink() const noexcept { return sink_; }

 private:
  void stats(const Napi::CallbackInfo& info);

  Napi::ObjectReference config_;
  sluice::Ref<LaneSink> sink_;
};

}  // namespace sluice
