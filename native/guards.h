#pragma once
#include <ATen/core/stack.h>

#include <string>

namespace evergreen {

/** Refuses what would make an operator read or write memory that is not its own. @throws c10::Error */
using Guard = void (*)(const torch::jit::Stack& arguments);

/** The guard of an operator that trusts its caller, or null. Found by test/engine/fuzz.test.ts. */
Guard guardFor(const std::string& name);

}  // namespace evergreen
