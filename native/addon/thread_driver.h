// Drives a reactor on a native thread of its own, for one JavaScript thread.
//
// The reactor thread rings a uv_async handle when it has handed something over and JavaScript sleeps; the loop then makes
// one call into JavaScript for each delivery, and posts one reply back. (All uv_async handles of a loop share one
// descriptor, so N reactors still cost the loop one.)
//
// The arenas are JavaScript's memory, and the reactor thread reads into them while JavaScript runs. What keeps that safe:
//  - The driver holds a reference to each arena that it has lent, so nothing is collected under the thread.
//  - Nobody can detach one: an ArrayBuffer that the program has seen is never lent again, and where the program asked for
//    that (`recycle: true`) the arena is a SharedArrayBuffer, which cannot be detached (lib/net/arena.ts).
//  - When the environment ends, also by worker.terminate(), the clean-up hook joins the thread before anything is freed;
//    only then is the handle closed, so nothing rings a dead loop.
// process.exit() on the main thread runs no such hook: the thread is abandoned, and the system ends it. It touches no
// static object, and the heap that its memory lies in is not torn down.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>
#include <span>
#include <vector>

#include "endpoint_config.h"
#include "reactor/reactor_thread.h"
#include "turn_call.h"

namespace sluice {

class ThreadDriver {
 public:
  /// One for JavaScript, and one for the reactor to fill meanwhile.
  static constexpr uint32_t kMaxBatches = 2;

  /// (turnTable, onTurn, name, applied): `applied` is where the epoch of the output sent last is kept.
  static ThreadDriver* create(const Napi::CallbackInfo& info, int& error);

  TurnCall& turnCall() noexcept { return turn_; }
  template <typename Work>
  void control(Work&& work) noexcept {
    flush();
    thread_.control(std::forward<Work>(work));
  }
  void setOutputGauge(Napi::Uint32Array gauge);
  void flush() noexcept;
  void write(uint32_t slot, std::span<const uint8_t> bytes) noexcept;
  void release(uint32_t endpoint) noexcept;
  void setReading(uint32_t endpoint, bool reading) noexcept;
  void end(uint32_t slot) noexcept;
  void destroy(uint32_t slot) noexcept;
  void ref() noexcept;
  void unref() noexcept;

  /// The thread may fill this from now on; JavaScript gets it back with the batches in it, under its number.
  void lendArena(uint32_t number, Napi::Uint8Array bytes, Napi::Int32Array frames);
  /// Makes an endpoint that shares the load of one that `first` has: its address, its limits. Returns its id, or 0 with
  /// `error` set.
  uint32_t join(EndpointConfig config, ThreadDriver& first, uint32_t firstEndpoint, int& error);

 private:
  ThreadDriver(Napi::Env env, Napi::Int32Array turnTable, Napi::Function onTurn)
      : env_(env), turn_(env, turnTable, onTurn) {}
  ~ThreadDriver() = default;

  bool open(const char* name, int& error);
  static void onCleanup(napi_async_cleanup_hook_handle handle, void* self) noexcept;
  void closeHandle() noexcept;
  void onWake() noexcept;
  void deliver(std::unique_ptr<Delivery> delivery) noexcept;
  /// A reply that begins with the output gathered so far.
  std::unique_ptr<Reply> beginReply() noexcept;
  void post(std::unique_ptr<Reply> reply) noexcept { thread_.port()->post(std::move(reply)); }

  struct Lent {
    uint32_t number;
    Napi::Reference<Napi::Uint8Array> bytes;
    Napi::Reference<Napi::Int32Array> frames;
  };

  Napi::Env env_;
  TurnCall turn_;
  std::vector<Lent> lent_;
  Napi::Reference<Napi::Uint32Array> gaugeRef_;
  Napi::Reference<Napi::Int32Array> appliedRef_;
  std::vector<std::unique_ptr<Delivery>> taken_;
  uv_async_t async_;
  uint32_t refs_ = 0;
  bool closing_ = false;
  napi_async_cleanup_hook_handle cleanupHook_ = nullptr;
  ReactorThread thread_;  // last: ends first
};

}  // namespace sluice
