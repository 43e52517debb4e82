// What each framing makes of a stream, cut at every byte: examples whose frames are written down, limits to the byte,
// and what is left at the end.
#include "framing/framer.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "support/fed_stream.h"

namespace sluice::testing_support {

using namespace std::string_literals;

void PrintTo(const Parsed& parsed, std::ostream* out) {
  *out << testing::PrintToString(parsed.frames) << " end " << static_cast<int>(parsed.end);
}

namespace {

struct Example {
  std::string name;
  Framer framer;
  std::string stream;
  Parsed expected;
};

void PrintTo(const Example& example, std::ostream* out) { *out << example.name; }

constexpr uint32_t kMax = 8;

std::vector<Example> examples() {
  const Framer lines(Lines(true, kMax));
  const Framer exactLines(Lines(false, kMax));
  const Framer bars(Delimited("|", kMax));
  const Framer aab(Delimited("aab", kMax));
  const Framer one(LengthPrefixed(1, false, false, kMax));
  const Framer big2(LengthPrefixed(2, false, false, kMax));
  const Framer little4(LengthPrefixed(4, true, false, kMax));
  const Framer inclusive2(LengthPrefixed(2, false, true, kMax));
  const Framer varint(VarintPrefixed(300));
  const Framer varintUnbounded(VarintPrefixed(UINT32_MAX));
  const Framer fixed(Fixed(3));
  const Framer modbus(LengthField({.offset = 4, .bytes = 2, .littleEndian = false, .adjust = 0, .strip = 0}, kMax));
  const Framer stripped(LengthField({.offset = 0, .bytes = 2, .littleEndian = true, .adjust = -2, .strip = 2}, kMax));
  const Framer wide(LengthField({.offset = 0, .bytes = 8, .littleEndian = false, .adjust = 0, .strip = 0}, kMax));
  const Framer counted(OctetCounted(false, kMax));
  const Framer orLines(OctetCounted(true, kMax));
  const Framer netstring{Netstring(kMax)};
  const Framer mqtt{MqttPackets(kMax)};
  const Framer ends(AnyOf({"\r", "\n", "\0"s}, kMax));
  const Framer overlapping(AnyOf({"b", "ab"}, kMax));
  const std::string long200(200, 'x');
  return {
      {"Lines", lines, "one\ntwo\r\n\n\r\nlast\n", {{"one", "two", "", "", "last"}}},
      {"LinesKeepAReturnInside", lines, "a\rb\n\r\r\n", {{"a\rb", "\r"}}},
      {"LinesKeepReturns", exactLines, "a\r\n\r\n", {{"a\r", "\r"}}},
      {"LinesEndWithoutANewline", lines, "a\nrest", {{"a", "rest"}}},
      {"LinesEndWithAReturn", lines, "rest\r", {{"rest"}}},
      {"LinesAsLongAsAllowed", lines, "12345678\r\n12345678", {{"12345678", "12345678"}}},
      {"LinesAByteTooLong", lines, "a\n123456789\nb\n", {{"a"}, StreamEnd::kTooLarge}},
      {"LinesTooLongWithoutAnEnd", lines, "123456789", {{}, StreamEnd::kTooLarge}},
      {"LinesWhoseReturnCounts", lines, "12345678\rx\n", {{}, StreamEnd::kTooLarge}},
      {"LinesTooLongAtTheEnd", exactLines, "12345678\r", {{}, StreamEnd::kTooLarge}},
      {"LinesWithNul", lines, "a\0b\n"s, {{"a\0b"s}}},
      {"DelimitedByAByte", bars, "a||b|", {{"a", "", "b"}}},
      {"DelimitedLeavesARest", bars, "a|b", {{"a"}, StreamEnd::kTruncated}},
      {"DelimitedLeftmostMatch", aab, "xaaabyaab", {{"xa", "y"}}},
      {"DelimitedByNothingElse", aab, "aabaabaab", {{"", "", ""}}},
      {"DelimitedHalfADelimiterAtTheEnd", aab, "x aa", {{}, StreamEnd::kTruncated}},
      {"DelimitedAsLongAsAllowed", aab, "12345678aab", {{"12345678"}}},
      {"DelimitedAByteTooLong", aab, "123456789aab", {{}, StreamEnd::kTooLarge}},
      {"DelimitedLongestThatMayStillEnd", aab, "12345678aa", {{}, StreamEnd::kTruncated}},
      {"DelimitedTooLongWithoutAnEnd", aab, "12345678aaa", {{}, StreamEnd::kTooLarge}},
      {"LengthOfOneByte",
       one,
       "\x03"
       "abc\x00\x01"
       "d"s,
       {{"abc", "", "d"}}},
      {"LengthBigEndian",
       big2,
       "\x00\x02"
       "ab\x00\x08"
       "12345678"s,
       {{"ab", "12345678"}}},
      {"LengthLittleEndian",
       little4,
       "\x02\x00\x00\x00"
       "ab"s,
       {{"ab"}}},
      {"LengthThatCountsItself",
       inclusive2,
       "\x00\x04"
       "ab\x00\x02"s,
       {{"ab", ""}}},
      {"LengthLessThanItself",
       inclusive2,
       "\x00\x04"
       "ab\x00\x01"s,
       {{"ab"}, StreamEnd::kMalformed}},
      {"LengthAByteTooLong",
       big2,
       "\x00\x09"
       "123456789"s,
       {{}, StreamEnd::kTooLarge}},
      {"LengthOfAllOnes", little4, "\xff\xff\xff\xff", {{}, StreamEnd::kTooLarge}},
      {"LengthCutInside",
       big2,
       "\x00\x01"
       "a\x00"s,
       {{"a"}, StreamEnd::kTruncated}},
      {"LengthBodyCut",
       big2,
       "\x00\x03"
       "ab"s,
       {{}, StreamEnd::kTruncated}},
      {"Varint",
       varint,
       "\x01"
       "a\x00\xc8\x01"s +
           long200,
       {{"a", "", long200}}},
      {"VarintWrittenLong",
       varint,
       "\x81\x80\x80\x00"
       "a"s,
       {{"a"}}},
      {"VarintTooLarge", varint, "\xad\x02", {{}, StreamEnd::kTooLarge}},
      {"VarintOfAllBits", varintUnbounded, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", {{}, StreamEnd::kTooLarge}},
      {"VarintOf65Bits", varint, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", {{}, StreamEnd::kMalformed}},
      {"VarintThatGoesOn", varint, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"s, {{}, StreamEnd::kMalformed}},
      {"VarintCutInside",
       varint,
       "\x01"
       "a\x80"s,
       {{"a"}, StreamEnd::kTruncated}},
      {"LengthFieldOfModbus", modbus, "\0\1\0\0\0\2\1\3\0\2\0\0\0\0"s, {{"\0\1\0\0\0\2\1\3"s, "\0\2\0\0\0\0"s}}},
      {"LengthFieldThatCountsAllAndIsStripped", stripped, "\4\0ab\2\0"s, {{"ab", ""}}},
      {"LengthFieldLessThanItself", stripped, "\1\0"s, {{}, StreamEnd::kMalformed}},
      {"LengthFieldBelowWhatIsStripped",
       Framer(LengthField({.offset = 0, .bytes = 1, .littleEndian = false, .adjust = 0, .strip = 3}, kMax)),
       "\2ab\1a",
       {{""}, StreamEnd::kMalformed}},
      {"LengthFieldOf2To63", wide, "\x80\0\0\0\0\0\0\0"s, {{}, StreamEnd::kTooLarge}},
      {"LengthFieldOfAllOnes", wide, "\xff\xff\xff\xff\xff\xff\xff\xff", {{}, StreamEnd::kTooLarge}},
      {"LengthFieldAtTheLimit",
       wide,
       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"s,
       {{"\0\0\0\0\0\0\0\0"s}, StreamEnd::kTooLarge}},
      {"OctetCounted", counted, "3 <1>1  8 12345678", {{"<1>", " ", "12345678"}}},
      {"OctetCountedBesideLines", orLines, "3 a\nb<1>x\r\n\n5 hello<2>y", {{"a\nb", "<1>x", "", "hello", "<2>y"}}},
      {"OctetCountedOnly", counted, "1 a<1>x\n", {{"a"}, StreamEnd::kMalformed}},
      {"OctetCountedLeadingZero", orLines, "1 a01 b", {{"a"}, StreamEnd::kMalformed}},
      {"OctetCountedWithoutASpace", orLines, "1:a", {{}, StreamEnd::kMalformed}},
      {"OctetCountedAByteTooLong", orLines, "9 ", {{}, StreamEnd::kTooLarge}},
      {"OctetCountedForEver", orLines, "99999999999999999999999999", {{}, StreamEnd::kTooLarge}},
      {"OctetCountedCut", orLines, "3 ab", {{}, StreamEnd::kTruncated}},
      {"OctetCountedLineTooLong", orLines, "<23456789\n", {{}, StreamEnd::kTooLarge}},
      {"Netstrings", netstring, "5:a,b,c,0:,8:12345678,", {{"a,b,c", "", "12345678"}}},
      {"NetstringWithALeadingZero", netstring, "1:a,00:,", {{"a"}, StreamEnd::kMalformed}},
      {"NetstringWithoutAComma", netstring, "1:ab", {{}, StreamEnd::kMalformed}},
      {"NetstringWithoutALength", netstring, ":,", {{}, StreamEnd::kMalformed}},
      {"NetstringAByteTooLong", netstring, "9:", {{}, StreamEnd::kTooLarge}},
      {"NetstringLacksItsComma", netstring, "1:a", {{}, StreamEnd::kTruncated}},
      {"MqttPackets", mqtt, "\xc0\0\x30\5\0\1xhi\xc0\0"s, {{"\xc0\0"s, "\x30\5\0\1xhi"s, "\xc0\0"s}}},
      {"MqttLengthInFourBytes", mqtt, "\x10\x80\x80\x80\0"s, {{"\x10\x80\x80\x80\0"s}}},
      {"MqttLengthInFive", mqtt, "\x10\x80\x80\x80\x80\0"s, {{}, StreamEnd::kMalformed}},
      {"MqttReservedType", mqtt, "\xc0\0\x0f\0"s, {{"\xc0\0"s}, StreamEnd::kMalformed}},
      {"MqttAByteTooLong", mqtt, "\x30\7", {{}, StreamEnd::kTooLarge}},
      {"MqttCut", mqtt, "\x30\2a", {{}, StreamEnd::kTruncated}},
      {"AnyOfLeavesOutEmptyFrames", ends, "\na\r\nb\rc\0\nd\n"s, {{"a", "b", "c", "d"}}},
      {"AnyOfLeavesARest", ends, "a\nb", {{"a"}, StreamEnd::kTruncated}},
      {"AnyOfAsLongAsAllowed", ends, "12345678\n", {{"12345678"}}},
      {"AnyOfAByteTooLong", ends, "a\n123456789\n", {{"a"}, StreamEnd::kTooLarge}},
      {"AnyOfTakesTheLongestThatEndsThere", overlapping, "xabyby", {{"x", "y"}, StreamEnd::kTruncated}},
      {"FixedSize", fixed, "abcdef", {{"abc", "def"}}},
      {"FixedSizeLeavesARest", fixed, "abcde", {{"abc"}, StreamEnd::kTruncated}},
  };
}

class EveryExample : public testing::TestWithParam<Example> {};

TEST_P(EveryExample, IsTheSameCutAnywhere) {
  const auto& [name, framer, stream, expected] = GetParam();
  for (uint32_t tableFrames = 1; tableFrames <= 4; tableFrames++) {
    for (size_t first = 0; first <= stream.size(); first++) {
      for (size_t second = first; second <= stream.size(); second++) {
        FedStream fed(framer, tableFrames);
        fed.feed(std::string_view(stream).substr(0, first));
        fed.feed(std::string_view(stream).substr(first, second - first));
        fed.feed(std::string_view(stream).substr(second));
        ASSERT_EQ(fed.finish(), expected) << "cut at " << first << " and " << second << ", table of " << tableFrames;
      }
    }
  }
}

TEST_P(EveryExample, IsTheSameByteByByte) {
  const auto& [name, framer, stream, expected] = GetParam();
  FedStream fed(framer, 1);
  for (const char& byte : stream) fed.feed({&byte, 1});
  EXPECT_EQ(fed.finish(), expected);
}

INSTANTIATE_TEST_SUITE_P(Framers, EveryExample, testing::ValuesIn(examples()),
                         [](const auto& example) { return example.param.name; });

TEST(Raw, GivesWhatCameInPiecesOfTheLimit) {
  const Framer raw(Raw(4));
  FedStream fed(raw, 2);
  fed.feed("abcdefghij");
  fed.feed("k");
  EXPECT_EQ(fed.finish(), (Parsed{{"abcd", "efgh", "ij", "k"}}));
}

// An unfinished frame is not scanned again from its beginning: the cost of a long one stays linear.
TEST(Framers, ResumeBehindWhatWasSeen) {
  const std::string unfinished(1000, 'x');
  const auto* data = reinterpret_cast<const uint8_t*>(unfinished.data());
  int32_t words[FrameTable::kWordsPerFrame];
  for (const Framer& framer : {Framer(Lines(true, 2000)), Framer(Delimited("abc", 2000)), Framer(Fixed(1500))}) {
    FrameTable table(words, 1);
    const ScanResult scan = framer.scan(data, 0, unfinished.size(), 0, 1, table);
    EXPECT_EQ(scan.status, ScanStatus::kOk);
    EXPECT_EQ(scan.consumed, 0u);
    EXPECT_EQ(scan.resume, unfinished.size());
  }
}

}  // namespace
}  // namespace sluice::testing_support
