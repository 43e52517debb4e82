#include "net/proxy_header.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <string_view>

namespace sluice {

namespace {

using Outcome = ProxyHeader::Outcome;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kText = "PROXY ";
constexpr size_t kMaxText = 107;  // with the CRLF, section 2.1

ProxyHeader failed(Outcome outcome) noexcept {
  ProxyHeader header;
  header.outcome = outcome;
  return header;
}

/// A word up to the next space or the end.
std::string_view take(std::string_view& line) noexcept {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

/// Digits without a leading zero, 0 to 65535.
bool port(std::string_view word, uint16_t& out) noexcept {
  if (word.empty() || word.size() > 5 || (word.size() > 1 && word[0] == '0')) return false;
  uint32_t value = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  out = static_cast<uint16_t>(value);
  return value <= 65535;
}

bool address(int family, std::string_view word, PeerAddress& out) noexcept {
  char text[INET6_ADDRSTRLEN];
  if (word.size() >= sizeof text || word.find('\0') != std::string_view::npos) return false;
  std::memcpy(text, word.data(), word.size());
  text[word.size()] = '\0';
  out.family = static_cast<uint16_t>(family);
  return ::inet_pton(family, text, out.ip.data()) == 1;
}

/// Section 2.1.
ProxyHeader parseText(std::string_view bytes) noexcept {
  const size_t end = bytes.substr(0, kMaxText).find("\r\n");
  if (end == std::string_view::npos) return failed(bytes.size() < kMaxText ? Outcome::kMore : Outcome::kMalformed);
  ProxyHeader header = failed(Outcome::kWhole);
  header.version = 1;
  header.length = header.tlvsBegin = end + 2;
  std::string_view line = bytes.substr(kText.size(), end - kText.size());
  const std::string_view family = take(line);
  if (family == "UNKNOWN") {  // whatever follows
    header.local = true;
    return header;
  }
  if (family != "TCP4" && family != "TCP6") return failed(Outcome::kMalformed);
  const int inet = family == "TCP4" ? AF_INET : AF_INET6;
  PeerAddress to;
  const bool sound = address(inet, take(line), header.client) && address(inet, take(line), to) &&
                     port(take(line), header.client.port) && port(line, to.port);
  if (!sound) return failed(Outcome::kMalformed);
  header.client = header.client.unmapped();
  return header;
}

uint16_t word(const uint8_t* bytes) noexcept { return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]); }

/// Each has a type, two bytes of length, and lies within the header.
bool tlvsAreSound(const uint8_t* bytes, size_t begin, size_t end) noexcept {
  while (begin < end) {
    if (end - begin < 3) return false;
    const size_t length = word(bytes + begin + 1);
    if (end - begin - 3 < length) return false;
    begin += 3 + length;
  }
  return true;
}

/// Section 2.2.
ProxyHeader parseBinary(const uint8_t* bytes, size_t length) noexcept {
  if (length < 16) return failed(Outcome::kMore);
  const uint8_t command = bytes[12] & 0x0f;
  const uint8_t family = bytes[13] >> 4;
  const uint8_t transport = bytes[13] & 0x0f;
  const size_t rest = word(bytes + 14);
  if (bytes[12] >> 4 != 2 || command > 1 || family > 3 || transport > 2 || 16 + rest > ProxyHeader::kMaxBytes) {
    return failed(Outcome::kMalformed);
  }
  if (length < 16 + rest) return failed(Outcome::kMore);
  ProxyHeader header = failed(Outcome::kWhole);
  header.version = 2;
  header.length = header.tlvsBegin = 16 + rest;
  header.local = true;
  if (command == 0) return header;  // LOCAL: what follows is to be skipped
  static constexpr size_t kAddressBytes[] = {0, 12, 36, 216};
  const size_t tlvsBegin = 16 + kAddressBytes[family];
  if (tlvsBegin > header.length || !tlvsAreSound(bytes, tlvsBegin, header.length)) return failed(Outcome::kMalformed);
  header.tlvsBegin = tlvsBegin;
  if (family != 1 && family != 2) return header;
  const size_t addressBytes = family == 1 ? 4 : 16;
  header.local = false;
  header.client.family = family == 1 ? AF_INET : AF_INET6;
  std::memcpy(header.client.ip.data(), bytes + 16, addressBytes);
  header.client.port = word(bytes + 16 + 2 * addressBytes);
  header.client = header.client.unmapped();
  return header;
}

}  // namespace

ProxyHeader ProxyHeader::parse(const uint8_t* bytes, size_t length) noexcept {
  const std::string_view all(reinterpret_cast<const char*>(bytes), length);
  for (const std::string_view beginning : {kSignature, kText}) {
    const size_t common = std::min(length, beginning.size());
    if (all.substr(0, common) != beginning.substr(0, common)) continue;
    if (common < beginning.size()) return failed(Outcome::kMore);
    return beginning == kText ? parseText(all) : parseBinary(bytes, length);
  }
  return failed(Outcome::kNone);
}

}  // namespace sluice
