// Drives a reactor from the libuv loop of one JavaScript thread.
//
// The poller's descriptor sits in the loop as a uv_poll handle, so readiness of any socket wakes the loop once. While
// the reactor has more to do than one turn may take, an idle handle keeps the loop from blocking, and every iteration
// runs one turn: timers and other I/O get their share in between.
//
// One turn is: poll, fill the arena, one call into JavaScript with all batches and events, then all output that was
// given meanwhile. The handles live until their close callbacks have run; the driver frees itself after the last.
#pragma once

#include <napi.h>
#include <uv.h>

#include <span>
#include <vector>

#include "reactor/reactor.h"
#include "turn_call.h"

namespace sluice {

class LoopDriver {
 public:
  /// Everything that was handed over is released before the call into JavaScript returns, or nothing more is read.
  static constexpr uint32_t kMaxBatches = 1;

  /// (turnTable, onTurn, provideArena): `onTurn()` takes a turn's batches and events; `provideArena(minBytes)` returns
  /// `[Uint8Array, Int32Array]`.
  static LoopDriver* create(const Napi::CallbackInfo& info, int& error);

  TurnCall& turnCall() noexcept { return turn_; }
  /// Runs `work(reactor)` after what was gathered is sent.
  template <typename Work>
  void control(Work&& work) noexcept {
    flush();
    reactor_.setNow(uv_now(loop_));
    work(reactor_);
    schedule();
  }
  void setOutputGauge(Napi::Uint32Array gauge);
  void flush() noexcept;
  void write(uint32_t slot, std::span<const uint8_t> bytes) noexcept;
  void release(uint32_t endpoint) noexcept;
  void setReading(uint32_t endpoint, bool reading) noexcept;
  void end(uint32_t slot) noexcept;
  void destroy(uint32_t slot) noexcept;
  /// Endpoints that keep the process alive.
  void ref() noexcept;
  void unref() noexcept;

 private:
  LoopDriver(Napi::Env env, Napi::Int32Array turnTable, Napi::Function onTurn, Napi::Function provideArena);
  ~LoopDriver() = default;

  bool open(int& error);
  /// Something may be left to do that no descriptor will announce.
  void schedule() noexcept;
  static void onCleanup(napi_async_cleanup_hook_handle handle, void* self) noexcept;
  void closeHandles() noexcept;
  template <typename Handle>
  void closeHandle(Handle& handle) noexcept;

  void turn() noexcept;
  static constexpr int kMaxEventRounds = 16;
  void deliverEvents(size_t few) noexcept;
  std::span<const Batch> fill() noexcept;
  bool arenaIsUsable() noexcept;
  bool replaceArena(uint32_t minBytes) noexcept;
  void deliver(std::span<const Batch> batches) noexcept;

  Napi::Env env_;
  Reactor reactor_;
  TurnCall turn_;
  Napi::FunctionReference provideArena_;

  Arena arena_;
  Napi::Reference<Napi::Uint8Array> arenaBytes_;
  Napi::Reference<Napi::Int32Array> arenaFrames_;

  Napi::Reference<Napi::Uint32Array> gaugeRef_;

  std::vector<Event> delivering_;

  uv_loop_t* loop_ = nullptr;
  uv_poll_t poll_;
  uv_idle_t idle_;
  uv_timer_t timer_;
  int openHandles_ = 0;
  uint32_t refs_ = 0;
  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t tickAtMs_ = kNever;  // what the timer is set for
  bool inTurn_ = false;
  bool closing_ = false;
  napi_async_cleanup_hook_handle cleanupHook_ = nullptr;
};

}  // namespace sluice
