#include "lane_sink_wrap.h"

namespace sluice {

namespace {

uint32_t number(const Napi::Object& config, const char* name) { return config.Get(name).ToNumber().Uint32Value(); }

/// Of an Int32Array over shared memory. (From the view: Node 20 gives no pointer of a SharedArrayBuffer.)
uint32_t* words(const Napi::Object& config, const char* name) {
  return reinterpret_cast<uint32_t*>(config.Get(name).As<Napi::Int32Array>().Data());
}

LaneSinkOptions optionsFrom(const Napi::Object& config) {
  LaneSinkOptions options;
  options.lanes = words(config, "lanes");
  options.laneCount = number(config, "laneCount");
  options.laneStride = number(config, "laneStride");
  options.countersAt = number(config, "countersAt");
  options.firstNumber = number(config, "firstNumber");
  options.answers = words(config, "answers");
  options.sleeping = words(config, "sleeping");
  options.rest = words(config, "rest");
  options.side = config.Get("side").As<Napi::Uint8Array>().Data();
  options.sideBegin = number(config, "sideBegin");
  options.sideBytes = number(config, "sideBytes");
  options.reactor = number(config, "reactor");
  options.reactors = number(config, "reactors");
  options.names = words(config, "names");
  options.nameCount = number(config, "nameCount");
  options.pool = {.queue = words(config, "queue"),
                  .idle = words(config, "idle"),
                  .searching = words(config, "searching"),
                  .searchingWords = number(config, "searchingWords")};
  options.overflow = static_cast<LaneOverflow>(number(config, "overflow"));
  options.tellsConnects = config.Get("tellsConnects").ToBoolean().Value();
  options.tellsDisconnects = config.Get("tellsDisconnects").ToBoolean().Value();
  return options;
}

}  // namespace

Napi::Function LaneSinkWrap::define(Napi::Env env) {
  return DefineClass(env, "LaneSink", {InstanceMethod<&LaneSinkWrap::stats>("stats")});
}

LaneSinkWrap::LaneSinkWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<LaneSinkWrap>(info),
      config_(Napi::Persistent(info[0].As<Napi::Object>())),
      sink_(sluice::Ref<LaneSink>::make(optionsFrom(info[0].As<Napi::Object>()))) {}

/// Acquired one by one, `waiting` first: who finds nothing waiting finds in its lane whatever waited before.
void LaneSinkWrap::stats(const Napi::CallbackInfo& info) {
  const LaneSinkStats& stats = sink_->stats();
  auto out = info[0].As<Napi::Float64Array>();
  size_t i = 0;
  for (const auto* counter : {&stats.waiting, &stats.paused, &stats.dropped, &stats.frames}) {
    out[i++] = static_cast<double>(counter->load());
  }
}

}  // namespace sluice
