// What the library says of itself and of what it is given; see native/__init__.py, which asks.
#include "view.h"

// Which sources it was made of; build.py defines it.
API const char* sources_digest() { return SOURCES_DIGEST; }

namespace {

// Whether all values lie from `least` to before `end`: then neither difference has a sign.
template <class Int, class Word> i64 lie_within(const Int* values, i64 count, i64 least, i64 end) {
    const Word low = Word(least), high = Word(end - 1);
    Word signs = 0;
    for (i64 i = 0; i < count; i++) signs |= (Word(values[i]) - low) | (high - Word(values[i]));
    return !(signs >> (8 * sizeof(Word) - 1));
}

}  // namespace

API i64 indices_within_i4(const i32* values, i64 count, i64 least, i64 end) {
    return end <= INT32_MAX && lie_within<i32, u32>(values, count, least, end);
}

API i64 indices_within_i8(const i64* values, i64 count, i64 least, i64 end) {
    return lie_within<i64, uint64_t>(values, count, least, end);
}
