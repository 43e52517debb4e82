#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const uint32_t frameBytes = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(Fixed(frameBytes)),
                [&](const std::string& stream) { return testing_support::parseFixed(stream, frameBytes); });
  return 0;
}
