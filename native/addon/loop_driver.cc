#include "loop_driver.h"

#include <algorithm>

#include "turn_table.h"

namespace sluice {

namespace tt = turn_table;

LoopDriver* LoopDriver::create(Napi::Env env, Napi::Int32Array turnTable, Napi::Function onTurn,
                               Napi::Function provideArena, int& error) {
  auto* driver = new LoopDriver(env);
  driver->turnTableRef_ = Napi::Persistent(turnTable);
  driver->table_ = turnTable.Data();
  driver->onTurn_ = Napi::Persistent(onTurn);
  driver->provideArena_ = Napi::Persistent(provideArena);
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

void LoopDriver::setOutput(Napi::Uint8Array bytes, Napi::Int32Array pieces) {
  outputRef_ = Napi::Persistent(bytes);
  piecesRef_ = Napi::Persistent(pieces);
  output_ = bytes.Data();
  pieces_ = reinterpret_cast<const OutputPiece*>(pieces.Data());
  static_assert(sizeof(OutputPiece) == 3 * sizeof(int32_t));
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
  const int32_t count = table_[tt::kPieceCount];
  if (count == 0) return;
  table_[tt::kPieceCount] = 0;
  reactor_.write(pieces_, static_cast<uint32_t>(count), output_);
}

void LoopDriver::schedule() noexcept {
  if (inTurn_ || closing_) return;  // the turn schedules when it is over
  const bool more = reactor_.hasWork() || !reactor_.events().empty();
  if (more) {
    uv_idle_start(&idle_, [](uv_idle_t* handle) { static_cast<LoopDriver*>(handle->data)->turn(); });
  } else {
    uv_idle_stop(&idle_);
  }
  const bool ticking = uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_)) != 0;
  if (reactor_.needsTick() && !ticking) {
    uv_timer_start(
        &timer_,
        [](uv_timer_t* handle) {
          auto* driver = static_cast<LoopDriver*>(handle->data);
          driver->reactor_.tick(uv_now(driver->loop_));
          driver->schedule();
        },
        Reactor::kTickMs, Reactor::kTickMs);
  } else if (!reactor_.needsTick() && ticking) {
    uv_timer_stop(&timer_);
  }
}

void LoopDriver::turn() noexcept {
  const Napi::HandleScope scope(env_);
  inTurn_ = true;
  reactor_.poll(uv_now(loop_));
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
  if (arena_.bytes == nullptr || table_[tt::kArenaUsable] == 0) return false;
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
    reportException();  // out of memory, or the thread is being terminated: the bytes wait in the kernel
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
  table_[tt::kArenaUsable] = 1;
  table_[tt::kArenaWasFull] = 0;
  return true;
}

/// Hands batches and as many events as fit to JavaScript, then sends what it answered and takes back what it released.
void LoopDriver::deliver(std::span<const Batch> batches) noexcept {
  auto& events = reactor_.events();
  if (batches.empty() && events.empty()) return;

  uint32_t endpoints[tt::kMaxBatches];  // by id: JavaScript may close one while it has the batch
  for (size_t i = 0; i < batches.size(); i++) {
    int32_t* words = table_ + tt::kBatches + i * tt::kBatchWords;
    endpoints[i] = batches[i].endpoint->id;
    words[0] = static_cast<int32_t>(endpoints[i]);
    words[1] = static_cast<int32_t>(batches[i].firstFrame);
    words[2] = static_cast<int32_t>(batches[i].frameCount);
    words[3] = 0;
  }
  const size_t count = std::min<size_t>(events.size(), tt::kMaxEvents);
  delivering_.assign(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
  for (size_t i = 0; i < count; i++) {
    const Event& event = delivering_[i];
    int32_t* words = table_ + tt::kEvents + i * tt::kEventWords;
    words[0] = static_cast<int32_t>(event.kind) | static_cast<int32_t>(event.reason) << 8;
    words[1] = static_cast<int32_t>(event.endpoint);
    words[2] = static_cast<int32_t>(event.slot);
    words[3] = event.error;
  }
  table_[tt::kBatchCount] = static_cast<int32_t>(batches.size());
  table_[tt::kEventCount] = static_cast<int32_t>(count);
  if (!batches.empty()) {
    table_[tt::kArenaUsable] = 0;
    table_[tt::kArenaWasFull] = reactor_.arenaWasFull() ? 1 : 0;
  }

  table_[tt::kInTurn] = 1;
  callOnTurn();
  table_[tt::kInTurn] = 0;

  flush();
  for (size_t i = 0; i < batches.size(); i++) {
    if (table_[tt::kBatches + i * tt::kBatchWords + 3] == 0) continue;
    if (Endpoint* endpoint = reactor_.endpoint(endpoints[i]); endpoint != nullptr) reactor_.release(*endpoint);
  }
  reactor_.recycle(delivering_);
}

/// As a callback from the event loop: process.nextTick and promise jobs run before it returns.
void LoopDriver::callOnTurn() noexcept {
  napi_value result;
  const napi_status status =
      napi_make_callback(env_, asyncContext_, env_.Global(), onTurn_.Value(), 0, nullptr, &result);
  if (status != napi_ok) reportException();
}

void LoopDriver::reportException() noexcept {
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
    napi_fatal_exception(env_, exception);
  }
}

}  // namespace sluice
