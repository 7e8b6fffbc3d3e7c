// Triangles as a signed distance field; see mesh/distance.py, which calls these. Lengths are in samples of the grid.
#include "triangle.h"

namespace {

// An (X, Y, Z) grid.
template <class T> struct Grid {
    T* data;
    i64 nx, ny, nz;

    T& operator()(i64 x, i64 y, i64 z) const { return data[(x * ny + y) * nz + z]; }
    bool holds(i64 x, i64 y, i64 z) const { return 0 <= x && x < nx && 0 <= y && y < ny && 0 <= z && z < nz; }
};

using Squares = Grid<const float>;
using Marks = Grid<const u8>;

// A component of the cross product of two sides of a triangle: its normal, by twice its area.
float across(const Corners& c, int d) {
    int p = (d + 1) % 3, q = (d + 2) % 3;
    return (c[1][p] - c[0][p]) * (c[2][q] - c[0][q]) - (c[1][q] - c[0][q]) * (c[2][p] - c[0][p]);
}

// Whether a sample lies outside for certain: a neighbour does, and both are so far from the surface, taken together,
// that it cannot run between them.
bool is_open(i64 x, i64 y, i64 z, const Squares& square, const Marks& reached) {
    float here = sqrtf(square(x, y, z));
    for (i64 i = x - 1; i <= x + 1; i++)
        for (i64 j = y - 1; j <= y + 1; j++)
            for (i64 k = z - 1; k <= z + 1; k++) {
                if (!square.holds(i, j, k) || !reached(i, j, k)) continue;
                double apart = sqrt(double((i - x) * (i - x) + (j - y) * (j - y) + (k - z) * (k - z)));
                if (here + sqrtf(square(i, j, k)) > apart) return true;
            }
    return false;
}

// Whether the inside, and no gap before it, lies next to the point q of the surface in the unit direction way * g.
//
// A gap shows by a sample of the outside that is straight ahead, and to which the surface at q is about the nearest.
bool is_solid(const Vec3& q, const Vec3& g, int way, const Squares& square, const Marks& reached) {
    i64 x = i64(rint(q[0] + 1.5 * way * g[0])), y = i64(rint(q[1] + 1.5 * way * g[1])),
        z = i64(rint(q[2] + 1.5 * way * g[2]));
    bool found = false;
    if (!square.holds(x, y, z)) return false;
    for (i64 i = x - 1; i <= x + 1; i++)
        for (i64 j = y - 1; j <= y + 1; j++)
            for (i64 k = z - 1; k <= z + 1; k++) {
                if (!square.holds(i, j, k) || !(square(i, j, k) > 0.25)) continue;
                if (!reached(i, j, k)) {
                    found = true;
                    continue;
                }
                double dx = i - q[0], dy = j - q[1], dz = k - q[2];
                double apart = dx * dx + dy * dy + dz * dz;
                double along = way * (dx * g[0] + dy * g[1] + dz * g[2]);
                if (along > 0.85 * sqrt(apart) && square(i, j, k) > 0.5 * apart) return false;
            }
    return found;
}

}  // namespace

// Squared distances and nearest triangles, numbered from `start`, of samples less than `band` from a triangle; in place.
//
// Each triangle is swept along the axis that it faces most: over its shadow, grown by `band`, only the samples are visited
// that lie less than `band` from its plane, and measured those that are not nearer to an earlier triangle than to the ball
// round this one. Only samples whose x is from `begin` to before `end` are written, so that two threads may share a grid.
API void distance_measure(const Corners* corners, i64 count, i64 start, float* square_data, i32* owner_data, i64 nx,
                          i64 ny, i64 nz, double band, i64 begin, i64 end) {
    const Grid<float> square{square_data, nx, ny, nz};
    const Grid<i32> owner{owner_data, nx, ny, nz};
    const i64 from[] = {begin, 0, 0}, to[] = {end - 1, ny - 1, nz - 1};
    for (i64 f = 0; f < count; f++) {
        const Corners& c = corners[f];
        double low[3], high[3], n[3], edge[3][3];
        for (int d = 0; d < 3; d++) {
            n[d] = across(c, d);
            low[d] = least(c[0][d], c[1][d], c[2][d]) - band;
            high[d] = most(c[0][d], c[1][d], c[2][d]) + band;
        }
        if (high[0] < begin || low[0] >= end) continue;
        double length = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        if (length == 0) continue;
        double middle[3], radius = 0;
        for (int d = 0; d < 3; d++) middle[d] = (double(c[0][d]) + c[1][d] + c[2][d]) / 3;
        for (const float(&corner)[3] : c) {
            double far = 0;
            for (int d = 0; d < 3; d++) far += (corner[d] - middle[d]) * (corner[d] - middle[d]);
            radius = most(radius, far);
        }
        radius = sqrt(radius);
        int w = fabs(n[0]) >= most(fabs(n[1]), fabs(n[2])) ? 0 : (fabs(n[1]) >= fabs(n[2]) ? 1 : 2);
        int u = (w + 1) % 3, v = (w + 2) % 3;
        double turn = n[w] > 0 ? 1.0 : -1.0;
        for (int k = 0; k < 3; k++) {  // lines along the shadow's sides, positive outside of it
            const float *from = c[k], *to = c[(k + 1) % 3];
            float du = to[u] - from[u], dv = to[v] - from[v], size = sqrtf(du * du + dv * dv);
            double scale = size > 0 ? turn / size : 0.0;
            edge[k][0] = dv * scale;
            edge[k][1] = -du * scale;
            edge[k][2] = -(edge[k][0] * from[u] + edge[k][1] * from[v]);
        }
        double reach = band * length / fabs(n[w]);
        i64 at[3];
        i64 last_u = least(to[u], i64(floor(high[u]))), last_v = least(to[v], i64(floor(high[v])));
        for (i64 i = most<i64>(from[u], i64(ceil(low[u]))); i <= last_u; i++) {
            for (i64 j = most<i64>(from[v], i64(ceil(low[v]))); j <= last_v; j++) {
                bool outside = false;
                for (int k = 0; k < 3; k++) outside |= edge[k][0] * i + edge[k][1] * j + edge[k][2] > band;
                if (outside) continue;
                double plane = c[0][w] - (n[u] * (i - double(c[0][u])) + n[v] * (j - double(c[0][v]))) / n[w];
                i64 first = most<i64>(from[w], i64(ceil(most(plane - reach, low[w]))));
                i64 last = least(to[w], i64(floor(least(plane + reach, high[w]))));
                at[u] = i;
                at[v] = j;
                for (i64 k = first; k <= last; k++) {
                    at[w] = k;
                    float& here = square(at[0], at[1], at[2]);
                    double far = 0;
                    for (int d = 0; d < 3; d++) far += (at[d] - middle[d]) * (at[d] - middle[d]);
                    // further than sqrt(here) + radius, as 2 * sqrt(here) is at most here + 1
                    if (far > 1.00001 * (here + radius * (here + 1) + radius * radius)) continue;
                    double away = to_triangle(double(at[0]), double(at[1]), double(at[2]), c).square;
                    if (away < here) {
                        here = float(away);
                        owner(at[0], at[1], at[2]) = i32(start + f);
                    }
                }
            }
        }
    }
}

// Marks, on zeros, the samples that can be reached from the first one in steps along the axes, without coming within
// half a cell of the surface. The first sample, in the margin's corner, is outside.
API void distance_flood(const float* square_data, i64 nx, i64 ny, i64 nz, u8* reached_data) {
    const Squares square{square_data, nx, ny, nz};
    const Grid<u8> reached{reached_data, nx, ny, nz};
    Array<i32> waiting(nx * ny * nz);  // each sample waits once at most
    i64 count = 1;
    waiting[0] = 0;
    reached(0, 0, 0) = 1;
    while (count) {
        i64 sample = waiting[--count], x = sample / (ny * nz), y = sample / nz % ny, z = sample % nz;
        for (int k = 0; k < 6; k++) {
            i64 step = k & 1 ? 1 : -1;
            i64 i = x + (k < 2 ? step : 0), j = y + (2 <= k && k < 4 ? step : 0), l = z + (k >= 4 ? step : 0);
            if (!reached.holds(i, j, l) || reached(i, j, l) || !(square(i, j, l) > 0.25)) continue;
            reached(i, j, l) = 1;
            waiting[count++] = i32((i * ny + j) * nz + l);
        }
    }
}

// The field; into count the number of samples inside a plate, and of all within `half` of the surface; half
// the thickness that a sheet with the outside on both sides gets.
API void distance_sign(const Corners* corners, const float* square_data, const i32* owner, const u8* reached_data, i64 nx,
                       i64 ny, i64 nz, double half, float* field, i64* count) {
    const Squares square{square_data, nx, ny, nz};
    const Marks reached{reached_data, nx, ny, nz};
    count[0] = count[1] = 0;
    for (i64 x = 0; x < nx; x++) {
        for (i64 y = 0; y < ny; y++) {
            for (i64 z = 0; z < nz; z++, field++, owner++) {
                float away = sqrtf(square(x, y, z));
                bool outside = reached(x, y, z);
                if (*owner < 0 || away >= half + 1 || (away > 0.5 && !outside)) {
                    *field = outside ? away : -away;
                    continue;
                }
                const Corners& c = corners[*owner];
                OnTriangle at = to_triangle(double(x), double(y), double(z), c);
                Vec3 q, g;
                for (int d = 0; d < 3; d++) q[d] = (1 - at.s - at.t) * c[0][d] + at.s * c[1][d] + at.t * c[2][d];
                g[0] = x - q[0];
                g[1] = y - q[1];
                g[2] = z - q[2];
                if (away < 1e-3)
                    for (int d = 0; d < 3; d++) g[d] = across(c, d);
                double size = sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);
                for (double& d : g) d /= size;
                outside = outside || is_open(x, y, z, square, reached);
                count[1] += away < half;
                if (!is_solid(q, g, -1, square, reached) && (outside || !is_solid(q, g, 1, square, reached))) {
                    count[0] += away < half;
                    *field = float(away - half);
                } else {
                    *field = outside ? away : -away;
                }
            }
        }
    }
}
