/* The kernels for vectors V of LANES floats, of which the processor holds REGISTERS; native.c includes this twice. */

typedef float NAME(loose) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define AT(p) (*(NAME(loose) *)(p))
#define READ(p) ((V) * (const NAME(loose) *)(p))
#define UNROLL _Pragma("GCC unroll 32")
#define BYTES (LANES / 8)

typedef __typeof__(NAME(larger)((V){0}, (V){0})) NAME(Which);

/* What becomes of a pointwise convolution's sums: a ReLU6, the mask of one, or nothing. */
enum { NAME(BOUNDED), NAME(MASKED), NAME(PLAIN) };

typedef struct {
    float *y;
    const float *bias;  /* padded to whole vectors, or NULL */
    const float *added; /* like y, or NULL */
    uint8_t *open;      /* a bit for each number, or NULL */
    int channels, vectors; /* of a pixel of y, of open */
} NAME(Target);

/* y = x w for M pixels, `step` floats apart, and N vectors of channels from `vector` on; the sums stay in registers. */
INLINE void NAME(tile)(const int M, const int N, const int kind, const float *x, int step, int before, const float *w,
                       int vector, const NAME(Target) * to) {
    V sum[24];
    const int first = vector * LANES;
    UNROLL for (int n = 0; n < N; n++) {
        const V start = to->bias ? READ(to->bias + first + n * LANES) : (V){0};
        UNROLL for (int m = 0; m < M; m++) sum[m * N + n] = start;
    }
    /* Of twelve pixels' addresses only every fourth is in a register of its own: there are no more. */
    const float *at[3] = {x, x + 4 * (int64_t)step, x + 8 * (int64_t)step};
    const int64_t one_step = step, three_steps = 3 * one_step;
    for (int k = 0; k < before; k++, w += N * LANES) {
        V row[3];
        UNROLL for (int n = 0; n < N; n++) row[n] = READ(w + n * LANES);
        UNROLL for (int m = 0; m < M; m++) {
            const float *from = at[m / 4];
            const float value = m % 4 == 3 ? from[three_steps] : from[m % 4 * one_step];
            UNROLL for (int n = 0; n < N; n++) sum[m * N + n] += value * row[n];
        }
        UNROLL for (int i = 0; i < 3; i++) at[i]++;
        __asm__("" : "+r"(at[0]), "+r"(at[1]), "+r"(at[2]));
    }
    UNROLL for (int m = 0; m < M; m++) {
        UNROLL for (int n = 0; n < N; n++) {
            const int64_t place = (int64_t)m * to->channels + first + n * LANES;
            uint8_t *open = to->open ? to->open + ((int64_t)m * to->vectors + vector + n) * BYTES : 0;
            const int left = to->channels - first - n * LANES;
            V one = sum[m * N + n];
            if (kind == NAME(BOUNDED)) {
                one = NAME(bounded)(one);
                if (open) NAME(write_open)(open, one);
                AT(to->y + place) = one;
            } else if (kind == NAME(MASKED)) {
                AT(to->y + place) = NAME(masked)(one, open);
            } else if (left >= LANES) {
                if (to->added) one += READ(to->added + place);
                AT(to->y + place) = one;
            } else {
                if (to->added) one += NAME(read_some)(to->added + place, left);
                NAME(write_some)(to->y + place, one, left);
            }
        }
    }
}

/* As many tiles of at most M pixels as it takes, all nearly equal. */
INLINE void NAME(tiles)(const int M, const int N, const int kind, int pixels, const float *x, int step, int before,
                        const float *w, int vector, NAME(Target) to) {
    for (int tiles = divided(pixels, M); tiles; tiles--) {
        const int m = divided(pixels, tiles);
        switch (m) {
#define CASE(m) \
    case m: if (m <= M) NAME(tile)(m, N, kind, x, step, before, w, vector, &to); break;
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#undef CASE
        }
        pixels -= m;
        x += m * step;
        to.y += (int64_t)m * to.channels;
        if (to.added) to.added += (int64_t)m * to.channels;
        if (to.open) to.open += (int64_t)m * to.vectors * BYTES;
    }
}

/* A 1x1 convolution of pixels in a row. w: panels of 3 vectors of channels, the last of 3, 2 or 1; each (before, ..). */
#define POINTWISE(name, kind)                                                                                    \
    static __attribute__((noinline)) void NAME(name)(int pixels, const float *x, int step, int before,           \
                                                     const float *w, int vectors, NAME(Target) to) {             \
        int vector = 0;                                                                                          \
        for (; vectors - vector >= 3; vector += 3, w += 3 * LANES * before)                                      \
            NAME(tiles)(REGISTERS / 4, 3, NAME(kind), pixels, x, step, before, w, vector, to);                   \
        if (vectors - vector == 2)                                                                               \
            NAME(tiles)(3 * REGISTERS / 8, 2, NAME(kind), pixels, x, step, before, w, vector, to);               \
        if (vectors - vector == 1)                                                                               \
            NAME(tiles)(3 * REGISTERS / 8, 1, NAME(kind), pixels, x, step, before, w, vector, to);               \
    }
POINTWISE(pointwise_bounded, BOUNDED)
POINTWISE(pointwise_masked, MASKED)
POINTWISE(pointwise_plain, PLAIN)
#undef POINTWISE

/* P filtered pixels of one vector of channels: rows[u] is where the window of the first one begins in its u-th row. */
INLINE void NAME(window)(const int P, const int kernel, const int stride, const int transposed,
                         const float *const *rows, const Block *b, int c, float *y, uint8_t *open) {
    const int wide = b->wide, vectors = wide / LANES;
    V sum[8];
    const V start = b->filter_bias ? READ(b->filter_bias + c) : (V){0};
    UNROLL for (int i = 0; i < P; i++) sum[i] = start;
    for (int u = 0; u < kernel; u++) {
        if (!rows[u]) continue; /* beyond the picture */
        const float *row = rows[u] + c;
        UNROLL for (int v = 0; v < kernel; v++) {
            const V weight = READ(b->filter + (u * kernel + v) * wide + c);
            UNROLL for (int i = 0; i < P; i++) sum[i] += weight * READ(row + (i * stride + v) * wide);
        }
    }
    UNROLL for (int i = 0; i < P; i++) {
        uint8_t *bits = open ? open + (i * vectors + c / LANES) * BYTES : 0;
        V one = transposed ? sum[i] : NAME(bounded)(sum[i]);
        if (bits && transposed) one = NAME(masked)(one, bits);
        if (bits && !transposed) NAME(write_open)(bits, one);
        AT(y + i * wide + c) = one;
    }
}

/* The same back through stride 2: P pixels of one parity, every second one. They read consecutive columns, and of the
 * kernel's columns only the even or only the odd ones. */
INLINE void NAME(phase)(const int P, const int kernel, const int odd, const float *const *rows, const Block *b, int c,
                        float *y, const uint8_t *open) {
    const int wide = b->wide, vectors = wide / LANES;
    V sum[4];
    UNROLL for (int i = 0; i < P; i++) sum[i] = (V){0};
    for (int u = 0; u < kernel; u++) {
        if (!rows[u]) continue;
        const float *row = rows[u] + c;
        UNROLL for (int j = 0; 2 * j + odd < kernel; j++) {
            const V weight = READ(b->filter + (u * kernel + 2 * j + odd) * wide + c);
            UNROLL for (int i = 0; i < P; i++) sum[i] += weight * READ(row + (i - j) * wide);
        }
    }
    UNROLL for (int i = 0; i < P; i++) {
        V one = sum[i];
        if (open) one = NAME(masked)(one, open + (2 * i * vectors + c / LANES) * BYTES);
        AT(y + 2 * i * wide + c) = one;
    }
}

/* `pixels` filtered ones from `column` on, to y (pixels, wide); a row of the ring begins with column `low`. */
typedef void NAME(Filter)(const Block *b, int pixels, int column, const float *const *rows, int low, float *y,
                          uint8_t *open);

#define EACH_VECTOR for (int c = 0; c < b->wide; c += LANES)
#define WINDOWS(kernel, stride, transposed)                                                                          \
    static __attribute__((noinline)) void NAME(windows_##kernel##stride##transposed)(                                \
        const Block *b, int pixels, int column, const float *const *rows, int low, float *y, uint8_t *open) {        \
        const float *at[kernel];                                                                                     \
        for (int x = 0, P; x < pixels; x += P) {                                                                     \
            const int64_t from = (int64_t)((column + x) * stride - b->pad - low) * b->wide;                          \
            for (int u = 0; u < kernel; u++) at[u] = rows[u] ? rows[u] + from : 0;                                   \
            float *to = y + x * b->wide;                                                                             \
            uint8_t *bits = open ? open + x * b->wide / 8 : 0;                                                       \
            P = pixels - x >= 8 ? 8 : pixels - x >= 4 ? 4 : 1;                                                       \
            if (P == 8) EACH_VECTOR NAME(window)(8, kernel, stride, transposed, at, b, c, to, bits);                 \
            else if (P == 4) EACH_VECTOR NAME(window)(4, kernel, stride, transposed, at, b, c, to, bits);            \
            else EACH_VECTOR NAME(window)(1, kernel, stride, transposed, at, b, c, to, bits);                        \
        }                                                                                                            \
    }
#define PHASES(kernel)                                                                                               \
    static __attribute__((noinline)) void NAME(phases_##kernel)(                                                     \
        const Block *b, int pixels, int column, const float *const *rows, int low, float *y, uint8_t *open) {        \
        const float *at[kernel];                                                                                     \
        for (int odd = 0; odd < 2; odd++)                                                                            \
            for (int x = (column + b->pad + odd) & 1, P; x < pixels; x += 2 * P) {                                   \
                const int64_t from = (int64_t)((column + x + b->pad - odd) / 2 - low) * b->wide;                     \
                for (int u = 0; u < kernel; u++) at[u] = rows[u] ? rows[u] + from : 0;                               \
                float *to = y + x * b->wide;                                                                         \
                const uint8_t *bits = open ? open + x * b->wide / 8 : 0;                                             \
                P = pixels - x >= 7 ? 4 : 1;                                                                         \
                if (P == 4 && odd) EACH_VECTOR NAME(phase)(4, kernel, 1, at, b, c, to, bits);                        \
                else if (P == 4) EACH_VECTOR NAME(phase)(4, kernel, 0, at, b, c, to, bits);                          \
                else if (odd) EACH_VECTOR NAME(phase)(1, kernel, 1, at, b, c, to, bits);                             \
                else EACH_VECTOR NAME(phase)(1, kernel, 0, at, b, c, to, bits);                                      \
            }                                                                                                        \
    }
WINDOWS(3, 1, 0) WINDOWS(3, 2, 0) WINDOWS(5, 1, 0) WINDOWS(5, 2, 0) WINDOWS(3, 1, 1) WINDOWS(5, 1, 1)
PHASES(3) PHASES(5)
#undef EACH_VECTOR
#undef WINDOWS
#undef PHASES

static NAME(Filter) * NAME(filter_of)(const Block *b) {
    static NAME(Filter) *const all[2][2][2] = {
        {{NAME(windows_310), NAME(windows_311)}, {NAME(windows_320), NAME(phases_3)}},
        {{NAME(windows_510), NAME(windows_511)}, {NAME(windows_520), NAME(phases_5)}},
    };
    return all[b->kernel == 5][b->stride == 2][b->transposed];
}

/* One rectangle of one picture's output. */
static void NAME(rectangle)(const Block *b, int picture, int top, int bottom, int left, int right) {
    const int kernel = b->kernel, pad = b->pad, wide = b->wide, vectors = wide / LANES;
    const int back = b->transposed && b->stride == 2; /* two rows of output for each of input */
    NAME(Filter) *filter = NAME(filter_of)(b);
    const int low = back ? halved(left + pad - kernel + 2) : left * b->stride - pad;
    const int high = back ? (right - 1 + pad) / 2 + 1 : (right - 1) * b->stride - pad + kernel;
    const int from = most(low, 0), to = least(high, b->columns_in);
    const int64_t line = (int64_t)(high - low) * wide;
    float *ring = scratch(kernel * line + CHUNK * wide), *chunk = ring + kernel * line;
    for (int slot = 0; slot < kernel; slot++) {
        memset(ring + slot * line, 0, 4 * (int64_t)(from - low) * wide);
        memset(ring + slot * line + (int64_t)(to - low) * wide, 0, 4 * (int64_t)(high - to) * wide);
    }
    int next = most(back ? halved(top + pad - kernel + 2) : top * b->stride - pad, 0);
    for (int row = top; row < bottom; row++) {
        const int last = back ? (row + pad) / 2 : row * b->stride - pad + kernel - 1;
        for (; next <= last && next < b->rows_in; next++) {
            /* Neighboring rectangles write the same bits where they overlap. */
            const int64_t pixel = ((int64_t)picture * b->rows_in + next) * b->columns_in + from;
            const float *x = b->x + pixel * b->before;
            float *y = ring + next % kernel * line + (int64_t)(from - low) * wide;
            uint8_t *open = b->open_in ? b->open_in + pixel * vectors * BYTES : 0;
            const NAME(Target) target = {y, b->first_bias, 0, open, wide, vectors};
            if (!b->first) memcpy(y, x, 4 * (int64_t)(to - from) * wide);
            else if (b->transposed) NAME(pointwise_masked)(to - from, x, b->before, b->before, b->first, vectors, target);
            else NAME(pointwise_bounded)(to - from, x, b->before, b->before, b->first, vectors, target);
        }
        const float *rows[5];
        for (int u = 0; u < kernel; u++) {
            const int t = back ? row + pad - u : row * b->stride - pad + u, source = back ? t / 2 : t;
            const int there = t >= 0 && source < b->rows_in && !(back && t % 2);
            rows[u] = there ? ring + source % kernel * line : 0;
        }
        for (int column = left; column < right; column += CHUNK) {
            const int pixels = least(right - column, CHUNK);
            const int64_t pixel = ((int64_t)picture * b->rows_out + row) * b->columns_out + column;
            uint8_t *open = b->open_out ? b->open_out + pixel * vectors * BYTES : 0;
            float *y = b->y + pixel * b->after;
            filter(b, pixels, column, rows, low, b->second ? chunk : y, open);
            if (!b->second) continue;
            const float *added = b->added ? b->added + pixel * b->after : 0;
            const NAME(Target) target = {y, b->second_bias, added, 0, b->after, 0};
            NAME(pointwise_plain)(pixels, chunk, wide, wide, b->second, divided(b->after, LANES), target);
        }
    }
}

/* From rows `top` to `bottom` of neighborhoods the pixels of one picture. */
static void NAME(stem)(const Stem *s, int picture, int top, int bottom) {
    const int before = s->before, stride = s->stride, phases = stride * stride * s->colors;
    const int vectors = divided(phases, LANES), across = divided(s->columns_out, stride);
    const int low = s->first_column, high = across + s->first_column + s->columns - 1;
    const int from = most(low, 0), end = least(high, s->columns_in);
    const int64_t line = (int64_t)(high - low) * before, panel = (int64_t)s->columns * before * vectors * LANES;
    float *ring = scratch(s->rows * line + (int64_t)across * phases), *found = ring + s->rows * line;
    for (int slot = 0; slot < s->rows; slot++) {
        memset(ring + slot * line, 0, 4 * (int64_t)(from - low) * before);
        memset(ring + slot * line + (int64_t)(end - low) * before, 0, 4 * (int64_t)(high - end) * before);
    }
    int next = most(top + s->first_row, 0);
    for (int row = top; row < bottom; row++) {
        for (; next < least(row + s->first_row + s->rows, s->rows_in); next++) {
            const int64_t begin = (((int64_t)picture * s->rows_in + next) * s->columns_in + from) * before;
            float *slot = ring + next % s->rows * line + (int64_t)(from - low) * before;
            const int64_t count = (int64_t)(end - from) * before;
            if (!s->result) memcpy(slot, s->x + begin, 4 * count);
            else for (int64_t i = 0; i < count; i += LANES)
                AT(slot + i) = NAME(masked_by)(READ(s->x + begin + i), READ(s->result + begin + i));
        }
        NAME(Target) target = {found, 0, 0, 0, phases, 0};
        for (int u = 0; u < s->rows; u++) {
            const int source = row + s->first_row + u;
            if (source < 0 || source >= s->rows_in) continue;
            const float *x = ring + source % s->rows * line;
            NAME(pointwise_plain)(across, x, before, s->columns * before, s->kernel + u * panel, vectors, target);
            target.added = found;
        }
        if (!target.added) memset(found, 0, 4 * (int64_t)across * phases);
        for (int down = 0; down < least(stride, s->rows_out - row * stride); down++) {
            float *y = s->y + ((int64_t)picture * s->rows_out + row * stride + down) * s->columns_out * s->colors;
            for (int column = 0; column < across; column++) {
                const int count = least(stride, s->columns_out - column * stride) * s->colors;
                const float *one = found + (int64_t)column * phases + down * stride * s->colors;
                float *to = y + (int64_t)column * stride * s->colors;
                for (int i = 0; i < count; i += LANES) {
                    const int some = least(count - i, LANES);
                    NAME(write_some)(to + i, NAME(read_some)(one + i, some), some);
                }
            }
        }
    }
}

/* What a pooled pixel is made of, or where a pixel's gradient comes from: `count` neighbors from `from` on, the places
 * that they have in the window. */
typedef struct {
    int64_t from[255];
    int place[255];
    int count;
} NAME(Neighbors);

INLINE void NAME(pooled)(const int count, const NAME(Neighbors) * n, const Pool *p, float *y, uint8_t *places) {
    for (int c = 0; c < p->channels; c += LANES) {
        V most_yet = NAME(constant)(0xff800000), place = NAME(constant)(n->place[0]);
        UNROLL for (int i = 0; i < count; i++) {
            const V one = READ(p->x + n->from[i] + c);
            const NAME(Which) more = NAME(larger)(one, most_yet);
            most_yet = NAME(chosen)(more, one, most_yet);
            place = NAME(chosen)(more, NAME(constant)(n->place[i]), place);
        }
        AT(y + c) = most_yet;
        if (places) NAME(write_places)(places + c, place);
    }
}

INLINE void NAME(gathered)(const int count, const NAME(Neighbors) * n, const Pool *p, float *y) {
    for (int c = 0; c < p->channels; c += LANES) {
        V sum = {0};
        UNROLL for (int i = 0; i < count; i++) {
            const int64_t at = n->from[i] + c;
            sum += NAME(where)(p->place + at, n->place[i], READ(p->x + at));
        }
        AT(y + c) = sum;
    }
}

/* A row of pooled pixels of one picture. */
static void NAME(pool)(const Pool *p, int picture, int row) {
    const int top = row * p->stride - p->pad, bottom = least(top + p->kernel, p->rows_in);
    for (int column = 0; column < p->columns_out; column++) {
        const int left = column * p->stride - p->pad, right = least(left + p->kernel, p->columns_in);
        NAME(Neighbors) n;
        n.count = 0;
        for (int y = most(top, 0); y < bottom; y++)
            for (int x = most(left, 0); x < right; x++, n.count++) {
                n.from[n.count] = (((int64_t)picture * p->rows_in + y) * p->columns_in + x) * p->channels;
                n.place[n.count] = (y - top) * p->kernel + x - left;
            }
        const int64_t to = (((int64_t)picture * p->rows_out + row) * p->columns_out + column) * p->channels;
        uint8_t *places = p->place ? p->place + to : 0;
        if (n.count == 9) NAME(pooled)(9, &n, p, p->y + to, places);
        else NAME(pooled)(n.count, &n, p, p->y + to, places);
    }
}

/* A row of the gradient of what was pooled: from every window that a pixel lies in, if it was its maximum. */
static void NAME(pull_back_pool)(const Pool *p, int picture, int row) {
    const int stride = p->stride, reach = p->pad - p->kernel + 1;
    const int top = most(divided(row + reach, stride), 0), bottom = least((row + p->pad) / stride, p->rows_in - 1);
    for (int column = 0; column < p->columns_out; column++) {
        const int left = most(divided(column + reach, stride), 0);
        const int right = least((column + p->pad) / stride, p->columns_in - 1);
        NAME(Neighbors) n;
        n.count = 0;
        for (int y = top; y <= bottom; y++)
            for (int x = left; x <= right; x++, n.count++) {
                n.from[n.count] = (((int64_t)picture * p->rows_in + y) * p->columns_in + x) * p->channels;
                n.place[n.count] = (row + p->pad - y * stride) * p->kernel + column + p->pad - x * stride;
            }
        float *y = p->y + (((int64_t)picture * p->rows_out + row) * p->columns_out + column) * p->channels;
        switch (n.count) {
            case 9: NAME(gathered)(9, &n, p, y); break;
            case 4: NAME(gathered)(4, &n, p, y); break;
            case 2: NAME(gathered)(2, &n, p, y); break;
            case 1: NAME(gathered)(1, &n, p, y); break;
            default: NAME(gathered)(n.count, &n, p, y);
        }
    }
}

/* R rows of the output from column 0 on; lines[j] is the padded j-th row that they are made from. */
INLINE void NAME(filter_rows)(const int R, const Filter *f, const float *const *lines, float *const *y) {
    const int columns = f->kernel_columns, N = 3;
    for (int x = 0; x < f->columns_out; x += N * LANES) {
        V sum[12];
        UNROLL for (int i = 0; i < R * N; i++) sum[i] = (V){0};
        for (int j = 0; j < f->kernel_rows + R - 1; j++) {
            const float *kernel = f->kernel + (j + 3) * columns, *line = lines[j] + x;
            for (int v = 0; v < columns; v++) {
                V one[3];
                UNROLL for (int n = 0; n < N; n++) one[n] = READ(line + v + n * LANES);
                UNROLL for (int i = 0; i < R; i++) {
                    const float weight = kernel[v - i * columns];
                    UNROLL for (int n = 0; n < N; n++) sum[i * N + n] += weight * one[n];
                }
            }
        }
        UNROLL for (int i = 0; i < R; i++) {
            UNROLL for (int n = 0; n < N; n++) {
                const int left = f->columns_out - x - n * LANES;
                if (!y[i] || left <= 0) continue;
                if (left >= LANES) AT(y[i] + x + n * LANES) = sum[i * N + n];
                else NAME(write_some)(y[i] + x + n * LANES, sum[i * N + n], left);
            }
        }
    }
}

/* Some rows of one plane, four at a time where the kernel is high enough to be worth it. */
static void NAME(filter)(const Filter *f, int plane, int top, int bottom) {
    const int at_once = f->kernel_rows >= 4 ? 4 : 1, slots = f->kernel_rows + at_once - 1;
    const int down = f->kernel_rows / 2, right = f->kernel_columns / 2, width = f->columns_in;
    const int64_t line = width + 2 * right + 3 * LANES;
    const float *x = f->x + (int64_t)plane * f->rows_in * width;
    float *ring = scratch(slots * line);
    const float *lines[255];
    int next = top - down;
    for (int row = top; row < bottom; row += at_once) {
        for (; next < row + down + at_once; next++) {
            const float *from = x + (int64_t)inside(least(next, f->rows_in - 1 + down), f->rows_in, f->reflect) * width;
            float *to = ring + (next + down) % slots * line;
            memcpy(to + right, from, 4 * (int64_t)width);
            for (int i = 1; i <= right; i++) {
                to[right - i] = from[inside(-i, width, f->reflect)];
                to[right + width - 1 + i] = from[inside(width - 1 + i, width, f->reflect)];
            }
        }
        float *y[4];
        for (int i = 0; i < 4; i++)
            y[i] = row + i < bottom ? f->y + ((int64_t)plane * f->rows_out + row + i) * f->columns_out : 0;
        for (int j = 0; j < slots; j++) lines[j] = ring + (row + j) % slots * line;
        if (at_once == 4) NAME(filter_rows)(4, f, lines, y);
        else NAME(filter_rows)(1, f, lines, y);
    }
}

static void NAME(sums)(const Sums *s, int picture, int piece) {
    const int64_t pixels = (int64_t)s->rows_in * s->columns_in, from = (int64_t)piece * PIECE;
    const float *r = s->x + picture * 3 * pixels + from, *g = r + pixels, *b = g + pixels;
    const int count = pixels - from < PIECE ? (int)(pixels - from) : PIECE;
    V sum[9] = {{0}};
    for (int i = 0; i < count; i += LANES) {
        const int left = count - i;
        const V x = left < LANES ? NAME(read_some)(r + i, left) : READ(r + i);
        const V y = left < LANES ? NAME(read_some)(g + i, left) : READ(g + i);
        const V z = left < LANES ? NAME(read_some)(b + i, left) : READ(b + i);
        sum[0] += x * x, sum[1] += x * y, sum[2] += x * z, sum[3] += y * y, sum[4] += y * z, sum[5] += z * z;
        sum[6] += x, sum[7] += y, sum[8] += z;
    }
    for (int i = 0; i < 9; i++) {
        double total = 0;
        for (int lane = 0; lane < LANES; lane++) total += sum[i][lane];
        s->y[((int64_t)picture * s->pieces + piece) * 9 + i] = total;
    }
}

#undef AT
#undef READ
#undef UNROLL
#undef BYTES
