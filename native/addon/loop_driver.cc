#include "loop_driver.h"

#include <algorithm>

#include "turn_table.h"

namespace sluice {

namespace tt = turn_table;

LoopDriver::LoopDriver(Napi::Env env, Napi::Int32Array turnTable, Napi::Function onTurn, Napi::Function provideArena)
    : env_(env), turn_(env, turnTable, onTurn), provideArena_(Napi::Persistent(provideArena)) {}

LoopDriver* LoopDriver::create(const Napi::CallbackInfo& info, int& error) {
  auto* driver = new LoopDriver(info.Env(), info[0].As<Napi::Int32Array>(), info[1].As<Napi::Function>(),
                                info[2].As<Napi::Function>());
  if (driver->open(error)) return driver;
  delete driver;
  return nullptr;
}

bool LoopDriver::open(int& error) {
  if (napi_get_uv_event_loop(env_, &loop_) != napi_ok) {
    error = EINVAL;
    return false;
  }
  error = reactor_.open();
  if (error != 0) return false;
  error = -uv_poll_init(loop_, &poll_, reactor_.descriptor());
  if (error != 0) return false;
  uv_idle_init(loop_, &idle_);
  uv_timer_init(loop_, &timer_);
  poll_.data = idle_.data = timer_.data = this;
  openHandles_ = 3;
  uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    auto* driver = static_cast<LoopDriver*>(handle->data);
    if (!uv_is_active(reinterpret_cast<uv_handle_t*>(&driver->idle_))) driver->turn();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&idle_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&timer_));
  napi_add_async_cleanup_hook(env_, onCleanup, this, &cleanupHook_);
  return true;
}

// Runs when the thread's environment ends, also by worker.terminate(): no JavaScript runs any more, but the loop does
// until the hook is removed, which closing handles needs.
void LoopDriver::onCleanup(napi_async_cleanup_hook_handle, void* self) noexcept {
  static_cast<LoopDriver*>(self)->closeHandles();
}

template <typename Handle>
void LoopDriver::closeHandle(Handle& handle) noexcept {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
    auto* driver = static_cast<LoopDriver*>(closed->data);
    if (--driver->openHandles_ > 0) return;
    const napi_async_cleanup_hook_handle hook = driver->cleanupHook_;
    delete driver;
    napi_remove_async_cleanup_hook(hook);
  });
}

void LoopDriver::closeHandles() noexcept {
  closing_ = true;
  closeHandle(poll_);
  closeHandle(idle_);
  closeHandle(timer_);
}

void LoopDriver::setOutputGauge(Napi::Uint32Array gauge) {
  gaugeRef_ = Napi::Persistent(gauge);
  reactor_.setOutputGauge(gauge.Data(), static_cast<uint32_t>(gauge.ElementLength()));
}

void LoopDriver::ref() noexcept {
  if (refs_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
}

void LoopDriver::unref() noexcept {
  if (--refs_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
}

void LoopDriver::flush() noexcept {
  const TurnCall::Output output = turn_.takeOutput();
  if (output.pieces.empty()) return;
  reactor_.setNow(uv_now(loop_));
  reactor_.write(output.pieces.data(), static_cast<uint32_t>(output.pieces.size()), output.bytes);
  schedule();
}

void LoopDriver::write(uint32_t slot, std::span<const uint8_t> bytes) noexcept {
  const OutputPiece piece{.slot = static_cast<int32_t>(slot), .start = 0, .end = static_cast<int32_t>(bytes.size())};
  control([&](Reactor& reactor) { reactor.write(&piece, 1, bytes.data()); });
}

void LoopDriver::release(uint32_t endpoint) noexcept {
  control([&](Reactor& reactor) {
    if (Endpoint* found = reactor.endpoint(endpoint)) reactor.release(*found);
  });
}

void LoopDriver::setReading(uint32_t endpoint, bool reading) noexcept {
  control([&](Reactor& reactor) {
    if (Endpoint* found = reactor.endpoint(endpoint)) reactor.setReading(*found, reading);
  });
}

void LoopDriver::end(uint32_t slot) noexcept {
  control([&](Reactor& reactor) {
    if (Connection* connection = reactor.connection(slot)) reactor.end(*connection);
  });
}

void LoopDriver::destroy(uint32_t slot) noexcept {
  control([&](Reactor& reactor) {
    if (Connection* connection = reactor.connection(slot)) reactor.destroy(*connection);
  });
}

void LoopDriver::schedule() noexcept {
  if (inTurn_ || closing_) return;  // the turn schedules when it is over
  const bool more = reactor_.hasWork() || !reactor_.events().empty() || !reactor_.parkSinks();
  if (more) {
    uv_idle_start(&idle_, [](uv_idle_t* handle) { static_cast<LoopDriver*>(handle->data)->turn(); });
  } else {
    uv_idle_stop(&idle_);
  }
  const uint64_t tickAt = reactor_.tickAtMs();
  if (tickAt == tickAtMs_) return;
  tickAtMs_ = tickAt;
  if (tickAt == kNever) {
    uv_timer_stop(&timer_);
    return;
  }
  const uint64_t now = uv_now(loop_);
  uv_timer_start(
      &timer_,
      [](uv_timer_t* handle) {
        auto* driver = static_cast<LoopDriver*>(handle->data);
        driver->tickAtMs_ = kNever;  // the timer has run out
        driver->reactor_.tick(uv_now(driver->loop_));
        driver->schedule();
      },
      tickAt > now ? tickAt - now : 0, 0);
}

void LoopDriver::turn() noexcept {
  const Napi::HandleScope scope(env_);
  inTurn_ = true;
  reactor_.poll(uv_now(loop_));
  reactor_.runSinks();
  deliverEvents(tt::kMaxEvents);
  // Frames only when all that is known about their connections goes with them.
  if (reactor_.events().size() <= tt::kMaxEvents) deliver(fill());
  deliverEvents(0);  // what the program caused
  inTurn_ = false;
  schedule();
}

/// Delivers events until no more than `few` are left, within a bound: a program that answers each with another must not
/// hold the loop. schedule() sees to what is left.
void LoopDriver::deliverEvents(size_t few) noexcept {
  for (int i = 0; i < kMaxEventRounds && reactor_.events().size() > few; i++) deliver({});
}

std::span<const Batch> LoopDriver::fill() noexcept {
  if (!reactor_.mayFill()) return {};
  if (!arenaIsUsable() && !replaceArena(kMinArenaBytes)) return {};
  const uint32_t wanted = reactor_.fill(arena_);
  if (wanted > 0) {
    if (!replaceArena(wanted)) return {};
    reactor_.fill(arena_);
  }
  return reactor_.batches();
}

// The program may have got at the arena's memory and detached it (a transfer to another thread): looked up anew each
// turn, since nothing in JavaScript runs between here and the end of fill().
bool LoopDriver::arenaIsUsable() noexcept {
  if (arena_.bytes == nullptr || turn_.word(tt::kArenaUsable) == 0) return false;
  void* data = nullptr;
  size_t length = 0;
  napi_get_typedarray_info(env_, arenaBytes_.Value(), nullptr, &length, &data, nullptr, nullptr);
  return data == arena_.bytes && length == arena_.size;
}

bool LoopDriver::replaceArena(uint32_t minBytes) noexcept {
  arena_ = {};
  napi_value size;
  napi_value pair;
  napi_value parts[2];
  if (napi_create_uint32(env_, minBytes, &size) != napi_ok ||
      napi_call_function(env_, env_.Undefined(), provideArena_.Value(), 1, &size, &pair) != napi_ok ||
      napi_get_element(env_, pair, 0, &parts[0]) != napi_ok || napi_get_element(env_, pair, 1, &parts[1]) != napi_ok) {
    turn_.reportException();  // out of memory, or the thread is being terminated: the bytes wait in the kernel
    return false;
  }
  const Napi::Uint8Array bytes(env_, parts[0]);
  const Napi::Int32Array frames(env_, parts[1]);
  arenaBytes_ = Napi::Persistent(bytes);
  arenaFrames_ = Napi::Persistent(frames);
  arena_ = {.bytes = Napi::Uint8Array(bytes).Data(),
            .size = static_cast<uint32_t>(bytes.ByteLength()),
            .frames = Napi::Int32Array(frames).Data(),
            .frameCapacity = static_cast<uint32_t>(frames.ElementLength() / FrameTable::kWordsPerFrame)};
  turn_.word(tt::kArenaUsable) = 1;
  turn_.word(tt::kArenaWasFull) = 0;
  return true;
}

/// Hands batches and as many events as fit to JavaScript, then sends what it answered and takes back what it released.
void LoopDriver::deliver(std::span<const Batch> batches) noexcept {
  auto& events = reactor_.events();
  if (batches.empty() && events.empty()) return;

  uint32_t endpoints[tt::kMaxBatches];  // by id: JavaScript may close one while it has the batch
  for (size_t i = 0; i < batches.size(); i++) {
    endpoints[i] = batches[i].endpoint->id;
    turn_.putBatch(i, endpoints[i], batches[i].firstFrame, batches[i].frameCount);
  }
  const size_t count = std::min<size_t>(events.size(), tt::kMaxEvents);
  delivering_.assign(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
  turn_.putEvents(delivering_);
  if (!batches.empty()) {
    turn_.word(tt::kArenaUsable) = 0;
    turn_.word(tt::kArenaWasFull) = reactor_.arenaWasFull() ? 1 : 0;
  }
  turn_.run(batches.size(), count);

  flush();
  for (size_t i = 0; i < batches.size(); i++) {
    if (!turn_.batchWasReleased(i)) continue;
    if (Endpoint* endpoint = reactor_.endpoint(endpoints[i]); endpoint != nullptr) reactor_.release(*endpoint);
  }
  reactor_.recycle(delivering_);
}

}  // namespace sluice
