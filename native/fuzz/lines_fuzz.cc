#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const bool trimCR = input.ConsumeBool();
  const uint32_t max = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(Lines(trimCR, max)),
                [&](const std::string& stream) { return testing_support::parseLines(stream, trimCR, max); });
  return 0;
}
