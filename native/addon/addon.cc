// The addon's exports: the two Reactor classes, how threads wake each other, and the constants that the TypeScript half
// repeats, for a test to compare.

#include <napi.h>

#include "inherited_sockets.h"
#include "lane_sink_wrap.h"
#include "log_wrap.h"
#include "reactor_wrap.h"
#include "testing.h"
#include "turn_table.h"
#include "waker_wrap.h"

namespace sluice {

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  namespace tt = turn_table;
  exports.Set("LoopReactor", LoopReactor::define(env, "LoopReactor"));
  exports.Set("ThreadReactor", ThreadReactor::define(env, "ThreadReactor"));
  exports.Set("LaneSink", LaneSinkWrap::define(env));
  exports.Set("Waker", WakerWrap::define(env));
  defineThreads(env, exports);
  defineLog(env, exports);
  defineInheritedSockets(env, exports);
  defineTesting(env, exports);
  auto layout = Napi::Object::New(env);
  layout.Set("batches", tt::kBatches);
  layout.Set("batchWords", tt::kBatchWords);
  layout.Set("maxBatches", tt::kMaxBatches);
  layout.Set("events", tt::kEvents);
  layout.Set("eventWords", tt::kEventWords);
  layout.Set("maxEvents", tt::kMaxEvents);
  layout.Set("words", tt::kWords);
  layout.Set("frameWords", FrameTable::kWordsPerFrame);
  exports.Set("layout", layout);
  return exports;
}

}  // namespace sluice

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return sluice::init(env, exports); }
NODE_API_MODULE(sluice, Init)
