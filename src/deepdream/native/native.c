/* What torch's operations do slowly for one picture on a processor, forward or back.
 *
 * A whole block of a network in one pass over memory: 1x1 convolution, depthwise one, 1x1 convolution. Only rows that the
 * depthwise windows need are made at a time, in a ring that stays in the processor's second-level cache, and of what is
 * filtered only a few pixels, which go on from the first-level cache. Of the wide part nothing is written to memory but
 * one bit for each number: whether its ReLU6 was open. Further the way back through a stem, and pooling by the maximum,
 * for which torch uses one thread for each picture.
 *
 * models/native.py calls it; without this library torch's own operations compute the same.
 * Built for x86-64 by a compiler that knows GNU C; elsewhere the build is skipped. It is not linked to an OpenMP of its
 * own: torch's, loaded before, gives the threads.
 */

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Counts up whenever a structure or what it means changes; native.py refuses a library of another number. */
#define VERSION 1
/* Pixels that are filtered before they go on. */
#define CHUNK 24
/* Bytes of a ring; where columns are more, they are cut into panels. */
#define RING 160000
/* Pixels that are summed up in single precision. */
#define PIECE 16384

/* Shapes as the pass goes: from (rows_in, columns_in, before) over (.., wide) to (rows_out, columns_out, after). */
typedef struct {
    const float *x;
    const float *first, *first_bias;   /* panels; NULL where the block does not widen */
    const float *filter, *filter_bias; /* (kernel, kernel, wide) */
    const float *second, *second_bias; /* panels; NULL where the pass ends behind the filter */
    const float *added;                /* like y, or NULL */
    float *y;
    uint8_t *open_in, *open_out; /* a bit for each number, before and behind the filter; written forward, read back */
    int32_t pictures, rows_in, columns_in, rows_out, columns_out;
    int32_t before, wide, after;
    int32_t kernel, stride, pad;
    int32_t transposed; /* 1: the way back */
    int32_t threads;
} Block;

/* The way back through a strided convolution of few channels: `rows` x `columns` neighbors of the gradient give
 * `stride` x `stride` pixels of `colors`. */
typedef struct {
    const float *x;        /* the gradient: (pictures, rows_in, columns_in, before) */
    const float *result;   /* like it, or NULL: what a ReLU6 behind the convolution gave */
    const float *kernel;   /* for each row of neighbors a panel (columns * before, stride * stride * colors) */
    float *y;              /* (pictures, rows_out, columns_out, colors) */
    int32_t pictures, rows_in, columns_in, rows_out, columns_out;
    int32_t before, colors, stride;
    int32_t first_row, rows, first_column, columns; /* of the neighbors */
    int32_t threads;
} Stem;

/* Pooling by the maximum: of a window the place of its first maximum is kept, row by row. */
typedef struct {
    const float *x; /* forward (pictures, rows_in, columns_in, channels); back the gradient */
    float *y;
    uint8_t *place; /* like what is pooled; NULL forward: not wanted */
    int32_t pictures, rows_in, columns_in, rows_out, columns_out;
    int32_t channels, kernel, stride, pad;
    int32_t threads;
} Pool;

/* Planes, each convolved with one kernel of odd sides; beyond its borders a plane is reflected, or its border repeated. */
typedef struct {
    const float *x;
    float *y;
    const float *kernel; /* (kernel_rows + 6, kernel_columns): three rows of zeros above and below */
    int32_t pictures, rows_in, columns_in, rows_out, columns_out;
    int32_t kernel_rows, kernel_columns, reflect;
    int32_t threads;
} Filter;

/* Sums over the pixels of three planes, in pieces. */
typedef struct {
    const float *x; /* (pictures, 3, rows_in, columns_in) */
    double *y;      /* (pictures, pieces of PIECE pixels, 9): rr, rg, rb, gg, gb, bb, r, g, b */
    int32_t pictures, rows_in, columns_in, rows_out, columns_out;
    int32_t pieces;
    int32_t threads;
} Sums;

/* At least so many floats that belong to the calling thread; kept from call to call. */
static float *scratch(int64_t floats) {
    static _Thread_local float *kept;
    static _Thread_local int64_t size;
    if (floats > size) {
        free(kept);
        kept = aligned_alloc(64, (4 * floats + 63) / 64 * 64);
        if (!kept) abort();
        size = floats;
    }
    return kept;
}

static int divided(int n, int by) { return (n + by - 1) / by; }
static int halved(int n) { return (n - (n < 0)) / 2; } /* rounded down */
static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

/* The place in a plane of `side` numbers that stands for `at`, which may lie beyond it. */
static int inside(int at, int side, int reflect) {
    if (reflect) return at < 0 ? -at : at >= side ? 2 * side - 2 - at : at;
    return least(most(at, 0), side - 1);
}

#define INLINE static inline __attribute__((always_inline))

#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
INLINE __m512 bounded_16(__m512 v) {
    return _mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), _mm512_set1_ps(6));
}
INLINE __mmask16 open_16(__m512 v) {
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ), v, _mm512_set1_ps(6),
                                   _CMP_LT_OQ);
}
INLINE void write_open_16(uint8_t *to, __m512 v) { *(uint16_t *)to = open_16(v); }
INLINE __m512 masked_16(__m512 v, const uint8_t *open) { return _mm512_maskz_mov_ps(*(const uint16_t *)open, v); }
INLINE __m512 masked_by_16(__m512 v, __m512 result) { return _mm512_maskz_mov_ps(open_16(result), v); }
INLINE __m512 read_some_16(const float *from, int count) { return _mm512_maskz_loadu_ps((1u << count) - 1, from); }
INLINE __mmask16 larger_16(__m512 v, __m512 than) { /* as torch compares: a NaN wins */
    return _mm512_cmp_ps_mask(v, than, _CMP_GT_OQ) | _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
}
INLINE __m512 chosen_16(__mmask16 which, __m512 v, __m512 otherwise) {
    return _mm512_mask_mov_ps(otherwise, which, v);
}
INLINE __m512 constant_16(int n) { return _mm512_castsi512_ps(_mm512_set1_epi32(n)); }
INLINE void write_places_16(uint8_t *to, __m512 v) {
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(_mm512_castps_si512(v)));
}
INLINE __m512 where_16(const uint8_t *places, int place, __m512 v) {
    const __m128i all = _mm_loadu_si128((const __m128i *)places);
    return _mm512_maskz_mov_ps(_mm_cmpeq_epi8_mask(all, _mm_set1_epi8((char)place)), v);
}
INLINE void write_some_16(float *to, __m512 v, int count) { _mm512_mask_storeu_ps(to, (1u << count) - 1, v); }
#define NAME(x) x##_16
#define V __m512
#define LANES 16
#define REGISTERS 32
#include "native.h"
#undef NAME
#undef V
#undef LANES
#undef REGISTERS
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
INLINE __m256 bounded_8(__m256 v) { return _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(6)); }
INLINE __m256 open_8(__m256 v) {
    return _mm256_and_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GT_OQ),
                         _mm256_cmp_ps(v, _mm256_set1_ps(6), _CMP_LT_OQ));
}
INLINE void write_open_8(uint8_t *to, __m256 v) { *to = (uint8_t)_mm256_movemask_ps(open_8(v)); }
INLINE __m256 masked_8(__m256 v, const uint8_t *open) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(*open), bits);
    return _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bits)));
}
INLINE __m256 masked_by_8(__m256 v, __m256 result) { return _mm256_and_ps(v, open_8(result)); }
INLINE __m256i some_8(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE __m256 read_some_8(const float *from, int count) { return _mm256_maskload_ps(from, some_8(count)); }
INLINE __m256 larger_8(__m256 v, __m256 than) {
    return _mm256_or_ps(_mm256_cmp_ps(v, than, _CMP_GT_OQ), _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}
INLINE __m256 chosen_8(__m256 which, __m256 v, __m256 otherwise) { return _mm256_blendv_ps(otherwise, v, which); }
INLINE __m256 constant_8(int n) { return _mm256_castsi256_ps(_mm256_set1_epi32(n)); }
INLINE void write_places_8(uint8_t *to, __m256 v) {
    const __m256i all = _mm256_castps_si256(v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(words, words));
}
INLINE __m256 where_8(const uint8_t *places, int place, __m256 v) {
    const __m256i all = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)places));
    return _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_cmpeq_epi32(all, _mm256_set1_epi32(place))));
}
INLINE void write_some_8(float *to, __m256 v, int count) { _mm256_maskstore_ps(to, some_8(count), v); }
#define NAME(x) x##_8
#define V __m256
#define LANES 8
#define REGISTERS 16
#include "native.h"
#undef NAME
#undef V
#undef LANES
#undef REGISTERS
#pragma GCC pop_options

int32_t version(void) { return VERSION; }

/* Floats in the widest vector that this processor and these kernels have in common: 16, 8 or 0. */
int32_t lanes(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return 16;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 8 : 0;
}

/* Rectangles of the output, several for each thread: panels of columns, strips of rows. */
void run_block(const Block *b, int32_t lanes) {
    const int back = b->transposed && b->stride == 2;
    const int columns = (int)(RING / (4 * (int64_t)b->wide * b->kernel)) * (back ? 2 : 1) / (back ? 1 : b->stride);
    const int panels = divided(b->columns_out, most(columns / CHUNK, 2) * CHUNK);
    const int width = divided(divided(b->columns_out, panels), CHUNK) * CHUNK;
    const int strips = divided(4 * b->threads, b->pictures * panels);
    const int height = most(divided(b->rows_out, strips), 2 * b->kernel); /* a strip's first rows are made twice */
    const int down = divided(b->rows_out, height), across = divided(b->columns_out, width);
#pragma omp parallel for num_threads(b->threads) schedule(dynamic)
    for (int task = 0; task < b->pictures * down * across; task++) {
        const int left = task % across * width, top = task / across % down * height;
        const int right = least(left + width, b->columns_out), bottom = least(top + height, b->rows_out);
        (lanes == 16 ? rectangle_16 : rectangle_8)(b, task / across / down, top, bottom, left, right);
    }
}

void pull_back_stem(const Stem *s, int32_t lanes) {
    const int rows = divided(s->rows_out, s->stride), strips = divided(4 * s->threads, s->pictures);
    const int height = most(divided(rows, strips), 4), down = divided(rows, height);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (int task = 0; task < s->pictures * down; task++) {
        const int top = task % down * height;
        (lanes == 16 ? stem_16 : stem_8)(s, task / down, top, least(top + height, rows));
    }
}

void pool(const Pool *p, int32_t lanes) {
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int task = 0; task < p->pictures * p->rows_out; task++)
        (lanes == 16 ? pool_16 : pool_8)(p, task / p->rows_out, task % p->rows_out);
}

void pull_back_pool(const Pool *p, int32_t lanes) {
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int task = 0; task < p->pictures * p->rows_out; task++)
        (lanes == 16 ? pull_back_pool_16 : pull_back_pool_8)(p, task / p->rows_out, task % p->rows_out);
}

void filter(const Filter *f, int32_t lanes) {
    const int bands = most(divided(4 * f->threads, f->pictures), 1);
    const int height = divided(most(divided(f->rows_out, bands), 8), 4) * 4, down = divided(f->rows_out, height);
#pragma omp parallel for num_threads(f->threads) schedule(dynamic)
    for (int task = 0; task < f->pictures * down; task++) {
        const int top = task % down * height;
        (lanes == 16 ? filter_16 : filter_8)(f, task / down, top, least(top + height, f->rows_out));
    }
}

void sums(const Sums *s, int32_t lanes) {
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int task = 0; task < s->pictures * s->pieces; task++)
        (lanes == 16 ? sums_16 : sums_8)(s, task / s->pieces, task % s->pieces);
}
