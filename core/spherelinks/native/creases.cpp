// Sharp edges brought back to a surface that bevels them; see mesh/creases.py, which calls these and tells how.
#include "view.h"

namespace {

// Cosine between two faces of a vertex, at most, for an edge to be sought round it: of 20 degrees.
constexpr float SHARP = 0.9396926f;
// Double area of a triangle below which its normal says nothing: vertices keep off the samples, which tilts slivers.
constexpr float TINY = 0.1f;
// Side of the blocks of the grid that are looked through: those where a sharp vertex lies, and the blocks round them.
constexpr i64 BLOCK = 4;
// Cosine between a vertex's normal and those of its faces, at least, for it to be flat: of 5 degrees.
constexpr double FLAT = 0.9961946980917455;
// Rings of vertices that take their plane from the ring before, from the flat ones to the middle of the bevel.
constexpr i64 RINGS = 8;
// Cosine of planes that are one, of 15 degrees; and of those that are two, with an edge where they meet: of 40.
constexpr double SAME = 0.9659258262890683, OTHER = 0.766044443118978;
// How far vertices are off their planes: a vertex and its neighbours on average, which tells an edge from a bend, and
// one of them. How far an edge and a corner are from where the mesh was cut. All at most.
constexpr double FIT = 0.16, OFF = 0.8, EDGE = 1.25, CORNER = 1.5;

// A unit normal, the distance from the origin, a point of it.
struct Plane {
    Vec3 normal;
    double away;
    Vec3 point;

    // how far a place is above it
    double off(const Vec3& p) const { return normal[0] * p[0] + normal[1] * p[1] + normal[2] * p[2] - away; }
    double cosine(const Plane& o) const {
        return normal[0] * o.normal[0] + normal[1] * o.normal[1] + normal[2] * o.normal[2];
    }
};

// Whether two vertices lie on different sides of an edge of the shape.
bool crosses(const Plane* plane, const u8* known, i64 a, i64 b) {
    return known[a] && known[b] && plane[a].cosine(plane[b]) < OTHER;
}

template <class T> void cross(const T* u, const T* v, T* out) {
    out[0] = u[1] * v[2] - u[2] * v[1];
    out[1] = u[2] * v[0] - u[0] * v[2];
    out[2] = u[0] * v[1] - u[1] * v[0];
}

// The cross product of two sides of a triangle.
template <class T> void across(const T* a, const T* b, const T* c, T* out) {
    T u[] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, v[] = {c[0] - a[0], c[1] - a[1], c[2] - a[2]};
    cross(u, v, out);
}

template <class T> T dot(const T* a, const T* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

double square(double x) { return x * x; }

i64 after(i64 k) { return k < 2 ? k + 1 : 0; }

}  // namespace

// Whether two faces of a vertex, one listed after the other, lean away from each other; `sharp` is zeroed before.
API void creases_sharp(const float (*points)[3], i64 vertices, const Face* faces, i64 count, u8* sharp) {
    Array<float> room(3 * vertices, __builtin_nanf(""));
    float(*normal)[3] = reinterpret_cast<float(*)[3]>(room.data);
    for (i64 f = 0; f < count; f++) {
        float n[3];
        across(points[faces[f][0]], points[faces[f][1]], points[faces[f][2]], n);
        float doubled = sqrtf(dot(n, n));
        if (doubled < TINY) continue;
        for (float& d : n) d /= doubled;
        for (i32 v : faces[f]) {
            sharp[v] |= dot<float>(n, normal[v]) < SHARP;
            for (int d = 0; d < 3; d++) normal[v][d] = n[d];
        }
    }
}

// The faces near sharp vertices: their numbers; themselves with their vertices numbered anew; what number each of these
// vertices had; and whether all its faces are among them. Into found how many faces and vertices these are.
API void creases_round(const float (*points)[3], i64 vertices, const Face* faces, i64 count, const u8* sharp, i32* band,
                       Face* near, i32* used, u8* whole, i64* found) {
    auto block = [&](i64 v, int d) { return i64(points[v][d]) / BLOCK; };
    i64 nx = 0, ny = 0, nz = 0;
    for (i64 v = 0; v < vertices; v++) {
        nx = most(nx, block(v, 0) + 3);
        ny = most(ny, block(v, 1) + 3);
        nz = most(nz, block(v, 2) + 3);
    }
    // by blocks, with one more on each side
    Array<u8> done(nx * ny * nz, 0), reached(nx * ny * nz, 0), inside(vertices);
    auto number_of = [&](i64 x, i64 y, i64 z) { return (x * ny + y) * nz + z; };
    for (i64 v = 0; v < vertices; v++) {
        if (!sharp[v]) continue;
        i64 x = block(v, 0), y = block(v, 1), z = block(v, 2);
        if (done[number_of(x, y, z)]) continue;
        done[number_of(x, y, z)] = 1;
        for (i64 i = x; i < x + 3; i++)
            for (i64 j = y; j < y + 3; j++) memset(&reached[number_of(i, j, z)], 1, 3);
    }
    for (i64 v = 0; v < vertices; v++)
        inside[v] = reached[number_of(block(v, 0) + 1, block(v, 1) + 1, block(v, 2) + 1)];
    Array<i32> number(vertices, -1);
    found[0] = found[1] = 0;
    for (i64 f = 0; f < count; f++) {
        if (!inside[faces[f][0]] && !inside[faces[f][1]] && !inside[faces[f][2]]) continue;
        i64 at = found[0]++;
        band[at] = i32(f);
        for (int k = 0; k < 3; k++) {
            i32 v = faces[f][k];
            if (number[v] < 0) {
                number[v] = i32(found[1]++);
                used[number[v]] = v;
                whole[number[v]] = inside[v];
            }
            near[at][k] = number[v];
        }
    }
}

// Whether a face of a vertex, or of a neighbour, leans away from its normal, and these normals; both zeroed before.
API void creases_bent(const Vec3* points, i64 vertices, const Face* faces, i64 count, u8* around, Vec3* normal) {
    Array<double> room(3 * count);
    Vec3* sides = reinterpret_cast<Vec3*>(room.data);
    for (i64 f = 0; f < count; f++) {
        across(points[faces[f][0]], points[faces[f][1]], points[faces[f][2]], sides[f]);
        for (i32 v : faces[f])
            for (int d = 0; d < 3; d++) normal[v][d] += sides[f][d];
    }
    for (i64 v = 0; v < vertices; v++) {
        double length = most(sqrt(dot(normal[v], normal[v])), 1e-30);
        for (double& d : normal[v]) d /= length;
    }
    Array<u8> bent(vertices, 0);
    for (i64 f = 0; f < count; f++) {
        double doubled = sqrt(dot(sides[f], sides[f]));
        if (!(doubled >= TINY)) continue;
        for (i32 v : faces[f]) bent[v] |= dot<double>(sides[f], normal[v]) < FLAT * doubled;
    }
    for (i64 f = 0; f < count; f++) {
        const Face& c = faces[f];
        if (bent[c[0]] || bent[c[1]] || bent[c[2]]) around[c[0]] = around[c[1]] = around[c[2]] = 1;
    }
}

// The plane of each vertex; and whether the vertex lies in the zone, belongs to that plane and has all its faces here.
//
// Vertices outside of the zone have the plane of the faces round them. From there planes are handed on, ring by ring: a
// vertex takes the one of its neighbours' that it is nearest to, evened out with those that are much the same, and
// changes it only for one of another side.
API void creases_planes(const Vec3* points, i64 n, const Face* faces, i64 count, const u8* whole, const u8* zone,
                        const Vec3* normal, Plane* plane, u8* fits) {
    // the neighbours of the zone's vertices: those of v are others[start[v]] to before others[start[v + 1]]
    Array<i32> start(n + 1, 0), stop(n);
    for (i64 f = 0; f < count; f++)
        for (i32 v : faces[f])
            if (zone[v]) start[v + 1]++;
    for (i64 v = 0; v < n; v++) {
        start[v + 1] += start[v];
        stop[v] = start[v];
    }
    Array<i32> others(start[n]);
    for (i64 f = 0; f < count; f++)
        for (int k = 0; k < 3; k++)
            if (zone[faces[f][k]]) others[stop[faces[f][k]]++] = faces[f][after(k)];

    Array<u8> known(n);
    Array<i8> settled(n);  // the ring in which a vertex last took a plane
    Array<i64> fresh(n);   // the vertices that do so in this one
    Array<Plane> taken(n);
    for (i64 v = 0; v < n; v++) {
        known[v] = !zone[v];
        settled[v] = known[v] ? 0 : -1;
        fits[v] = 0;
        plane[v].away = 0;
        for (int d = 0; d < 3; d++) {
            plane[v].normal[d] = normal[v][d];
            plane[v].point[d] = points[v][d];
            plane[v].away += normal[v][d] * points[v][d];
        }
    }
    for (i64 ring = 1; ring <= RINGS; ring++) {
        i64 many = 0;
        for (i64 v = 0; v < n; v++) {
            bool asked = false;
            if (zone[v])
                for (i64 i = start[v]; i < start[v + 1] && !asked; i++) asked = settled[others[i]] == ring - 1;
            if (!asked) continue;
            i64 best = -1;
            double nearest = known[v] ? fabs(plane[v].off(points[v])) : INF;
            for (i64 i = start[v]; i < start[v + 1]; i++) {
                i64 u = others[i];
                if (settled[u] != ring - 1) continue;
                double away = fabs(plane[u].off(points[v]));
                if (away < nearest && !(known[v] && plane[u].cosine(plane[v]) > SAME)) {
                    best = u;
                    nearest = away;
                }
            }
            if (best < 0) continue;
            Plane mean = plane[best];
            i64 joined = 1;
            for (i64 i = start[v]; i < start[v + 1]; i++) {
                i64 u = others[i];
                if (!known[u] || !(plane[u].cosine(plane[best]) > SAME)) continue;
                for (int d = 0; d < 3; d++) {
                    mean.normal[d] += plane[u].normal[d];
                    mean.point[d] += plane[u].point[d];
                }
                joined++;
            }
            double length = sqrt(dot(mean.normal, mean.normal));
            for (int d = 0; d < 3; d++) {
                mean.normal[d] /= length;
                mean.point[d] /= joined;
            }
            mean.away = dot(mean.normal, mean.point);
            taken[v] = mean;
            fresh[many++] = v;
        }
        for (i64 i = 0; i < many; i++) {
            i64 v = fresh[i];
            known[v] = 1;
            settled[v] = i8(ring);
            plane[v] = taken[v];
        }
    }
    Array<double> away(n, 0.0);
    for (i64 v = 0; v < n; v++)
        if (zone[v] && known[v]) away[v] = fabs(plane[v].off(points[v]));
    for (i64 v = 0; v < n; v++) {
        if (!zone[v] || !whole[v] || !known[v] || !(away[v] <= OFF)) continue;
        double total = away[v];
        i64 joined = 1;
        for (i64 i = start[v]; i < start[v + 1]; i++) {
            if (!zone[others[i]] || !known[others[i]]) continue;
            total += away[others[i]];
            joined++;
        }
        fits[v] = total <= FIT * joined;
    }
}

// Numbers of the faces that have a vertex with an edge from one side of an edge of the shape to the other; returns how
// many there are.
API i64 creases_crossed(const Face* faces, i64 count, const Plane* plane, const u8* known, i64 vertices, i32* hot) {
    Array<u8> active(vertices, 0);
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            i32 a = faces[f][k], b = faces[f][after(k)];
            if (crosses(plane, known, a, b)) active[a] = active[b] = 1;
        }
    }
    i64 found = 0;
    for (i64 f = 0; f < count; f++)
        if (active[faces[f][0]] || active[faces[f][1]] || active[faces[f][2]]) hot[found++] = i32(f);
    return found;
}

namespace {

// A face cut up: its pieces by numbers 0 to 2 of its corners, 3 to 5 of the points on its edges and 6 of the one inside;
// the corner whose plane each lies in; where all of these points are; and whether the one inside is where it may be.
struct Pieces {
    i64 count = 0;
    i64 corners[6][3], owner[6];
    Vec3 at[7];
    bool fine = true;

    void add(i64 p, i64 q, i64 r, i64 corner) {
        corners[count][0] = p;
        corners[count][1] = q;
        corners[count][2] = r;
        owner[count++] = corner;
    }
};

// cut: which of the face's half-edges are; on: where
void cut_up(const Face& face, const Vec3* points, const Vec3* moved, const Plane* plane, const u8* cut, const Vec3* on,
            Pieces& out) {
    out.count = 0;
    out.fine = true;
    for (int k = 0; k < 3; k++) {
        memcpy(out.at[k], moved[face[k]], sizeof(Vec3));
        memcpy(out.at[3 + k], on[k], sizeof(Vec3));
    }
    switch (cut[0] + cut[1] + cut[2]) {
        case 0:
            for (int k = 0; k < 3; k++) out.add(0, 1, 2, k);
            return;
        case 1: {
            i64 a = cut[0] ? 0 : (cut[1] ? 1 : 2), b = after(a), c = after(b);
            out.add(a, 3 + a, c, a);
            out.add(3 + a, b, c, b);
            return;
        }
        case 2: {
            i64 a = !cut[0] ? 2 : (!cut[1] ? 0 : 1), b = after(a), c = after(b);  // a between the edges that are cut
            i64 p = 3 + a, q = 3 + c;
            out.add(a, p, q, a);
            double one = 0, two = 0;
            for (int d = 0; d < 3; d++) {
                one += square(out.at[p][d] - out.at[c][d]);
                two += square(out.at[q][d] - out.at[b][d]);
            }
            if (one <= two) {
                out.add(p, b, c, b);
                out.add(p, c, q, c);
            } else {
                out.add(p, b, q, b);
                out.add(q, b, c, c);
            }
            return;
        }
    }
    // the corner where three planes meet
    i64 a = face[0], b = face[1], c = face[2];
    Vec3 bc, ca, ab;
    cross(plane[b].normal, plane[c].normal, bc);
    cross(plane[c].normal, plane[a].normal, ca);
    cross(plane[a].normal, plane[b].normal, ab);
    double whole = dot<double>(plane[a].normal, bc), far = 0;
    for (int d = 0; d < 3; d++) {
        out.at[6][d] = (plane[a].away * bc[d] + plane[b].away * ca[d] + plane[c].away * ab[d]) / whole;
        far += square(out.at[6][d] - (points[a][d] + points[b][d] + points[c][d]) / 3);
    }
    for (i64 k = 0; k < 3; k++) {
        out.add(6, k, 3 + k, k);
        out.add(6, 3 + (k + 2) % 3, k, k);
    }
    out.fine = fabs(whole) > 0.1 && far <= CORNER * CORNER;
}

// Whether a triangle has area and faces along a unit normal.
bool outward(const Vec3& p, const Vec3& q, const Vec3& r, const Vec3& normal) {
    Vec3 n;
    across<double>(p, q, r, n);
    double along = dot<double>(n, normal);
    return along > 1e-5 && along * along > 0.01 * dot(n, n);
}

}  // namespace

// Cut the faces where the planes of their vertices meet.
//
// moved : places of the vertices; added : those of further ones, numbered after them; first : the first piece of each
// face that is cut, `of` being the numbers of these faces; rest : the other pieces of all of them. Into found how many
// are added, of and rest. What cannot be cut soundly is taken out of `known`, and all is done again without it, until
// nothing is left to take. A vertex taken out stays on the bevel and no longer has a plane: its piece of a face has to
// face as the whole face did. Held to the plane it had, a face of the bevel round a thin edge would fail beside it, take
// its other vertices out, and so on to the end of the edge.
API void creases_cut(const Vec3* points, i64 n, const Face* faces, i64 count, const i64* opposite, const Plane* plane,
                     u8* known, Vec3* moved, Vec3* added, i64 (*first)[3], i64* of, i64 (*rest)[3], i64* found) {
    i64 halves = 3 * count;
    Array<u8> active(n, 0), cut(halves, 0), unsound(n, 0);
    Array<double> room(3 * halves, 0.0);
    Vec3* on = reinterpret_cast<Vec3*>(room.data);  // the point where a half-edge is cut
    auto start_of = [&](i64 h) { return faces[h / 3][h % 3]; };
    auto end_of = [&](i64 h) { return faces[h / 3][after(h % 3)]; };
    Pieces pieces;
    memcpy(moved, points, sizeof(Vec3) * n);
    for (bool again = count > 0; again;) {
        again = false;
        for (i64 h = 0; h < halves; h++) active[start_of(h)] = 0;
        for (i64 h = 0; h < halves; h++) {
            cut[h] = crosses(plane, known, start_of(h), end_of(h));
            if (cut[h]) active[start_of(h)] = active[end_of(h)] = 1;
        }
        for (i64 h = 0; h < halves; h++) {
            i64 v = start_of(h);
            double away = active[v] ? plane[v].off(points[v]) : 0.0;
            for (int d = 0; d < 3; d++) moved[v][d] = points[v][d] - away * plane[v].normal[d];
        }
        for (i64 h = 0; h < halves; h++) {
            if (!cut[h] || h > opposite[h]) continue;
            i64 a = start_of(h), b = end_of(h);
            double da = fabs(plane[b].off(moved[a])), db = fabs(plane[a].off(moved[b]));
            double t = da + db > 0 ? least(most(da / (da + db), 0.02), 0.98) : 0.5;
            Vec3 at;
            for (int d = 0; d < 3; d++) at[d] = moved[a][d] + t * (moved[b][d] - moved[a][d]);
            double c = plane[a].cosine(plane[b]), ra = -plane[a].off(at), rb = -plane[b].off(at);
            double alpha = (ra - c * rb) / (1 - c * c), beta = (rb - c * ra) / (1 - c * c), far = 0;
            for (int d = 0; d < 3; d++) {
                double p = at[d] + alpha * plane[a].normal[d] + beta * plane[b].normal[d];
                on[h][d] = on[opposite[h]][d] = p;
                far += square(p - points[a][d] - t * (points[b][d] - points[a][d]));
            }
            if (!(far <= EDGE * EDGE)) {
                known[a] = known[b] = 0;
                again = true;
            }
        }
        if (again) continue;
        for (i64 f = 0; f < count; f++) {
            const Face& face = faces[f];
            if (!active[face[0]] && !active[face[1]] && !active[face[2]]) continue;
            cut_up(face, points, moved, plane, cut + 3 * f, on + 3 * f, pieces);
            Vec3 own;
            across<double>(points[face[0]], points[face[1]], points[face[2]], own);
            double length = most(sqrt(dot(own, own)), 1e-30);
            for (double& d : own) d /= length;
            bool fine = pieces.fine;
            for (i64 i = 0; i < pieces.count; i++) {
                const i64* p = pieces.corners[i];
                i32 v = face[pieces.owner[i]];
                if (outward(pieces.at[p[0]], pieces.at[p[1]], pieces.at[p[2]], known[v] ? plane[v].normal : own))
                    continue;
                if (known[v])
                    unsound[v] = again = 1;
                else
                    fine = false;
            }
            if (fine) continue;
            for (i32 v : face) unsound[v] = 1;
            again = true;
        }
        for (i64 v = 0; v < n; v++) known[v] &= !unsound[v];
    }
    Array<i64> number(halves, -1);
    i64 names[7], made = 0, whole = 0, others = 0;
    for (i64 h = 0; h < halves; h++) {
        if (!cut[h] || h >= opposite[h]) continue;
        number[h] = number[opposite[h]] = made;
        memcpy(added[made++], on[h], sizeof(Vec3));
    }
    for (i64 f = 0; f < count; f++) {
        if (!cut[3 * f] && !cut[3 * f + 1] && !cut[3 * f + 2]) continue;
        cut_up(faces[f], points, moved, plane, cut + 3 * f, on + 3 * f, pieces);
        for (i64 k = 0; k < 3; k++) {
            names[k] = faces[f][k];
            names[3 + k] = n + number[3 * f + k];
        }
        if (pieces.count == 6) {
            names[6] = n + made;
            memcpy(added[made++], pieces.at[6], sizeof(Vec3));
        }
        for (i64 k = 0; k < 3; k++) first[whole][k] = names[pieces.corners[0][k]];
        of[whole++] = f;
        for (i64 i = 1; i < pieces.count; i++, others++)
            for (i64 k = 0; k < 3; k++) rest[others][k] = names[pieces.corners[i][k]];
    }
    found[0] = made;
    found[1] = whole;
    found[2] = others;
}
