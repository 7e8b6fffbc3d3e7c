// Edges of a closed manifold collapsed; see mesh/collapse.py, which calls these and explains half-edges and costs.
#include "view.h"

namespace {

// How much the distance to the middle of a face counts against that to its plane, both squared: it keeps vertices where
// the faces were that they stand for, and triangles even on the flat.
constexpr double STAY = 1e-5;
// The best place counts only so many half edges from the edge's middle: where creases meet at a slant, it is further off
// the surface than it is worth.
constexpr double FAR = 1.0;
// Cosine between a face's normals before and after, at least; and the least height of a triangle as a share of its
// longest side, if it was no flatter before.
constexpr double TURNED = 0.2, FLAT = 0.01;
// Twice the area, in squares of the mean edge, below which neither counts.
constexpr double TINY = 2e-3;

// A sum of squared distances to planes and points: a matrix, a vector and a constant.
struct Quadric {
    double xx, xy, xz, yy, yz, zz, x, y, z, constant;

    Quadric operator+(const Quadric& o) const {
        return {xx + o.xx, xy + o.xy, xz + o.xz, yy + o.yy, yz + o.yz,
                zz + o.zz, x + o.x,   y + o.y,   z + o.z,   constant + o.constant};
    }
    Quadric operator*(double w) const {
        return {xx * w, xy * w, xz * w, yy * w, yz * w, zz * w, x * w, y * w, z * w, constant * w};
    }
};

// Two numbers, reckoned with at once.
using Two = double __attribute__((vector_size(16)));

// One vertex in place of two, of two pairs at once: the least cost and where it stands.
struct Places {
    Two cost, x, y, z;
};

using Pair = i64[2];

Places best(const Quadric* quadrics, const Vec3* points, const Pair& a, const Pair& b) {
    const Quadric &qa = quadrics[a[0]], &qb = quadrics[b[0]], &ra = quadrics[a[1]], &rb = quadrics[b[1]];
    auto sum = [&](double Quadric::*part) { return Two{qa.*part + qb.*part, ra.*part + rb.*part}; };
    const Two xx = sum(&Quadric::xx), xy = sum(&Quadric::xy), xz = sum(&Quadric::xz), yy = sum(&Quadric::yy),
              yz = sum(&Quadric::yz), zz = sum(&Quadric::zz), qx = sum(&Quadric::x), qy = sum(&Quadric::y),
              qz = sum(&Quadric::z), constant = sum(&Quadric::constant);
    auto from = [&](int d) { return Two{points[a[0]][d], points[a[1]][d]}; };
    auto to = [&](int d) { return Two{points[b[0]][d], points[b[1]][d]}; };
    const Two px = from(0), py = from(1), pz = from(2);
    const Two mx = (px + to(0)) / 2, my = (py + to(1)) / 2, mz = (pz + to(2)) / 2;
    const Two ex = px - mx, ey = py - my, ez = pz - mz;
    const Two c0 = yy * zz - yz * yz, c1 = xz * yz - xy * zz, c2 = xy * yz - xz * yy;
    const Two d0 = xx * zz - xz * xz, d1 = xy * xz - xx * yz, d2 = xx * yy - xy * xy;
    const Two whole = xx * c0 + xy * c1 + xz * c2, trace = xx + yy + zz;
    const Two x = (c0 * qx + c1 * qy + c2 * qz) / whole;
    const Two y = (c1 * qx + d0 * qy + d1 * qz) / whole;
    const Two z = (c2 * qx + d1 * qy + d2 * qz) / whole;
    const Two away = (x - mx) * (x - mx) + (y - my) * (y - my) + (z - mz) * (z - mz);
    const auto found = (whole > 1e-12 * trace * trace * trace) & (away <= FAR * FAR * (ex * ex + ey * ey + ez * ez));
    Two middle = xx * mx * mx + yy * my * my + zz * mz * mz + 2 * (xy * mx * my + xz * mx * mz + yz * my * mz);
    // in this order, as the constants are added one by one
    middle = middle - 2 * (qx * mx + qy * my + qz * mz) + Two{qa.constant, ra.constant} + Two{qb.constant, rb.constant};
    const Two there = constant - (qx * x + qy * y + qz * z), none = {0, 0}, cost = found ? there : middle;
    return {none > cost ? none : cost, found ? x : mx, found ? y : my, found ? z : mz};
}

// Whether one of a face's four costs is at most `bound`.
bool any_below(const float* costs, float bound) {
    float four __attribute__((vector_size(16)));
    memcpy(&four, costs, sizeof four);
    const auto found = four <= bound;
    i64 halves[2];
    memcpy(halves, &found, sizeof halves);
    return halves[0] | halves[1];
}

// The next half-edge of a face, and the one before.
i64 ahead(i64 h) { return (h & 3) == 2 ? h - 2 : h + 1; }
i64 behind(i64 h) { return h & 3 ? h - 1 : h + 2; }

// The half-edges that start at a vertex, counter-clockwise, and the vertices that they run to.
struct Ring {
    Array<i32> half, to;
    i64 count = 0;

    explicit Ring(i64 vertices) : half(vertices), to(vertices) {}

    void walk(i64 h, const i32* start, const i32* twin, const Vec3* points, const Quadric* quadrics) {
        i64 e = h;
        count = 0;
        do {
            half[count] = i32(e);
            to[count] = start[ahead(e)];
            // what the collapse looks at next, and would wait for, from wherever in memory it is
            __builtin_prefetch(points + to[count]);
            __builtin_prefetch(quadrics + to[count]);
            __builtin_prefetch(&quadrics[to[count]].constant);
            count++;
            e = twin[behind(e)];
        } while (e != h);
    }
};

// Whether a face round a vertex, which moves, would turn over or become a sliver; but for the two faces at its edge to
// `other`.
bool flips(const Vec3& at, const Ring& ring, i64 other, const Vec3& moved, const Vec3* points) {
    struct Side {
        double x, y, z, square;

        Side(const Vec3& p, const Vec3& from) : x(p[0] - from[0]), y(p[1] - from[1]), z(p[2] - from[2]) {
            square = x * x + y * y + z * z;
        }
    };
    i64 p = ring.to[ring.count - 1];
    Side was_u(points[p], at), u(points[p], moved);
    for (i64 n = 0; n < ring.count; n++) {
        i64 q = ring.to[n];
        const Side was_v(points[q], at), v(points[q], moved);
        if (p != other && q != other) {
            double mx = was_u.y * was_v.z - was_u.z * was_v.y, my = was_u.z * was_v.x - was_u.x * was_v.z,
                   mz = was_u.x * was_v.y - was_u.y * was_v.x;
            double nx = u.y * v.z - u.z * v.y, ny = u.z * v.x - u.x * v.z, nz = u.x * v.y - u.y * v.x;
            double was = mx * mx + my * my + mz * mz, is = nx * nx + ny * ny + nz * nz;
            double wx = u.x - v.x, wy = u.y - v.y, wz = u.z - v.z, third = wx * wx + wy * wy + wz * wz;
            double side = most(u.square, v.square, third), was_side = most(was_u.square, was_v.square, third);
            double dot = mx * nx + my * ny + mz * nz;
            bool flat = is <= FLAT * FLAT * side * side && is * was_side * was_side <= was * side * side;
            if (was > TINY * TINY && (flat || dot < TURNED * sqrt(was * is))) return true;
        }
        p = q;
        was_u = was_v;
        u = v;
    }
    return false;
}

// Whether the two ends of an edge have two neighbours in common, and no more, and are no part of a tetrahedron: then,
// and only then, the surface stays a manifold of the same kind (Dey et al. 1999, "Topology preserving edge
// contraction").
bool linked(const Ring& one, const Ring& other, i32* mark, i32 stamp) {
    i64 common = 0;
    for (i64 n = 0; n < one.count; n++) mark[one.to[n]] = stamp;
    for (i64 n = 0; n < other.count; n++) common += mark[other.to[n]] == stamp;
    return common == 2 && one.count + other.count > 6;
}

}  // namespace

// Of each vertex the sum, over its faces and weighted by their area, of the squared distance to the face's plane and,
// STAY times, to its middle (Trettner & Kobbelt 2020, "Fast and Robust QEM Minimization using Probabilistic Quadrics").
API void collapse_quadrics(const Vec3* points, i64 vertices, const Face* faces, i64 count, Quadric* total) {
    memset(total, 0, sizeof(Quadric) * vertices);
    for (i64 f = 0; f < count; f++) {
        const Vec3 &a = points[faces[f][0]], &b = points[faces[f][1]], &c = points[faces[f][2]];
        double ux = b[0] - a[0], uy = b[1] - a[1], uz = b[2] - a[2];
        double vx = c[0] - a[0], vy = c[1] - a[1], vz = c[2] - a[2];
        double nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
        double doubled = sqrt(nx * nx + ny * ny + nz * nz);
        if (doubled == 0) continue;
        nx /= doubled;
        ny /= doubled;
        nz /= doubled;
        double mx = a[0] + (ux + vx) / 3, my = a[1] + (uy + vy) / 3, mz = a[2] + (uz + vz) / 3;
        double away = nx * mx + ny * my + nz * mz;
        Quadric q{nx * nx + STAY, nx * ny, nx * nz, ny * ny + STAY, ny * nz, nz * nz + STAY,
                  nx * away + STAY * mx, ny * away + STAY * my, nz * away + STAY * mz,
                  away * away + STAY * (mx * mx + my * my + mz * mz)};
        q = q * doubled;
        for (i32 v : faces[f]) total[v] = total[v] + q;
    }
}

// `start` and `twin` of faces and their twins.
API void collapse_laid_out(const Face* faces, const i64* opposite, i64 count, i32* start, i32* twin) {
    for (i64 f = 0; f < count; f++) {
        for (i64 k = 0; k < 3; k++) {
            i64 other = opposite[3 * f + k];
            start[4 * f + k] = faces[f][k];
            twin[4 * f + k] = i32(4 * floor_div(other, 3) + floor_mod(other, 3));
        }
        start[4 * f + 3] = twin[4 * f + 3] = -1;
    }
}

// The side of vertices whose neighbours are all on the same one; -1 for others. `out` holds `side` before.
API void collapse_free(const i32* start, const i32* twin, i64 halves, const i8* side, i8* out) {
    for (i64 h = 0; h < halves; h++)
        if ((h & 3) != 3 && side[start[h]] != side[start[twin[h]]]) out[start[h]] = -1;
}

// Into `cost`, at the first of its half-edges if that is one from `first` up to `end`, that of each edge both of whose
// vertices are on that side.
API void collapse_price(const i32* start, const i32* twin, const u8* gone, i64, const Vec3* points, i64,
                        const Quadric* quadrics, const i8* side, i64 of, i64 first, i64 end, float* cost) {
    i64 waiting = 0;
    Pair half, from, to;
    auto settle = [&] {
        const Two found = best(quadrics, points, from, to).cost;
        for (i64 n = 0; n < waiting; n++) cost[half[n]] = float(found[n]);
        waiting = 0;
    };
    for (i64 h = first; h < end; h++) {
        if ((h & 3) == 3 || gone[h >> 2] || h >= twin[h]) continue;
        i64 a = start[h], b = start[twin[h]];
        if (side[a] != of || side[b] != of) continue;
        half[waiting] = h;
        from[waiting] = from[1] = a;
        to[waiting++] = to[1] = b;
        if (waiting == 2) settle();
    }
    if (waiting) settle();
}

// Collapse edges of that side which cost up to `limit`, until `most_faces` have gone; in place. Returns how many went.
//
// Only vertices of that side are moved or read, and only half-edges between its vertices are written, so that two sides
// may be swept at the same time. `gone` says which faces went.
API i64 collapse_sweep(i32* start, i32* twin, i64 halves, u8* gone, Vec3* points, i64 vertices, Quadric* quadrics,
                       const i8* side, i64 of, float* cost, i64 most_faces, double limit) {
    constexpr float NEVER = float(INF);
    const float bound = nextafterf(float(limit), NEVER);  // no lower than the limit
    i64 removed = 0;
    Array<i32> mark(vertices, 0);
    Ring ring(vertices), other(vertices);
    i32 stamp = 0;
    for (i64 h = 0; h < halves; h += (h & 3) == 2 ? 2 : 1) {
        // most faces have no edge to try
        while (h + 4 <= halves && !(h & 3) && !any_below(cost + h, bound)) h += 4;
        if (h >= halves) break;
        if (!(cost[h] <= limit && side[start[h]] == of)) continue;
        if (removed >= most_faces) break;
        cost[h] = NEVER;
        i64 t = twin[h], a = start[h], b = start[t];
        stamp++;
        ring.walk(h, start, twin, points, quadrics);
        other.walk(t, start, twin, points, quadrics);
        if (!linked(ring, other, mark, stamp)) continue;
        const Places found = best(quadrics, points, {a, a}, {b, b});
        const Vec3 to = {found.x[0], found.y[0], found.z[0]};
        if (flips(points[a], ring, b, to, points) || flips(points[b], other, a, to, points)) continue;
        for (i64 n = 0; n < other.count; n++) start[other.half[n]] = i32(a);
        for (int d = 0; d < 3; d++) points[a][d] = to[d];
        quadrics[a] = quadrics[a] + quadrics[b];
        const i64 both[] = {h, t};
        for (i64 inner : both) {  // the two edges that are left of each of the two faces become one
            i64 one = ahead(inner), two = behind(inner);
            cost[one] = cost[two] = NEVER;
            one = twin[one];
            two = twin[two];
            cost[one] = cost[two] = NEVER;
            twin[one] = i32(two);
            twin[two] = i32(one);
            gone[inner >> 2] = 1;
        }
        removed += 2;
        // the edges left round the vertex: those of both rings but for the one that went and those of the two faces
        i64 kept = 0;
        auto keep = [&](const Ring& from) {
            for (i64 n = 1; n < from.count - 1; n++) {
                i32 half = from.half[n], end = from.to[n];
                if (side[end] != of) continue;
                ring.half[kept] = half;
                ring.to[kept++] = end;
            }
        };
        keep(ring);
        keep(other);
        for (i64 n = 0; n < kept; n += 2) {
            i64 last = least(n + 1, kept - 1);
            const Two anew = best(quadrics, points, {a, a}, {ring.to[n], ring.to[last]}).cost;
            for (i64 m = n; m <= last; m++) {
                i64 e = ring.half[m], back = twin[e];
                cost[least(e, back)] = float(anew[m - n]);
                cost[most(e, back)] = NEVER;
            }
        }
    }
    return removed;
}

// Faces that are left, and their vertices, moved up to stand one after the other in the same order; in place, so that
// what is left is as close together in memory as it is on the surface. Into `number` the new number of each face, -1 if
// it is gone, into `count` how many faces and how many vertices these are.
API void collapse_closed_up(i32* start, i32* twin, const u8* gone, i64 faces, float* cost, Vec3* points, i64 vertices,
                            Quadric* quadrics, i8* side, i32* number, i64* count) {
    Array<i32> place(vertices, -1);
    count[0] = count[1] = 0;
    for (i64 f = 0; f < faces; f++) {
        number[f] = -1;
        if (gone[f]) continue;
        number[f] = i32(count[0]++);
        for (i64 h = 4 * f; h < 4 * f + 3; h++) place[start[h]] = 0;
    }
    for (i64 v = 0; v < vertices; v++) {
        if (place[v] < 0) continue;
        const i64 at = count[1]++;
        place[v] = i32(at);
        if (at == v) continue;
        memcpy(points[at], points[v], sizeof(Vec3));
        quadrics[at] = quadrics[v];
        side[at] = side[v];
    }
    for (i64 f = 0; f < faces; f++) {
        if (gone[f]) continue;
        for (i64 k = 0; k < 3; k++) {
            const i64 from = 4 * f + k, to = 4 * i64(number[f]) + k;
            start[to] = place[start[from]];
            twin[to] = 4 * number[twin[from] >> 2] + (twin[from] & 3);
            cost[to] = cost[from];
        }
        start[4 * i64(number[f]) + 3] = twin[4 * i64(number[f]) + 3] = -1;
        cost[4 * i64(number[f]) + 3] = float(INF);
    }
}
