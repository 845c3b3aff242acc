#pragma once

// A loop over entries is compiled for several generations of processors; the one that runs is chosen when the addon is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define EVERGREEN_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
// A function by hand for processors with AVX2; whoever calls it has asked for them.
#define EVERGREEN_AVX2 __attribute__((target("avx2")))
#else
#define EVERGREEN_CLONES
#endif
