// What the fuzz targets of the framings share: the input chooses limits, the table's room and where the stream is cut,
// the rest is the stream. Fed piece by piece, it must give the frames and the end that a plain parser finds in it whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fuzzer/FuzzedDataProvider.h>
#include <string>
#include <vector>

#include "framing/framer.h"
#include "support/fed_stream.h"
#include "support/reference_framing.h"

namespace sluice::fuzz {

using testing_support::FedStream;
using testing_support::Parsed;

/// The largest limit tried: small enough for a stream of a few KiB to reach it.
inline constexpr uint32_t kMostFrameBytes = 300;

inline uint32_t frameLimit(FuzzedDataProvider& input) {
  return input.ConsumeIntegralInRange<uint32_t>(1, kMostFrameBytes);
}

/// How a stream is cut, and into what batches: taken from the input before its rest becomes the stream.
struct Cuts {
  explicit Cuts(FuzzedDataProvider& input)
      : tableFrames(input.ConsumeIntegralInRange<uint32_t>(1, 20)), sizes(input.ConsumeIntegralInRange<size_t>(1, 16)) {
    for (size_t& size : sizes) size = input.ConsumeIntegralInRange<size_t>(1, 400);
  }

  uint32_t tableFrames;
  std::vector<size_t> sizes;  // of the pieces, over and over
};

inline Parsed feed(const Framer& framer, const std::string& stream, const Cuts& cuts) {
  FedStream fed(framer, cuts.tableFrames);
  size_t piece = 0;
  for (size_t at = 0; at < stream.size(); piece++) {
    const size_t size = cuts.sizes[piece % cuts.sizes.size()];
    fed.feed(std::string_view(stream).substr(at, size));
    at += size;
  }
  return fed.finish();
}

/// `reference` parses the whole stream.
template <typename Reference>
void compare(FuzzedDataProvider& input, const Framer& framer, const Reference& reference) {
  const Cuts cuts(input);
  const std::string stream = input.ConsumeRemainingBytesAsString();
  SLUICE_REQUIRE(feed(framer, stream, cuts) == reference(stream));
}

}  // namespace sluice::fuzz
