/* Sums of pixels with AVX2, eight or sixteen at a time. */
#include "lanczos.h"

#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#ifdef _MSC_VER
#include <intrin.h>
#define AVX2
int has_avx2(void)
{
    int found[4];
    __cpuid(found, 1);
    if (!(found[2] & (1 << 27)) || (_xgetbv(0) & 6) != 6) /* the system must save the registers */
        return 0;
    __cpuidex(found, 7, 0);
    return (found[1] & (1 << 5)) != 0;
}
#else
#define AVX2 __attribute__((target("avx2")))
int has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}
#endif

AVX2 static void resize_row(const Axis *axis, const uint8_t *row, uint8_t *result)
{
    /* In each half of a vector: the colours of pixels 0 and 1 alternating, then those of pixels 2 and 3. */
    const __m256i alternate = _mm256_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15, 0, 4, 1, 5, 2, 6, 3,
                                               7, 8, 12, 9, 13, 10, 14, 11, 15);
    const __m256i zero = _mm256_setzero_si256();
    int groups = axis->taps / GROUP;
    for (int i = 0; i < axis->size; i++) {
        const __m256i *pixels = (const __m256i *)(row + (size_t)(axis->first[i] - axis->lowest) * PIXEL);
        const __m256i *low = (const __m256i *)axis->low + (size_t)i * groups * 2;
        const __m256i *high = (const __m256i *)axis->high + (size_t)i * groups * 2;
        __m256i low_sums = zero, high_sums = zero;
        int needed = (axis->count[i] + GROUP - 1) / GROUP;
        for (int group = 0; group < needed; group++) {
            __m256i eight = _mm256_shuffle_epi8(_mm256_loadu_si256(pixels + group), alternate);
            __m256i one = _mm256_unpacklo_epi8(eight, zero), other = _mm256_unpackhi_epi8(eight, zero);
            low_sums = _mm256_add_epi32(low_sums, _mm256_madd_epi16(one, _mm256_loadu_si256(low + 2 * group)));
            high_sums = _mm256_add_epi32(high_sums, _mm256_madd_epi16(one, _mm256_loadu_si256(high + 2 * group)));
            low_sums = _mm256_add_epi32(low_sums, _mm256_madd_epi16(other, _mm256_loadu_si256(low + 2 * group + 1)));
            high_sums = _mm256_add_epi32(high_sums, _mm256_madd_epi16(other, _mm256_loadu_si256(high + 2 * group + 1)));
        }
        __m256i both = _mm256_add_epi32(low_sums, _mm256_slli_epi32(high_sums, 15));
        __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sums = _mm_srai_epi32(_mm_add_epi32(sums, _mm_set1_epi32(HALF)), 22);
        sums = _mm_packs_epi32(sums, sums);
        *(int32_t *)(result + (size_t)i * PIXEL) = _mm_cvtsi128_si32(_mm_packus_epi16(sums, sums));
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

const Kernel avx2_kernel = {"avx2", resize_row, sum_rows};

#else
typedef int nothing_here; /* ISO C wants a declaration in every file */
#endif
