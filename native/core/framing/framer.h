// Framing: bytes in, frame ranges out.
//
// A framer holds configuration only. What must survive between two reads of a connection is the unconsumed bytes
// themselves and one number, `resume`, both kept by the connection. So one framer serves every connection of a
// listener, and the outcome cannot depend on where the stream happened to be split: for any split of the same bytes
// the frames, and the first error, are the same.
//
// A framer never reads outside [begin, end), never allocates and never throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "framing/delimited.h"
#include "framing/fixed.h"
#include "framing/frame_table.h"
#include "framing/length_prefixed.h"
#include "framing/lines.h"
#include "framing/raw.h"
#include "framing/scan_result.h"
#include "framing/varint_prefixed.h"

namespace sluice {

class Framer {
 public:
  using Kind = std::variant<Lines, Delimited, LengthPrefixed, VarintPrefixed, Fixed, Raw>;

  explicit Framer(Kind kind) : kind_(std::move(kind)) {}

  /// Finds the frames in data[begin, end) and appends them to `out`; their offsets are relative to `data`.
  /// Bytes in [begin, resume) were looked at by an earlier scan of the same unconsumed bytes and hold no frame end.
  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                  FrameTable& out) const noexcept {
    return std::visit([&](const auto& f) { return f.scan(data, begin, end, resume, connection, out); }, kind_);
  }

  /// The peer ended its stream and data[begin, end) is what scan() left unconsumed (its last status was kOk).
  /// Needs room for one frame in `out`.
  FinishResult finish(const uint8_t* data, size_t begin, size_t end, int32_t connection,
                      FrameTable& out) const noexcept {
    return std::visit([&](const auto& f) { return f.finish(data, begin, end, connection, out); }, kind_);
  }

 private:
  Kind kind_;
};

}  // namespace sluice
