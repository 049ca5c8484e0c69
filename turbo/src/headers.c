#include "headers.h"

#include <string.h>

/* Scans of a progressive JPEG. Each takes as long as the picture has pixels, even if it has a few bytes only. The same
   limit is in galaxy_classify.images.jpeg, which says so in the image's row. */
#define MOST_SCANS 100

enum {
    BASELINE = 0xc0,
    EXTENDED = 0xc1,
    PROGRESSIVE = 0xc2,
    HUFFMAN_TABLES = 0xc4,
    SCAN = 0xda,
    QUANTIZATION_TABLES = 0xdb,
    RESTART_INTERVAL = 0xdd,
    JFIF = 0xe0,
    ADOBE = 0xee,
    COMMENT = 0xfe
};

static int has_many_scans(const uint8_t *content, size_t size)
{
    const uint8_t *end = content + size;
    int scans = 0;
    while (content + 1 < end && (content = memchr(content, 0xff, end - content - 1)) != NULL) {
        scans += *++content == SCAN;
        if (scans > MOST_SCANS)
            return 1;
    }
    return 0;
}

int read_headers(const uint8_t *content, size_t size, int *width, int *height)
{
    size_t place = 2;
    int frames = 0;
    if (!is_jpeg(content, size))
        return 0;
    while (size - place >= 4 && content[place] == 0xff) {
        const uint8_t *segment = content + place + 4;
        size_t length = (size_t)content[place + 2] << 8 | content[place + 3];
        if (length < 2 || length > size - place - 2)
            return 0;
        length -= 2;
        switch (content[place + 1]) {
        case BASELINE:
        case EXTENDED:
        case PROGRESSIVE:
            if (length < 6 || segment[0] != 8 || (segment[5] != 1 && segment[5] != 3))
                return 0;
            *height = segment[1] << 8 | segment[2];
            *width = segment[3] << 8 | segment[4];
            frames++;
            break;
        case JFIF:
            if (length < 14 || memcmp(segment, "JFIF", 5) != 0)
                return 0;
            break;
        case ADOBE:
            if (length < 12 || memcmp(segment, "Adobe", 5) != 0)
                return 0;
            break;
        case HUFFMAN_TABLES:
        case QUANTIZATION_TABLES:
        case RESTART_INTERVAL:
        case COMMENT:
            break;
        case SCAN:
            return frames == 1 && !has_many_scans(content, size);
        default:
            return 0;
        }
        place += 4 + length;
    }
    return 0;
}
