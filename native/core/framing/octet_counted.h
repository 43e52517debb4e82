// Syslog over TCP: RFC 6587, "3.4.1. Octet Counting", `MSG-LEN SP MSG`, and beside it the older "3.4.2. Non-Transparent-Framing"
// that many senders still use: a message that does not begin with a digit ends with '\n'. Each message has one or the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class OctetCounted {
 public:
  static constexpr std::string_view kKind = "octetCounted";
  static OctetCounted from(const FramingOptions& options, uint32_t maxFrameBytes) {
    return {options.flag("orLines"), maxFrameBytes};
  }

  /// `orLines` allows the older framing. `maxFrameBytes` bounds a message without its count or terminator.
  OctetCounted(bool orLines, uint32_t maxFrameBytes) noexcept : orLines_(orLines), max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                  FrameTable& out) const noexcept;
  FinishResult finish(const uint8_t* data, size_t begin, size_t end, int32_t connection,
                      FrameTable& out) const noexcept;

 private:
  bool orLines_;
  uint32_t max_;
};

}  // namespace sluice
