// Which sources the library was made of; build.py defines it.
#include "view.h"

API const char* sources_digest() { return SOURCES_DIGEST; }
