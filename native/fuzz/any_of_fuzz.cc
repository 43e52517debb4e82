#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  std::vector<std::string> delimiters(input.ConsumeIntegralInRange<size_t>(1, 4));
  for (std::string& delimiter : delimiters) {
    delimiter = input.ConsumeRandomLengthString(8);
    if (delimiter.empty()) delimiter = "\n";
  }
  const uint32_t max = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(AnyOf(delimiters, max)),
                [&](const std::string& stream) { return testing_support::parseAnyOf(stream, delimiters, max); });
  return 0;
}
