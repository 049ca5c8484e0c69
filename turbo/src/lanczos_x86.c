/* Sums of pixels with AVX2, and with the dot products of bytes that newer processors have (VNNI). */
#include "lanczos.h"

#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#ifdef _MSC_VER
#include <intrin.h>
#define AVX2
#define VNNI

/* Tell whether the processor has features of leaf 7, and the system saves the registers that they need. */
static int has(int ebx, int ecx, unsigned saved)
{
    int found[4];
    __cpuid(found, 1);
    if (!(found[2] & (1 << 27)) || (_xgetbv(0) & saved) != saved)
        return 0;
    __cpuidex(found, 7, 0);
    return (found[1] & ebx) == ebx && (found[2] & ecx) == ecx;
}

int has_avx2(void)
{
    return has(1 << 5, 0, 0x06);
}

int has_vnni(void)
{
    return has(1 << 5 | 1 << 16 | 1 << 31, 1 << 11, 0xe6);
}
#else
#define AVX2 __attribute__((target("avx2")))
#define VNNI __attribute__((target("avx2,avx512vl,avx512vnni")))

int has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}

int has_vnni(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

/* Add the two halves, round the sums, those of a pixel's colours, to levels, and store these. */
AVX2 static inline void store_pixel(__m256i both, uint8_t *result)
{
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sums = _mm_srai_epi32(_mm_add_epi32(sums, _mm_set1_epi32(HALF)), 22);
    sums = _mm_packs_epi32(sums, sums);
    *(int32_t *)result = _mm_cvtsi128_si32(_mm_packus_epi16(sums, sums));
}

AVX2 static void resize_rows(const Axis *axis, const uint8_t *rows, size_t stride, uint8_t *result, int bytes)
{
    /* In each half of a vector: the colours of pixels 0 and 1 alternating, then those of pixels 2 and 3. */
    const __m256i alternate = _mm256_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15, 0, 4, 1, 5, 2, 6, 3,
                                               7, 8, 12, 9, 13, 10, 14, 11, 15);
    const __m256i zero = _mm256_setzero_si256();
    const __m256i *low = (const __m256i *)axis->low, *high = (const __m256i *)axis->high;
    int vectors = axis->taps / GROUP * 2;
    for (int i = 0; i < axis->size; i++, low += vectors, high += vectors) {
        const uint8_t *pixels = rows + (size_t)(axis->first[i] - axis->lowest) * PIXEL;
        __m256i low_sums[ROWS] = {zero, zero, zero, zero}, high_sums[ROWS] = {zero, zero, zero, zero};
        int needed = (axis->count[i] + GROUP - 1) / GROUP;
        for (int group = 0; group < needed; group++, pixels += GROUP * PIXEL) {
            __m256i low0 = _mm256_loadu_si256(low + 2 * group), low1 = _mm256_loadu_si256(low + 2 * group + 1);
            __m256i high0 = _mm256_loadu_si256(high + 2 * group), high1 = _mm256_loadu_si256(high + 2 * group + 1);
            for (int row = 0; row < ROWS; row++) {
                __m256i eight = _mm256_loadu_si256((const __m256i *)(pixels + row * stride));
                eight = _mm256_shuffle_epi8(eight, alternate);
                __m256i one = _mm256_unpacklo_epi8(eight, zero), other = _mm256_unpackhi_epi8(eight, zero);
                low_sums[row] = _mm256_add_epi32(low_sums[row], _mm256_madd_epi16(one, low0));
                high_sums[row] = _mm256_add_epi32(high_sums[row], _mm256_madd_epi16(one, high0));
                low_sums[row] = _mm256_add_epi32(low_sums[row], _mm256_madd_epi16(other, low1));
                high_sums[row] = _mm256_add_epi32(high_sums[row], _mm256_madd_epi16(other, high1));
            }
        }
        for (int row = 0; row < ROWS; row++)
            store_pixel(_mm256_add_epi32(low_sums[row], _mm256_slli_epi32(high_sums[row], 15)),
                        result + (size_t)row * bytes + (size_t)i * PIXEL);
    }
}

VNNI static void resize_rows_vnni(const Axis *axis, const uint8_t *rows, size_t stride, uint8_t *result, int bytes)
{
    /* In each half of a vector: the reds of four pixels, their greens and so on. */
    const __m256i by_colour = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9,
                                               13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i zero = _mm256_setzero_si256();
    const __m256i *digits = (const __m256i *)axis->digits;
    int vectors = axis->taps / GROUP * 3;
    for (int i = 0; i < axis->size; i++, digits += vectors) {
        const uint8_t *pixels = rows + (size_t)(axis->first[i] - axis->lowest) * PIXEL;
        __m256i sums[3][ROWS];
        for (int row = 0; row < ROWS; row++)
            sums[0][row] = sums[1][row] = sums[2][row] = zero;
        int needed = (axis->count[i] + GROUP - 1) / GROUP;
        for (int group = 0; group < needed; group++, pixels += GROUP * PIXEL) {
            __m256i first = _mm256_loadu_si256(digits + 3 * group), second = _mm256_loadu_si256(digits + 3 * group + 1);
            __m256i third = _mm256_loadu_si256(digits + 3 * group + 2);
            for (int row = 0; row < ROWS; row++) {
                __m256i eight = _mm256_loadu_si256((const __m256i *)(pixels + row * stride));
                eight = _mm256_shuffle_epi8(eight, by_colour);
                sums[0][row] = _mm256_dpbusd_epi32(sums[0][row], eight, first);
                sums[1][row] = _mm256_dpbusd_epi32(sums[1][row], eight, second);
                sums[2][row] = _mm256_dpbusd_epi32(sums[2][row], eight, third);
            }
        }
        for (int row = 0; row < ROWS; row++) {
            __m256i upper = _mm256_add_epi32(sums[1][row], _mm256_slli_epi32(sums[2][row], 8));
            store_pixel(_mm256_add_epi32(sums[0][row], _mm256_slli_epi32(upper, 8)),
                        result + (size_t)row * bytes + (size_t)i * PIXEL);
        }
    }
}

AVX2 static void sum_rows(const int32_t *weights, int count, const uint8_t *rows, int bytes, uint8_t *result)
{
    for (int i = 0; i < bytes; i += 16) {
        __m256i sums[2] = {_mm256_set1_epi32(HALF), _mm256_set1_epi32(HALF)};
        for (int row = 0; row < count; row++) {
            const uint8_t *levels = rows + (size_t)row * bytes + i;
            __m256i weight = _mm256_set1_epi32(weights[row]);
            for (int half = 0; half < 2; half++) {
                __m256i eight = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(levels + 8 * half)));
                sums[half] = _mm256_add_epi32(sums[half], _mm256_mullo_epi32(eight, weight));
            }
        }
        __m256i packed = _mm256_packs_epi32(_mm256_srai_epi32(sums[0], 22), _mm256_srai_epi32(sums[1], 22));
        packed = _mm256_permute4x64_epi64(packed, 0xd8); /* packing works in each half of a vector */
        _mm_storeu_si128((__m128i *)(result + i), _mm_packus_epi16(_mm256_castsi256_si128(packed),
                                                                   _mm256_extracti128_si256(packed, 1)));
    }
}

const Kernel vnni_kernel = {"vnni", resize_rows_vnni, sum_rows};
const Kernel avx2_kernel = {"avx2", resize_rows, sum_rows};

#else
typedef int nothing_here; /* ISO C wants a declaration in every file */
#endif
