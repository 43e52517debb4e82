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
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "framing/frame_table.h"
#include "framing/framing_kinds.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class Framer {
 public:
  explicit Framer(FramingKinds kind) : kind_(std::move(kind)) {}

  /// The framing of that name; nothing where the table has none. `maxFrameBytes` bounds a frame.
  static std::optional<Framer> make(std::string_view kind, const FramingOptions& options, uint32_t maxFrameBytes) {
    return Table<FramingKinds>::make(kind, options, maxFrameBytes);
  }

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
  template <typename Kinds>
  struct Table;
  template <typename... Kinds>
  struct Table<std::variant<Kinds...>> {
    static std::optional<Framer> make(std::string_view kind, const FramingOptions& options, uint32_t maxFrameBytes) {
      std::optional<Framer> made;
      (void)((kind == Kinds::kKind && (made.emplace(Kinds::from(options, maxFrameBytes)), true)) || ...);
      return made;
    }
  };

  FramingKinds kind_;
};

}  // namespace sluice
