// The nearest point of a triangle.
#pragma once

#include "view.h"

using Corners = float[3][3];

// Squared distance, and the weights of the second and third corner at the nearest point.
struct OnTriangle {
    double square, s, t;
};

// By the region of the triangle's plane that the point is over (Ericson 2005, "Real-Time Collision Detection", 5.1.5).
//
// In the point's precision up to the weights: T is float or double.
template <class T> inline OnTriangle to_triangle(T x, T y, T z, const Corners& corners) {
    const float *o = corners[0], *p = corners[1], *q = corners[2];
    float ux = p[0] - o[0], uy = p[1] - o[1], uz = p[2] - o[2];
    float vx = q[0] - o[0], vy = q[1] - o[1], vz = q[2] - o[2];
    T px = x - o[0], py = y - o[1], pz = z - o[2];
    T d1 = ux * px + uy * py + uz * pz, d2 = vx * px + vy * py + vz * pz;
    float uu = ux * ux + uy * uy + uz * uz, uv = ux * vx + uy * vy + uz * vz, vv = vx * vx + vy * vy + vz * vz;
    T d3 = d1 - uu, d4 = d2 - uv, d5 = d1 - uv, d6 = d2 - vv;
    T a = d3 * d6 - d5 * d4, b = d5 * d2 - d1 * d6, c = d1 * d4 - d3 * d2;
    double s, t;
    if (d1 <= 0 && d2 <= 0) {
        s = 0;
        t = 0;
    } else if (d3 >= 0 && d4 <= d3) {
        s = 1;
        t = 0;
    } else if (c <= 0 && d1 >= 0 && d3 <= 0 && uu > 0) {
        s = d1 / uu;
        t = 0;
    } else if (d6 >= 0 && d5 <= d6) {
        s = 0;
        t = 1;
    } else if (b <= 0 && d2 >= 0 && d6 <= 0 && vv > 0) {
        s = 0;
        t = d2 / vv;
    } else if (a <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
        T both = (d4 - d3) + (d5 - d6);
        t = both > 0 ? (d4 - d3) / both : T(0);
        s = 1 - t;
    } else {
        s = b / (a + b + c);
        t = c / (a + b + c);
    }
    double dx = px - s * ux - t * vx, dy = py - s * uy - t * vy, dz = pz - s * uz - t * vz;
    return {dx * dx + dy * dy + dz * dz, s, t};
}
