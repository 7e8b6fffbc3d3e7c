// The signed field and the colours of lift's shape; see generation/lift/assembly.py, which calls this.
#include "view.h"

namespace {

using Map = Image<const float>;

// (H, W, BINS)
struct Profile {
    const float* data;
    i64 height, width, bins;

    float operator()(i64 y, i64 x, i64 z) const { return data[(y * width + x) * bins + z]; }

    // The log odds at (u, v) and `place` in bins behind the front, trilinear, clamped to its ends.
    double odds(double u, double v, double place) const {
        Between at(u * width - 0.5, v * height - 0.5, width, height);
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

// Where (u, v) in 0..1, rightwards and down, lies in an image.
template <class T, int C> Between within(const Image<T, C>& image, double u, double v) {
    return Between(u * image.width - 0.5, v * image.height - 0.5, image.width, image.height);
}

template <class T> double look(const Image<T>& image, double u, double v) { return within(image, u, v)(image); }

double square(double x) { return x * x; }

// The place in an image of (u, v), or of what lies `way` further inside the silhouette, where that is over the object.
template <class T, int C>
Between folded_in(const Image<T, C>& image, const Map& outline, double u, double v, double way) {
    if (way > 0) {
        double step = 1.5 / outline.width;
        double across = look(outline, u + step, v) - look(outline, u - step, v);
        double down = look(outline, u, v + step) - look(outline, u, v - step);
        double length = sqrt(across * across + down * down);
        for (int tries = 0; tries < 4 && length > 0; tries++, way /= 2) {
            double x = u - across / length * way, y = v - down / length * way;
            if (look(outline, x, y) < 0) return within(image, x, y);
        }
    }
    return within(image, u, v);
}

}  // namespace

// Fill field (X, Y, Z) and color (X, Y, Z, 3) of the upright grid, from `first` up to `end` along x.
//
// Along each ray the body is the front's skin, the back's skin, and what the profile calls solid between the two; across
// the rays it is what the matte covers. outline (O, O), picture (O, O, 3), front and thickness (N, N), profile
// (M, M, bins), back (K, K, 3).
//
// With `agree`, the picture shows on the far side where the two agree. With `folded`, colours are folded round the
// silhouette: a wall along the rays goes on with what lies beside it in the picture and on the far side, at its true
// scale, where it would else show one pixel, drawn out.
API void assembly_sample(float* field, u8* color, i64 nx, i64 ny, i64 nz, const double* low, double spacing, double s, double c,
                         double tangent, const float* outline_data, const float* picture_data, i64 outline_side,
                         const float* front_data, const float* thickness_data, i64 side, const float* profile_data,
                         i64 coarse_side, i64 bins, const float* back_data, i64 back_side, double width, double sharpness,
                         double skin, double band, double fade_begin, double fade_end, double agree, double folded,
                         i64 first, i64 end) {
    const Map outline{outline_data, outline_side, outline_side}, front{front_data, side, side},
        thickness{thickness_data, side, side};
    const Image<const float, 3> picture{picture_data, outline_side, outline_side}, back{back_data, back_side, back_side};
    const Profile profile{profile_data, coarse_side, coarse_side, bins};
    field += first * ny * nz;
    color += 3 * first * ny * nz;
    for (i64 i = first; i < end; i++) {
        double x = low[0] + i * spacing;
        for (i64 j = 0; j < ny; j++) {
            double up = low[1] + j * spacing;
            for (i64 k = 0; k < nz; k++, field++, color += 3) {
                double ahead = low[2] + k * spacing;
                double y = up * c - ahead * s, d = -(up * s + ahead * c);
                double scale = 1 + d * tangent;
                *field = float(band);
                if (scale < 0.05) {
                    color[0] = color[1] = color[2] = 128;
                    continue;
                }
                double u = (x / scale + 1) / 2, v = (1 - y / scale) / 2;
                double depth = d - look(front, u, v);
                double whole = look(thickness, u, v);
                double edge = look(outline, u, v) * scale;
                if (edge < band) {
                    double body = -profile.odds(u, v, depth / width) / sharpness;
                    body = most(body, depth - whole);
                    body = least(body, depth - least(skin, whole), most(whole - skin - depth, depth - whole));
                    *field = float(least(most(edge, most(-depth, body), -band), band));
                }
                double share = (least(most(depth / whole, fade_begin), fade_end) - fade_begin) / (fade_end - fade_begin);
                double before = clamp(depth, 0.0, whole), fold = fabs(*field) < band / 2 ? folded / (2 * scale) : 0;
                double shown[3];
                if (share < 1 || agree > 0) {
                    Between at = folded_in(picture, outline, u, v, fold * before);
                    for (int n = 0; n < 3; n++) shown[n] = at(picture, n);
                }
                if (share > 0) {
                    double far[3];
                    Between at = folded_in(back, outline, u, v, fold * (whole - before));
                    for (int n = 0; n < 3; n++) far[n] = at(back, n);
                    if (agree > 0) {
                        double apart = square(shown[0] - far[0]) + square(shown[1] - far[1]) + square(shown[2] - far[2]);
                        share *= 1 - exp(-apart / (2 * square(agree)));
                    }
                    for (int n = 0; n < 3; n++)
                        shown[n] = share < 1 || agree > 0 ? shown[n] + share * (far[n] - shown[n]) : far[n];
                }
                for (int n = 0; n < 3; n++) color[n] = u8(clamp(shown[n] + 0.5, 0.0, 255.0));
            }
        }
    }
}
