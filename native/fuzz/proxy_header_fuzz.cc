// PROXY headers: whatever comes, at every length of it. A header that is whole stays the same with more bytes behind it, and
// no beginning of it is one.
#include <cstdlib>

#include "net/proxy_header.h"

namespace {

using sluice::ProxyHeader;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ProxyHeader all = ProxyHeader::parse(data, size);
  if (all.outcome != ProxyHeader::Outcome::kWhole) return 0;
  require(all.length <= size && all.tlvsBegin <= all.length && all.length <= ProxyHeader::kMaxBytes);
  require(ProxyHeader::parse(data, all.length).outcome == ProxyHeader::Outcome::kWhole);
  for (size_t cut = 0; cut < all.length; cut++) {
    require(ProxyHeader::parse(data, cut).outcome == ProxyHeader::Outcome::kMore);
  }
  return 0;
}
