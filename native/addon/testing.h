// What only the tests of this package use, as `native.testing`: a native thread that fills a queue which JavaScript
// drains, as a reactor does.
#pragma once

#include <napi.h>

namespace sluice {

void defineTesting(Napi::Env env, Napi::Object exports);

}  // namespace sluice
