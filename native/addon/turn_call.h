// The call into JavaScript that hands a turn over, and what JavaScript left behind when it returns: output, and which
// batches it released. Both drivers make it; they differ in where the turn comes from and where the outcome goes.
#pragma once

#include <napi.h>

#include <span>

#include "reactor/event.h"
#include "reactor/reactor.h"
#include "turn_table.h"

namespace sluice {

class TurnCall {
 public:
  TurnCall(Napi::Env env, Napi::Int32Array turnTable, Napi::Function onTurn);

  /// Where JavaScript gathers output: bytes, and pieces of three words each.
  void setOutput(Napi::Uint8Array bytes, Napi::Int32Array pieces);

  /// The output gathered since the last time. What it points to is JavaScript's, and good until JavaScript runs.
  struct Output {
    std::span<const OutputPiece> pieces;
    const uint8_t* bytes;
    int32_t epoch;
  };
  Output takeOutput() noexcept;

  /// Endpoint, first frame and count of batch number `index` of the turn.
  void putBatch(size_t index, uint32_t endpoint, uint32_t firstFrame, uint32_t frameCount) noexcept;
  bool batchWasReleased(size_t index) const noexcept;
  /// At most turn_table::kMaxEvents.
  void putEvents(std::span<const Event> events) noexcept;
  int32_t& word(uint32_t index) noexcept { return table_[index]; }

  /// Calls `onTurn` as a callback from the event loop: process.nextTick and promise jobs run before it returns.
  void run(size_t batches, size_t events) noexcept;
  /// What JavaScript threw becomes an uncaught exception.
  void reportException() noexcept;

 private:
  Napi::Env env_;
  Napi::AsyncContext asyncContext_;
  Napi::FunctionReference onTurn_;
  Napi::Reference<Napi::Int32Array> tableRef_;
  int32_t* const table_;
  Napi::Reference<Napi::Uint8Array> outputRef_;
  Napi::Reference<Napi::Int32Array> piecesRef_;
  const uint8_t* output_ = nullptr;
  const OutputPiece* pieces_ = nullptr;
};

}  // namespace sluice
