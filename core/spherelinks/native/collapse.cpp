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

// One vertex in place of two: the least cost and where it stands.
struct Place {
    double cost, x, y, z;
};

Place best(const Quadric* quadrics, const Vec3* points, i64 a, i64 b) {
    const Quadric q = quadrics[a] + quadrics[b];
    const Vec3 &p = points[a], &r = points[b];
    double mx = (p[0] + r[0]) / 2, my = (p[1] + r[1]) / 2, mz = (p[2] + r[2]) / 2;
    double ex = p[0] - mx, ey = p[1] - my, ez = p[2] - mz;
    double c0 = q.yy * q.zz - q.yz * q.yz, c1 = q.xz * q.yz - q.xy * q.zz, c2 = q.xy * q.yz - q.xz * q.yy;
    double whole = q.xx * c0 + q.xy * c1 + q.xz * c2, trace = q.xx + q.yy + q.zz;
    if (whole > 1e-12 * trace * trace * trace) {
        double d0 = q.xx * q.zz - q.xz * q.xz, d1 = q.xy * q.xz - q.xx * q.yz, d2 = q.xx * q.yy - q.xy * q.xy;
        double x = (c0 * q.x + c1 * q.y + c2 * q.z) / whole;
        double y = (c1 * q.x + d0 * q.y + d1 * q.z) / whole;
        double z = (c2 * q.x + d1 * q.y + d2 * q.z) / whole;
        double away = (x - mx) * (x - mx) + (y - my) * (y - my) + (z - mz) * (z - mz);
        if (away <= FAR * FAR * (ex * ex + ey * ey + ez * ez))
            return {most(q.constant - (q.x * x + q.y * y + q.z * z), 0.0), x, y, z};
    }
    double cost = q.xx * mx * mx + q.yy * my * my + q.zz * mz * mz +
                  2 * (q.xy * mx * my + q.xz * mx * mz + q.yz * my * mz);
    // in this order, as the constants are added one by one
    cost = cost - 2 * (q.x * mx + q.y * my + q.z * mz) + quadrics[a].constant + quadrics[b].constant;
    return {most(cost, 0.0), mx, my, mz};
}

// The next half-edge of a face, and the one before.
i64 ahead(i64 h) { return (h & 3) == 2 ? h - 2 : h + 1; }
i64 behind(i64 h) { return h & 3 ? h - 1 : h + 2; }

// Whether a face round the vertex that h starts at, which moves there, would turn over or become a sliver; but for the
// two faces at its edge to `other`.
bool flips(i64 h, i64 other, const Place& to, const i32* start, const i32* twin, const Vec3* points) {
    const Vec3& at = points[start[h]];
    i64 e = h;
    do {
        i64 p = start[ahead(e)], q = start[behind(e)];
        if (p != other && q != other) {
            double ux = points[p][0] - at[0], uy = points[p][1] - at[1], uz = points[p][2] - at[2];
            double vx = points[q][0] - at[0], vy = points[q][1] - at[1], vz = points[q][2] - at[2];
            double mx = uy * vz - uz * vy, my = uz * vx - ux * vz, mz = ux * vy - uy * vx;
            double was = mx * mx + my * my + mz * mz;
            double was_side = most(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz);
            ux = points[p][0] - to.x, uy = points[p][1] - to.y, uz = points[p][2] - to.z;
            vx = points[q][0] - to.x, vy = points[q][1] - to.y, vz = points[q][2] - to.z;
            double nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
            double is = nx * nx + ny * ny + nz * nz;
            double wx = ux - vx, wy = uy - vy, wz = uz - vz;
            double third = wx * wx + wy * wy + wz * wz;
            double side = most(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, third);
            was_side = most(was_side, third);
            double dot = mx * nx + my * ny + mz * nz;
            bool flat = is <= FLAT * FLAT * side * side && is * was_side * was_side <= was * side * side;
            if (was > TINY * TINY && (flat || dot < TURNED * sqrt(was * is))) return true;
        }
        e = twin[behind(e)];
    } while (e != h);
    return false;
}

// Whether the two ends of an edge have two neighbours in common, and no more, and are no part of a tetrahedron: then,
// and only then, the surface stays a manifold of the same kind (Dey et al. 1999, "Topology preserving edge
// contraction").
bool linked(i64 h, const i32* start, const i32* twin, i32* mark, i32 stamp) {
    i64 t = twin[h], ring = 0, common = 0, other = 0, e = h;
    do {
        mark[start[twin[e]]] = stamp;
        ring++;
        e = twin[behind(e)];
    } while (e != h);
    e = t;
    do {
        common += mark[start[twin[e]]] == stamp;
        other++;
        e = twin[behind(e)];
    } while (e != t);
    return common == 2 && ring + other > 6;
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

// Into `cost`, at the first of its half-edges, that of each edge both of whose vertices are on that side.
API void collapse_price(const i32* start, const i32* twin, i64 halves, const u8* gone, const Vec3* points,
                        const Quadric* quadrics, const i8* side, i64 of, float* cost) {
    for (i64 h = 0; h < halves; h++) {
        if ((h & 3) == 3 || gone[h >> 2] || h >= twin[h]) continue;
        i64 a = start[h], b = start[twin[h]];
        if (side[a] == of && side[b] == of) cost[h] = float(best(quadrics, points, a, b).cost);
    }
}

// Collapse edges of that side which cost up to `limit`, until `most_faces` have gone; in place. Returns how many went.
//
// Only vertices of that side are moved or read, and only half-edges between its vertices are written, so that two sides
// may be swept at the same time. `gone` says which faces went.
API i64 collapse_sweep(i32* start, i32* twin, i64 halves, u8* gone, Vec3* points, i64 vertices, Quadric* quadrics,
                       const i8* side, i64 of, float* cost, i64 most_faces, double limit) {
    constexpr float NEVER = float(INF);
    i64 removed = 0;
    Array<i32> mark(vertices, 0);
    i32 stamp = 0;
    for (i64 h = 0; h < halves; h++) {
        if (!(cost[h] <= limit && side[start[h]] == of)) continue;
        if (removed >= most_faces) break;
        cost[h] = NEVER;
        i64 t = twin[h], a = start[h], b = start[t];
        stamp++;
        if (!linked(h, start, twin, mark, stamp)) continue;
        Place to = best(quadrics, points, a, b);
        if (flips(h, b, to, start, twin, points) || flips(t, a, to, start, twin, points)) continue;
        i64 e = t;
        do {
            start[e] = i32(a);
            e = twin[behind(e)];
        } while (e != t);
        points[a][0] = to.x;
        points[a][1] = to.y;
        points[a][2] = to.z;
        quadrics[a] = quadrics[a] + quadrics[b];
        i64 first = twin[behind(h)];
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
        e = first;
        do {
            i64 other = twin[e], v = start[other];
            if (side[v] == of) {
                cost[least(e, other)] = float(best(quadrics, points, a, v).cost);
                cost[most(e, other)] = NEVER;
            }
            e = twin[behind(e)];
        } while (e != first);
    }
    return removed;
}
