#include "turn_call.h"

namespace sluice {

namespace tt = turn_table;

TurnCall::TurnCall(Napi::Env env, Napi::Int32Array turnTable, Napi::Function onTurn)
    : env_(env),
      asyncContext_(env, "sluice"),
      onTurn_(Napi::Persistent(onTurn)),
      tableRef_(Napi::Persistent(turnTable)),
      table_(turnTable.Data()) {}

void TurnCall::setOutput(Napi::Uint8Array bytes, Napi::Int32Array pieces) {
  outputRef_ = Napi::Persistent(bytes);
  piecesRef_ = Napi::Persistent(pieces);
  output_ = bytes.Data();
  pieces_ = reinterpret_cast<const OutputPiece*>(pieces.Data());
  static_assert(sizeof(OutputPiece) == 3 * sizeof(int32_t));
}

TurnCall::Output TurnCall::takeOutput() noexcept {
  const auto count = static_cast<size_t>(table_[tt::kPieceCount]);
  table_[tt::kPieceCount] = 0;
  return {.pieces = {pieces_, count}, .bytes = output_, .epoch = table_[tt::kOutputEpoch]};
}

void TurnCall::putBatch(size_t index, uint32_t endpoint, uint32_t firstFrame, uint32_t frameCount) noexcept {
  int32_t* words = table_ + tt::kBatches + index * tt::kBatchWords;
  words[0] = static_cast<int32_t>(endpoint);
  words[1] = static_cast<int32_t>(firstFrame);
  words[2] = static_cast<int32_t>(frameCount);
  words[3] = 0;
}

bool TurnCall::batchWasReleased(size_t index) const noexcept {
  return table_[tt::kBatches + index * tt::kBatchWords + 3] != 0;
}

void TurnCall::putEvents(std::span<const Event> events) noexcept {
  int32_t* words = table_ + tt::kEvents;
  for (const Event& event : events) {
    words[0] = static_cast<int32_t>(event.kind) | static_cast<int32_t>(event.reason) << 8;
    words[1] = static_cast<int32_t>(event.endpoint);
    words[2] = static_cast<int32_t>(event.slot);
    words[3] = event.error;
    words += tt::kEventWords;
  }
}

void TurnCall::run(size_t batches, size_t events) noexcept {
  table_[tt::kBatchCount] = static_cast<int32_t>(batches);
  table_[tt::kEventCount] = static_cast<int32_t>(events);
  table_[tt::kInTurn] = 1;
  napi_value result;
  const napi_status status =
      napi_make_callback(env_, asyncContext_, env_.Global(), onTurn_.Value(), 0, nullptr, &result);
  if (status != napi_ok) reportException();
  table_[tt::kInTurn] = 0;
}

void TurnCall::reportException() noexcept {
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
    napi_fatal_exception(env_, exception);
  }
}

}  // namespace sluice
