// The bitstreams of EXT_meshopt_compression, both ways, and KHR_meshopt_compression's attributes, which are read; see
// gltf/meshopt.py, which calls these.
//
// Written after the extensions' appendix A, https://github.com/KhronosGroup/glTF, Vendor/EXT_meshopt_compression and
// Khronos/KHR_meshopt_compression.
#include "view.h"

namespace {

constexpr i64 GROUP = 16, TAIL = 32, WIDEST = 256;

// A stream from a file: what is read past its end is 0, and it is broken from then on.
struct Stream {
    const u8* data;
    i64 size;
    bool broken = false;

    u8 operator[](i64 at) {
        if (at >= 0 && at < size) return data[at];
        broken = true;
        return 0;
    }
};

i64 block_size(i64 stride) { return least<i64>((8192 / stride) & ~15, 256); }

// The signs of differences go to the lowest bit, so that small ones of both signs are small numbers.
u8 zigzag(u8 delta) { return delta & 0x80 ? u8(~(delta << 1)) : u8(delta << 1); }
u8 unzigzag(u8 value) { return value & 1 ? u8(~(value >> 1)) : u8(value >> 1); }
i64 zigzag(i64 delta) { return delta < 0 ? ~(delta * 2) : delta * 2; }
i64 unzigzag(i64 value) { return value & 1 ? ~(value >> 1) : value >> 1; }

// Write a group of differences in `mode`: 0 all are zero, 1 two bits each, 2 four bits each, 3 bytes. Returns its end.
i64 pack_group(const u8* deltas, int mode, u8* out, i64 at) {
    if (mode == 0) return at;
    if (mode == 3) {
        memcpy(out + at, deltas, GROUP);
        return at + GROUP;
    }
    int bits = 2 * mode, each = 8 / bits, top = (1 << bits) - 1;
    i64 literal = at + GROUP / each;  // what does not fit follows in full
    for (i64 n = 0; n < GROUP; n++) {
        out[at + n / each] |= u8(least<int>(deltas[n], top) << (8 - bits - n % each * bits));
        if (deltas[n] >= top) out[literal++] = deltas[n];
    }
    return literal;
}

// The last sixteen of something: vertices, or edges between two of them.
struct Recent {
    static constexpr i64 SIZE = 16;
    i64 vertex[SIZE];
    i64 pushed = 0;

    explicit Recent(i64 value) {
        for (i64& v : vertex) v = value;
    }
    void push(i64 v) { vertex[pushed++ % SIZE] = v; }
    // the one pushed before `back` others
    i64 ago(i64 back) const { return vertex[(pushed - 1 - back + SIZE) % SIZE]; }
    // how many were pushed since this one; -1 for one that is not held
    i64 place(i64 v) const {
        for (i64 n = 0; n < SIZE; n++)
            if (ago(n) == v) return n;
        return -1;
    }
};

struct Edges {
    Recent from, to;

    explicit Edges(i64 value) : from(value), to(value) {}
    void push(i64 a, i64 b) {
        from.push(a);
        to.push(b);
    }
};

// How a corner of a face without a known edge is written: 0 the next, 1 to 14 a recent one, 15 in full.
i64 nibble(const Recent& recent, i64 vertex, i64 following) {
    if (vertex == following) return 0;
    i64 place = recent.place(vertex);
    return 0 <= place && place < 14 ? place + 1 : 15;
}

// Append the difference to the last index in groups of seven bits; where it ends.
i64 pack_index(u8* data, i64 at, i64 index, i64 last) {
    i64 value = zigzag(index - last);
    for (; value > 127; value >>= 7) data[at++] = u8((value & 127) | 128);
    data[at++] = u8(value);
    return at;
}

// What a face stream is read from, and what is known so far.
struct Reader {
    Stream stream;
    i64 at;
    Recent recent{0};
    i64 following = 0, last = 0;

    i64 index() {
        i64 value = 0;
        for (int shift = 0;; shift += 7) {
            u8 byte = stream[at++];
            if (shift > 28) stream.broken = true;  // an index has 32 bits
            if (stream.broken) return 0;
            value |= i64(byte & 127) << shift;
            if (byte < 128) break;
        }
        return last += unzigzag(value);
    }

    // A corner of a face without a known edge, as `nibble` writes it; the last one `back` were pushed ago.
    i64 corner(i64 code) {
        if (code == 0) return following++;
        return code < 15 ? recent.ago(code - 1) : index();
    }
};

// (count,) of one byte each from groups of 16, each in one of four modes, which `bits` gives; where they end.
i64 unpack_bytes(Stream& stream, i64 at, const int* bits, i64 count, u8* out) {
    i64 groups = (count + GROUP - 1) / GROUP, header = at;
    at += (groups + 3) / 4;
    for (i64 g = 0; g < groups && !stream.broken; g++) {
        int wide = bits[stream[header + g / 4] >> (g % 4 * 2) & 3];
        i64 literal = at + GROUP * wide / 8;
        for (i64 n = 0; n < GROUP; n++) {
            u8 value = 0;
            if (wide == 8) {
                value = stream[at + n];
            } else if (wide) {
                int each = 8 / wide, top = (1 << wide) - 1, place = int(n % each) * wide;
                // single bits begin with the lowest, the others with the highest
                value = stream[at + n / each] >> (wide == 1 ? place : 8 - wide - place) & top;
                if (value == top) value = stream[literal++];
            }
            if (g * GROUP + n < count) out[g * GROUP + n] = value;
        }
        at = literal;
    }
    return at;
}

// Four bytes of each row, from differences of what they are: bytes, numbers of 16 bits, or bits of 32 that were turned.
template <typename T>
void undo_differences(const u8* parts, i64 count, i64 stride, int turn, bool bitwise, u8* last, u8* rows) {
    for (i64 k = 0; k < 4; k += sizeof(T)) {
        T value = 0;
        for (i64 j = 0; j < i64(sizeof(T)); j++) value |= T(T(last[k + j]) << 8 * j);
        for (i64 n = 0; n < count; n++) {
            T read = 0;
            for (i64 j = 0; j < i64(sizeof(T)); j++) read |= T(T(parts[(k + j) * count + n]) << 8 * j);
            if (bitwise) {
                value ^= T(turn ? read << turn | read >> (32 - turn) : read);
            } else {
                value = T(value + (T(read >> 1) ^ T(-T(read & 1))));
            }
            for (i64 j = 0; j < i64(sizeof(T)); j++) rows[n * stride + k + j] = u8(value >> 8 * j);
        }
        for (i64 j = 0; j < i64(sizeof(T)); j++) last[k + j] = u8(value >> 8 * j);
    }
}

// Attributes as KHR_meshopt_compression has them; false for a broken stream.
bool unpack_rows_1(Stream& stream, i64 count, i64 stride, u8* rows) {
    static const int BITS[] = {0, 1, 2, 4, 8};
    i64 block = block_size(stride), at = 1, channels = stride / 4, tail = stream.size - stride - channels;
    u8 last[WIDEST], channel[WIDEST / 4], control[WIDEST / 4], parts[4 * 256];
    for (i64 k = 0; k < stride; k++) last[k] = stream[tail + k];
    for (i64 k = 0; k < channels; k++) channel[k] = stream[tail + stride + k];
    for (i64 begin = 0; begin < count && !stream.broken; begin += block) {
        i64 size = least(block, count - begin);
        for (i64 k = 0; k < channels; k++) control[k] = stream[at++];
        for (i64 k = 0; k < channels && !stream.broken; k++) {
            for (i64 j = 0; j < 4; j++) {
                int how = control[k] >> 2 * j & 3;
                u8* part = parts + j * size;
                if (how < 2) {
                    at = unpack_bytes(stream, at, BITS + how, size, part);
                } else {
                    for (i64 n = 0; n < size; n++) part[n] = how == 3 ? stream[at + n] : 0;
                    if (how == 3) at += size;
                }
            }
            u8 *from = last + 4 * k, *to = rows + begin * stride + 4 * k;
            switch (channel[k] & 3) {
                case 0: undo_differences<u8>(parts, size, stride, 0, false, from, to); break;
                case 1: undo_differences<u16>(parts, size, stride, 0, false, from, to); break;
                case 2: undo_differences<u32>(parts, size, stride, (32 - (channel[k] >> 4)) & 31, true, from, to); break;
                default: stream.broken = true;
            }
        }
    }
    return !stream.broken;
}

}  // namespace

// The largest stream of so many rows.
API i64 meshopt_rows_bound(i64 count, i64 stride) {
    // at worst every group is stored as it is
    i64 block = block_size(stride), blocks = (count + block - 1) / block;
    return 1 + blocks * stride * (block / GROUP + block / GROUP / 4 + 1) * GROUP + 256;
}

// (count, stride) bytes, stride a multiple of 4 up to 256, as an attribute stream; `out` is zeroed before. Returns its
// length.
API i64 meshopt_pack_rows(const u8* rows, i64 count, i64 stride, u8* out) {
    i64 block = block_size(stride), at = 1;
    out[0] = 0xA0;
    u8 last[WIDEST], deltas[WIDEST];
    memcpy(last, rows, stride);
    for (i64 begin = 0; begin < count; begin += block) {
        i64 size = least(block, count - begin), groups = (size + GROUP - 1) / GROUP;
        for (i64 k = 0; k < stride; k++) {
            memset(deltas, 0, sizeof deltas);
            for (i64 n = 0; n < size; n++) {
                u8 value = rows[(begin + n) * stride + k];
                deltas[n] = zigzag(u8(value - last[k]));
                last[k] = value;
            }
            i64 header = at;
            at += (groups + 3) / 4;
            for (i64 g = 0; g < groups; g++) {
                i64 greatest = 0, over_two = 0, over_four = 0;
                for (i64 n = g * GROUP; n < (g + 1) * GROUP; n++) {
                    greatest = most<i64>(greatest, deltas[n]);
                    over_two += deltas[n] >= 3;
                    over_four += deltas[n] >= 15;
                }
                int mode = 3;
                i64 bytes = 16;
                if (8 + over_four < bytes) {
                    mode = 2;
                    bytes = 8 + over_four;
                }
                if (4 + over_two < bytes) mode = 1;
                if (greatest == 0) mode = 0;
                out[header + g / 4] |= u8(mode << (g % 4 * 2));
                at = pack_group(deltas + g * GROUP, mode, out, at);
            }
        }
    }
    i64 tail = most(stride, TAIL);
    memcpy(out + at + tail - stride, rows, stride);
    return at + tail;
}

// The (count, stride) bytes of an attribute stream; false for a broken one.
API i64 meshopt_unpack_rows(const u8* data, i64 length, i64 count, i64 stride, u8* rows) {
    Stream stream{data, length};
    if (stream[0] == 0xA1) return unpack_rows_1(stream, count, stride, rows);
    i64 block = block_size(stride), at = 1;
    u8 last[WIDEST];
    for (i64 k = 0; k < stride; k++) last[k] = stream[length - stride + k];
    for (i64 begin = 0; begin < count && !stream.broken; begin += block) {
        i64 size = least(block, count - begin), groups = (size + GROUP - 1) / GROUP;
        for (i64 k = 0; k < stride; k++) {
            i64 header = at;
            at += (groups + 3) / 4;
            u8 value = last[k];
            for (i64 g = 0; g < groups; g++) {
                int mode = stream[header + g / 4] >> (g % 4 * 2) & 3;
                int bits = mode < 3 ? 2 * mode : 8;
                i64 literal = at + GROUP * bits / 8;
                for (i64 n = 0; n < GROUP; n++) {
                    u8 delta = 0;
                    if (mode == 3) {
                        delta = stream[at + n];
                    } else if (mode) {
                        int each = 8 / bits, top = (1 << bits) - 1;
                        delta = stream[at + n / each] >> (8 - bits - n % each * bits) & top;
                        if (delta == top) delta = stream[literal++];
                    }
                    value = u8(value + unzigzag(delta));
                    if (g * GROUP + n < size) rows[(begin + g * GROUP + n) * stride + k] = value;
                }
                at = literal;
            }
            last[k] = rows[(begin + size - 1) * stride + k];
        }
    }
    return !stream.broken;
}

// (count, 3) faces as codes (count,) and data (1 + 16 count,) of a triangle stream; returns the length of the data.
//
// codes: of each pair of nibbles its short code or -1; wanted (256,), zeroed before: how often each began a face without
// a known edge
API i64 meshopt_pack_faces(const i64 (*faces)[3], i64 count, const i64* codes, u8* code, u8* data, i64* wanted) {
    Edges edges(-1);
    Recent recent(-1);
    i64 at = 0, following = 0, last = 0;
    auto write_index = [&](i64 index) {
        at = pack_index(data, at, index, last);
        last = index;
    };
    for (i64 f = 0; f < count; f++) {
        i64 a = faces[f][0], b = faces[f][1], c = faces[f][2], known = -1;
        for (i64 n = 0; n < Recent::SIZE - 1 && known < 0; n++) {
            i64 from = edges.from.ago(n), to = edges.to.ago(n), first = a;
            if (from < 0) break;
            if (from == a && to == b) {
                known = n;
            } else if (from == b && to == c) {
                a = b;
                b = c;
                c = first;
                known = n;
            } else if (from == c && to == a) {
                a = c;
                c = b;
                b = first;
                known = n;
            }
        }
        bool push = true;  // the last corner, unless it is one of the recent
        if (known >= 0) {
            i64 place = recent.place(c), low = 15;
            if (c == following) {
                low = 0;
                following++;
            } else if (0 < place && place < 13) {
                low = place;
                push = false;
            } else if (c == last - 1) {
                low = 13;
                last = c;
            } else if (c == last + 1) {
                low = 14;
                last = c;
            } else {
                write_index(c);
            }
            code[f] = u8(known << 4 | low);
        } else {
            i64 first = a;
            if (b == following) {
                a = b;
                b = c;
                c = first;
            } else if (c == following) {
                a = c;
                c = b;
                b = first;
            }
            bool fresh = a == following;
            following += fresh;
            i64 high = nibble(recent, b, following);
            following += high == 0;
            i64 low = nibble(recent, c, following);
            following += low == 0;
            i64 pair = high << 4 | low;
            if (fresh && high < 15 && low < 15) wanted[pair]++;
            if (fresh && codes[pair] >= 0) {
                code[f] = u8(0xF0 | codes[pair]);
            } else {
                code[f] = fresh ? 0xFE : 0xFF;
                data[at++] = u8(pair);
                if (!fresh) write_index(a);
                if (high == 15) write_index(b);
                if (low == 15) write_index(c);
            }
            edges.push(b, a);
            recent.push(a);
            if (high == 0 || high == 15) recent.push(b);
            push = low == 0 || low == 15;
        }
        if (push) recent.push(c);
        edges.push(c, b);
        edges.push(a, c);
    }
    return at;
}

// The (count, 3) faces of a triangle stream; false for a broken one.
API i64 meshopt_unpack_faces(const u8* data, i64 length, i64 count, Face* faces) {
    Reader reader{{data, length}, 1 + count};
    Stream& stream = reader.stream;
    Edges edges(0);
    u8 table[16];
    for (i64 n = 0; n < 16; n++) table[n] = stream[length - 16 + n];
    for (i64 f = 0; f < count && !stream.broken; f++) {
        u8 code = stream[1 + f];
        i64 high = code >> 4, low = code & 15, a, b, c;
        bool push = true;
        if (high < 15) {
            a = edges.from.ago(high);
            b = edges.to.ago(high);
            if (low == 0) {
                c = reader.following++;
            } else if (low < 13) {
                c = reader.recent.ago(low);
                push = false;
            } else if (low < 15) {
                c = reader.last += 2 * low - 27;
            } else {
                c = reader.index();
            }
        } else {
            bool fresh = low < 15;
            i64 pair = table[low];
            if (low >= 14) {
                pair = stream[reader.at++];
                if (pair == 0) reader.following = 0;
            }
            high = pair >> 4;
            low = pair & 15;
            a = reader.corner(fresh ? 0 : 15);
            b = reader.corner(high);
            c = reader.corner(low);
            edges.push(b, a);
            reader.recent.push(a);
            if (high == 0 || high == 15) reader.recent.push(b);
            push = low == 0 || low == 15;
        }
        if (push) reader.recent.push(c);
        edges.push(c, b);
        edges.push(a, c);
        faces[f][0] = i32(a);
        faces[f][1] = i32(b);
        faces[f][2] = i32(c);
    }
    return !stream.broken;
}
