#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const bool orLines = input.ConsumeBool();
  const uint32_t max = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(OctetCounted(orLines, max)),
                [&](const std::string& stream) { return testing_support::parseOctetCounted(stream, orLines, max); });
  return 0;
}
