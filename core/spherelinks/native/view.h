// What the kernels share: short names for numbers, Python's arithmetic, views of arrays, scratch memory.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define API extern "C" __declspec(dllexport)
#else
#define API extern "C" __attribute__((visibility("default")))
#endif

using i8 = int8_t;
using u8 = uint8_t;
using i32 = int32_t;
using u16 = uint16_t;
using u32 = uint32_t;
using i64 = int64_t;

using Vec2 = double[2];
using Vec3 = double[3];
using Face = i32[3];

constexpr double INF = __builtin_inf();
constexpr double PI = 3.141592653589793;  // M_PI is not in every math.h

// Python's min and max: the first of equal ones, and of a NaN and a number the one that stands first.
template <class T> inline T least(T a, T b) { return b < a ? b : a; }
template <class T> inline T most(T a, T b) { return b > a ? b : a; }
template <class T> inline T least(T a, T b, T c) { return least(least(a, b), c); }
template <class T> inline T most(T a, T b, T c) { return most(most(a, b), c); }

// Within bounds; a NaN becomes the lower one, so that the result may be used as an index.
inline double clamp(double x, double low, double high) { return x >= low ? (x > high ? high : x) : low; }

// Python's // and %, which round down.
inline i64 floor_div(i64 a, i64 b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }
inline i64 floor_mod(i64 a, i64 b) { return a % b + ((a % b != 0 && (a % b < 0) != (b < 0)) ? b : 0); }

template <class T> inline void swap(T& a, T& b) {
    T kept = a;
    a = b;
    b = kept;
}

// An (H, W, C) or, by itself, (H, W) image, row by row.
template <class T, int C = 1> struct Image {
    T* data;
    i64 height, width;

    T* at(i64 y, i64 x) const { return data + C * (y * width + x); }
    T& operator()(i64 y, i64 x) const { return data[y * width + x]; }
};

// Where a place lies between the centres of pixels along a line: the one before, the one after, how far from the former.
struct Along {
    i64 before, after;
    double share;

    // in pixels, with centres at whole numbers; clamped to the ends
    Along(double x, i64 size) {
        x = clamp(x, 0.0, size - 1.0);
        before = i64(x);
        after = least<i64>(before + 1, size - 1);
        share = x - before;
    }
};

// Where a place lies between the centres of an image's pixels: the pixels to the left and right, those above and below,
// and how far it is from the left one and from the upper one.
struct Between {
    i64 x0, x1, y0, y1;
    double fx, fy;

    Between(const Along& x, const Along& y)
        : x0(x.before), x1(x.after), y0(y.before), y1(y.after), fx(x.share), fy(y.share) {}
    Between(double x, double y, i64 width, i64 height) : Between(Along(x, width), Along(y, height)) {}

    // An image's value there, bilinear; in double precision, whatever the image holds.
    template <class T, int C> double operator()(const Image<T, C>& image, int channel = 0) const {
        double above = image.at(y0, x0)[channel] * (1 - fx) + image.at(y0, x1)[channel] * fx;
        double below = image.at(y1, x0)[channel] * (1 - fx) + image.at(y1, x1)[channel] * fx;
        return above * (1 - fy) + below * fy;
    }
};

// Memory for the time of a call.
template <class T> struct Array {
    T* data;
    i64 size;

    explicit Array(i64 n) : data(static_cast<T*>(malloc(sizeof(T) * (n > 0 ? n : 1)))), size(n) {
        if (!data) abort();
    }
    Array(i64 n, T value) : Array(n) { fill(value); }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() { free(data); }

    void fill(T value) {
        for (i64 i = 0; i < size; i++) data[i] = value;
    }
    operator T*() { return data; }
    T& operator[](i64 i) { return data[i]; }
    const T& operator[](i64 i) const { return data[i]; }
};
