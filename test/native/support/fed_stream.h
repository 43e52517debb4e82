// One stream fed to a framer piece by piece, as a connection does it: unconsumed bytes and one number are kept in
// between. Along the way it holds the framer to its contract (framing/scan_result.h) and aborts where it is broken, so
// that tests and fuzzers alike see it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framing/framer.h"
#include "support/reference_framing.h"
#include "support/require.h"

namespace sluice::testing_support {

class FedStream {
 public:
  /// `tableFrames` is the room of a batch: the smaller, the more often a scan stops for want of it.
  FedStream(const Framer& framer, uint32_t tableFrames) : framer_(framer), words_(tableFrames * 3) {}

  void feed(std::string_view piece) {
    if (ended_) return;
    pending_.append(piece);
    while (!ended_ && scanOnce() == ScanStatus::kTableFull) continue;
  }

  /// The peer ended its side.
  Parsed finish() {
    if (ended_) return parsed_;
    const auto bytes = exactCopy();
    FrameTable table = emptyTable();
    switch (framer_.finish(bytes.get(), kLead, kLead + pending_.size(), kConnection, table)) {
      case FinishResult::kNothing:
        SLUICE_REQUIRE(pending_.empty());
        break;
      case FinishResult::kDelivered:
        SLUICE_REQUIRE(table.size() == 1);
        take(table, bytes.get(), kLead + pending_.size());
        break;
      case FinishResult::kTruncated:
        SLUICE_REQUIRE(!pending_.empty());
        parsed_.end = StreamEnd::kTruncated;
        break;
      case FinishResult::kTooLarge:
        parsed_.end = StreamEnd::kTooLarge;
        break;
    }
    return parsed_;
  }

 private:
  static constexpr size_t kLead = 5;  // what lies before `begin` is none of the framer's business
  static constexpr int32_t kConnection = 77;

  FrameTable emptyTable() { return FrameTable(words_.data(), static_cast<uint32_t>(words_.size() / 3)); }

  /// The bytes end where their allocation ends, so that a read beyond them is a fault under AddressSanitizer.
  std::unique_ptr<uint8_t[]> exactCopy() const {
    auto bytes = std::make_unique<uint8_t[]>(kLead + pending_.size());
    for (size_t i = 0; i < kLead; i++) bytes[i] = '\n';
    pending_.copy(reinterpret_cast<char*>(bytes.get() + kLead), pending_.size());
    return bytes;
  }

  ScanStatus scanOnce() {
    const auto bytes = exactCopy();
    const size_t end = kLead + pending_.size();
    FrameTable table = emptyTable();
    const ScanResult scan = framer_.scan(bytes.get(), kLead, end, kLead + resume_, kConnection, table);
    SLUICE_REQUIRE(kLead <= scan.consumed && scan.consumed <= scan.resume && scan.resume <= end);
    SLUICE_REQUIRE(scan.status != ScanStatus::kTableFull || table.full());
    take(table, bytes.get(), scan.consumed);
    resume_ = scan.resume - scan.consumed;
    pending_.erase(0, scan.consumed - kLead);
    if (scan.status == ScanStatus::kTooLarge) fail(StreamEnd::kTooLarge);
    if (scan.status == ScanStatus::kMalformed) fail(StreamEnd::kMalformed);
    return scan.status;
  }

  void take(const FrameTable& table, const uint8_t* bytes, size_t consumed) {
    size_t previous = kLead;
    for (uint32_t i = 0; i < table.size(); i++) {
      const auto start = static_cast<size_t>(table.start(i));
      const auto end = static_cast<size_t>(table.end(i));
      SLUICE_REQUIRE(table.connection(i) == kConnection);
      SLUICE_REQUIRE(previous <= start && start <= end && end <= consumed);
      parsed_.frames.emplace_back(reinterpret_cast<const char*>(bytes) + start, end - start);
      previous = end;
    }
  }

  void fail(StreamEnd end) {
    parsed_.end = end;
    ended_ = true;
  }

  const Framer& framer_;
  std::vector<int32_t> words_;
  std::string pending_;
  size_t resume_ = 0;
  bool ended_ = false;
  Parsed parsed_;
};

}  // namespace sluice::testing_support
