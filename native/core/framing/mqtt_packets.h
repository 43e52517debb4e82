// MQTT control packets, whole: a type byte, the remaining length in at most four bytes of seven bits each, the rest
// (OASIS MQTT 3.1.1 and 5.0, "2.1 Structure of an MQTT Control Packet"). Type 0 is reserved and refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class MqttPackets {
 public:
  static constexpr std::string_view kKind = "mqttPackets";
  static MqttPackets from(const FramingOptions&, uint32_t maxFrameBytes) { return MqttPackets(maxFrameBytes); }

  /// `maxFrameBytes` bounds a whole packet.
  explicit MqttPackets(uint32_t maxFrameBytes) noexcept : max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    size_t start = begin;
    while (start < end) {
      if (data[start] >> 4 == 0) return {start, start, ScanStatus::kMalformed};
      size_t remaining = 0;
      size_t at = start + 1;
      for (unsigned shift = 0;; shift += 7) {
        if (shift == 28) return {start, start, ScanStatus::kMalformed};  // a fourth byte that says: more
        if (at == end) return {start, start, ScanStatus::kOk};
        const uint8_t byte = data[at++];
        remaining |= size_t{byte & 0x7fu} << shift;
        if (byte < 0x80) break;
      }
      if (at - start + remaining > max_) return {start, start, ScanStatus::kTooLarge};
      if (end - at < remaining) return {start, start, ScanStatus::kOk};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(start), static_cast<int32_t>(at + remaining));
      start = at + remaining;
    }
    return {start, start, ScanStatus::kOk};
  }

  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  uint32_t max_;
};

}  // namespace sluice
