#include "fuzzed_framer.h"

using namespace sluice;

// How a raw stream falls into frames depends on how it arrives: only their sizes and their sum can be checked.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const uint32_t max = fuzz::frameLimit(input);
  const fuzz::Cuts cuts(input);
  const std::string stream = input.ConsumeRemainingBytesAsString();
  const testing_support::Parsed parsed = fuzz::feed(Framer(Raw(max)), stream, cuts);
  std::string whole;
  for (const std::string& frame : parsed.frames) {
    SLUICE_REQUIRE(!frame.empty() && frame.size() <= max);
    whole += frame;
  }
  SLUICE_REQUIRE(whole == stream);
  SLUICE_REQUIRE(parsed.end == testing_support::StreamEnd::kInOrder);
  return 0;
}
