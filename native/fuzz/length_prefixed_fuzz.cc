#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const uint8_t prefix = input.PickValueInArray<uint8_t>({1, 2, 4});
  const bool littleEndian = input.ConsumeBool();
  const bool includesLength = input.ConsumeBool();
  const uint32_t max = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(LengthPrefixed(prefix, littleEndian, includesLength, max)),
                [&](const std::string& stream) {
                  return testing_support::parseLengthPrefixed(stream, prefix, littleEndian, includesLength, max);
                });
  return 0;
}
