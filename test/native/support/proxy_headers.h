// PROXY headers as proxies write them.
#pragma once

#include <arpa/inet.h>

#include <string>

namespace sluice::testing_support {

/// Of version 2: `command` 1 is PROXY, 0 LOCAL; `family` 0x11 TCP over IPv4, 0x21 over IPv6; `rest` what follows.
inline std::string binaryHeader(uint8_t command, uint8_t family, const std::string& rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(0x20 | command);
  header += static_cast<char>(family);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size());
  return header + rest;
}

/// The addresses of a version 2 header: from, to, and their ports.
inline std::string addresses(int family, const char* from, uint16_t fromPort) {
  std::string bytes(family == AF_INET ? 4 : 16, '\0');
  ::inet_pton(family, from, bytes.data());
  std::string out = bytes + bytes;
  out += static_cast<char>(fromPort >> 8);
  out += static_cast<char>(fromPort);
  return out + std::string("\x01\xbb", 2);
}

inline std::string tlv(uint8_t type, const std::string& value) {
  std::string out(1, static_cast<char>(type));
  out += static_cast<char>(value.size() >> 8);
  out += static_cast<char>(value.size());
  return out + value;
}

}  // namespace sluice::testing_support
