#include "log_sink_wrap.h"

#include "lane_sink_wrap.h"
#include "log_wrap.h"

namespace sluice {

namespace {

// napi_type_tag_object(3): tells the two kinds apart without a look at their prototypes.
constexpr napi_type_tag kLogSinkTag = {0x6c6f672073696e6b, 0x51ce2026};

}  // namespace

Napi::Function LogSinkWrap::define(Napi::Env env) {
  return DefineClass(env, "LogSink", {InstanceMethod<&LogSinkWrap::stats>("stats")});
}

LogSinkWrap::LogSinkWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<LogSinkWrap>(info),
      sink_(sluice::Ref<LogSink>::make(LogWrap::Unwrap(info[0].As<Napi::Object>())->log(),
                                       info[1].As<Napi::Boolean>().Value(), info[2].As<Napi::Number>().Uint32Value())) {
  info.This().As<Napi::Object>().TypeTag(&kLogSinkTag);
}

/// Settled first: whoever finds as many settled as taken has seen all of them.
void LogSinkWrap::stats(const Napi::CallbackInfo& info) {
  auto out = info[0].As<Napi::Float64Array>();
  const LogSinkStats& stats = sink_->stats();
  size_t i = 0;
  out[i++] = static_cast<double>(sink_->settledFrames());
  for (const auto* counter : {&stats.frames, &stats.bytes, &stats.waiting, &stats.paused}) {
    out[i++] = static_cast<double>(counter->load(std::memory_order_acquire));
  }
  out[i++] = sink_->isClosed() ? 1 : 0;
}

Ref<FrameSink> sinkOf(const Napi::Object& object) {
  if (object.CheckTypeTag(&kLogSinkTag)) return LogSinkWrap::Unwrap(object)->sink();
  return LaneSinkWrap::Unwrap(object)->sink();
}

}  // namespace sluice
