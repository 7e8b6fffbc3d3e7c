// The signed field and the colours of lift's shape; see generation/lift/assembly.py, which calls these.
#include "view.h"

namespace {

using Map = Image<const float>;

// (H, W, BINS)
struct Profile {
    const float* data;
    i64 height, width, bins;

    float operator()(i64 y, i64 x, i64 z) const { return data[(y * width + x) * bins + z]; }

    // The log odds there and at `place` in bins behind the front, trilinear, clamped to its ends.
    double odds(const Between& at, double place) const {
        double z = clamp(place - 0.5, 0.0, bins - 1.0);
        i64 z0 = i64(z), z1 = least<i64>(z0 + 1, bins - 1);
        double fz = z - z0, sides[2];
        for (int n = 0; n < 2; n++) {
            i64 bin = n ? z1 : z0;
            sides[n] = ((*this)(at.y0, at.x0, bin) * (1 - at.fx) + (*this)(at.y0, at.x1, bin) * at.fx) * (1 - at.fy) +
                       ((*this)(at.y1, at.x0, bin) * (1 - at.fx) + (*this)(at.y1, at.x1, bin) * at.fx) * at.fy;
        }
        return sides[0] * (1 - fz) + sides[1] * fz;
    }
};

// Where u in 0..1 lies along a side of so many pixels.
Along on(double u, i64 size) { return Along(u * size - 0.5, size); }

// Where (u, v) in 0..1, rightwards and down, lies in an image.
template <class T, int C> Between within(const Image<T, C>& image, double u, double v) {
    return Between(on(u, image.width), on(v, image.height));
}

template <class T> double look(const Image<T>& image, double u, double v) { return within(image, u, v)(image); }

double square(double x) { return x * x; }

// Where a profile says the same all round: bits of each of its cells, from a bin to the next one and so along both sides
// of the map, by what they hold for all of the numbers between which those in the cell are interpolated.
struct Certain {
    enum : u8 { EMPTY = 1, SOLID = 2 };
    const Profile& profile;
    Array<u8> bits;

    // for odds of so much or more, and of so much or less below zero
    Certain(const Profile& profile, double odds)
        : profile(profile), bits(profile.height * profile.width * profile.bins) {
        const float bound = float(odds * (1 + 1e-6));  // as interpolation rounds
        for (i64 i = 0; i < bits.size; i++)
            bits[i] = u8((profile.data[i] <= -bound ? EMPTY : 0) | (profile.data[i] >= bound ? SOLID : 0));
        // each cell's first number stands before the others, which are still unchanged when it is reached
        const i64 along[] = {1, profile.bins, profile.width * profile.bins};
        for (i64 step : along)
            for (i64 i = 0; i + step < bits.size; i++) bits[i] &= bits[i + step];
    }

    // `place` as Profile::odds has it.
    u8 at(const Between& at, double place) const {
        i64 bin = Along(place - 0.5, profile.bins).before;
        return bits[(at.y0 * profile.width + at.x0) * profile.bins + bin];
    }
};

// The upright grid and the view: its turn's sine and cosine, and the tangent of half its angle.
struct Grid {
    i64 x, y, z;
    const double* low;
    double spacing, s, c, tangent;
};

// The samples at the same y and z: how far along their rays, how wide the frame is there, where in its height.
struct Line {
    double depth, scale, v;

    Line(const Grid& grid, i64 j, i64 k) {
        double up = grid.low[1] + j * grid.spacing, ahead = grid.low[2] + k * grid.spacing;
        double y = up * grid.c - ahead * grid.s;
        depth = -(up * grid.s + ahead * grid.c);
        scale = 1 + depth * grid.tangent;
        v = (1 - y / scale) / 2;
    }
    bool behind_the_eye() const { return scale < 0.05; }
    double across(double x) const { return (x / scale + 1) / 2; }
};

// Along each ray the body is the front's skin, the back's skin, and what the profile calls solid between the two; across
// the rays it is what the matte covers.
struct Body {
    Map outline, front, thickness;
    Profile profile;
    double width, sharpness, skin, band;
    const Certain& certain;  // of odds that mean a distance of `band` or more

    // Where a line lies in the height of each of the maps.
    struct Heights {
        Along outline, front, profile;
    };
    Heights heights(double v) const {
        return {on(v, outline.height), on(v, front.height), on(v, profile.height)};
    }

    // The signed distance at the line's sample over u, within `band`; what is certain to be further outside is not
    // looked into.
    float level(const Line& line, const Heights& at, double u) const {
        double edge = Between(on(u, outline.width), at.outline)(outline) * line.scale;
        if (!(edge < band)) return float(band);
        Between fine(on(u, front.width), at.front);
        double depth = line.depth - fine(front);
        if (-depth >= band) return float(band);
        double whole = fine(thickness);
        if (depth - whole >= band) return float(band);
        // the skins are looked into first: where they say it all, the profile need not be
        double behind = depth - whole, before = whole - skin - depth;
        double body = least(depth - least(skin, whole), most(before, behind));
        if (behind < before && body > most(edge, -depth, -band)) {
            const Between coarse(on(u, profile.width), at.profile);
            u8 sure = certain.at(coarse, depth / width);
            if (sure & Certain::SOLID)
                body = least(behind, body);
            else if (!(sure & Certain::EMPTY))
                body = least(most(-profile.odds(coarse, depth / width) / sharpness, behind), body);
        }
        return float(least(most(edge, most(-depth, body), -band), band));
    }
};

}  // namespace

// Fill field (X, Y, Z) of the upright grid, from `first` up to `end` along x; outline (O, O), front and thickness (N, N),
// profile (M, M, bins).
API void assembly_measured(float* field, i64 nx, i64 ny, i64 nz, const double* low, double spacing, double s, double c,
                           double tangent, const float* outline, i64 outline_side, const float* front,
                           const float* thickness, i64 side, const float* profile, i64 coarse_side, i64 bins,
                           double width, double sharpness, double skin, double band, i64 first, i64 end) {
    const Grid grid{nx, ny, nz, low, spacing, s, c, tangent};
    const Profile solid{profile, coarse_side, coarse_side, bins};
    const Certain certain(solid, sharpness * band);
    const Body body{{outline, outline_side, outline_side}, {front, side, side}, {thickness, side, side}, solid,
                    width, sharpness, skin, band, certain};
    Array<Body::Heights> heights(nz);
    Array<Line> lines(nz);
    for (i64 j = 0; j < ny; j++) {
        for (i64 k = 0; k < nz; k++) {
            lines[k] = Line(grid, j, k);
            heights[k] = body.heights(lines[k].v);
        }
        for (i64 i = first; i < end; i++) {
            double x = low[0] + i * spacing;
            float* row = field + (i * ny + j) * nz;
            for (i64 k = 0; k < nz; k++)
                row[k] = lines[k].behind_the_eye() ? float(band)
                                                   : body.level(lines[k], heights[k], lines[k].across(x));
        }
    }
}

// Fill color (X, Y, Z, 3) where `asked` (X, Y, Z) is 1, which becomes 2, from `first` up to `end` along x; picture
// (O, O, 3), front and thickness (N, N), back (K, K, 3).
//
// With `agree`, the picture shows on the far side where the two agree.
API void assembly_colored(u8* asked, u8* color, i64 nx, i64 ny, i64 nz, const double* low, double spacing, double s,
                          double c, double tangent, const float* picture_data, i64 picture_side,
                          const float* front_data, const float* thickness_data, i64 side, const float* back_data,
                          i64 back_side, double fade_begin, double fade_end, double agree, i64 first, i64 end) {
    const Grid grid{nx, ny, nz, low, spacing, s, c, tangent};
    const Map front{front_data, side, side}, thickness{thickness_data, side, side};
    const Image<const float, 3> picture{picture_data, picture_side, picture_side}, back{back_data, back_side, back_side};
    u8 *at = asked + first * ny * nz, *past = asked + end * ny * nz;
    while ((at = static_cast<u8*>(memchr(at, 1, past - at)))) {
        *at = 2;
        i64 sample = at - asked, i = sample / (ny * nz), j = sample / nz % ny, k = sample % nz;
        u8* out = color + 3 * sample;
        Line line(grid, j, k);
        if (line.behind_the_eye()) {
            out[0] = out[1] = out[2] = 128;
            continue;
        }
        double u = line.across(low[0] + i * spacing), v = line.v;
        double depth = line.depth - look(front, u, v), whole = look(thickness, u, v);
        double share = (least(most(depth / whole, fade_begin), fade_end) - fade_begin) / (fade_end - fade_begin);
        double shown[3];
        if (share < 1 || agree > 0) {
            Between place = within(picture, u, v);
            for (int n = 0; n < 3; n++) shown[n] = place(picture, n);
        }
        if (share > 0) {
            double far[3];
            Between place = within(back, u, v);
            for (int n = 0; n < 3; n++) far[n] = place(back, n);
            if (agree > 0) {
                double apart = square(shown[0] - far[0]) + square(shown[1] - far[1]) + square(shown[2] - far[2]);
                share *= 1 - exp(-apart / (2 * square(agree)));
            }
            for (int n = 0; n < 3; n++)
                shown[n] = share < 1 || agree > 0 ? shown[n] + share * (far[n] - shown[n]) : far[n];
        }
        for (int n = 0; n < 3; n++) out[n] = u8(clamp(shown[n] + 0.5, 0.0, 255.0));
    }
}
