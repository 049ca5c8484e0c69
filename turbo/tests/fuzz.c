/* Decode damaged JPEGs, in a program of its own, so that sanitizers can watch every access to memory.

   fuzz COUNT SEED FILE.jpg... damages the files in COUNT ways, and decodes the results with each kernel, once in a
   workspace that has decoded everything before, and once in a new one. All must agree; if not, the damaged file is left
   as fuzz-failed.jpg. The same count, seed and files give the same damage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/headers.h"
#include "../src/jpeg_crop.h"
#include "draw.h"

#define MOST_FILES 256
#define MOST_SIZE 96      /* of a model's input */
#define NEW_WORKSPACE 16  /* a new workspace for every so many files: making one takes long under sanitizers */

typedef struct {
    uint8_t *bytes;
    size_t size;
} Content;

static void *get(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory) {
        fprintf(stderr, "not enough memory\n");
        exit(2);
    }
    return memory;
}

static Content read_content(const char *path)
{
    Content content = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    content.size = (size_t)ftell(file);
    content.bytes = get(content.size);
    rewind(file);
    if (fread(content.bytes, 1, content.size, file) != content.size)
        exit(2);
    fclose(file);
    return content;
}

/* Put bytes in the place of `removed` bytes at `place`; the content is allocated anew, so that nothing lies behind it. */
static void replace(Content *content, size_t place, size_t removed, const uint8_t *bytes, size_t number)
{
    Content changed = {NULL, content->size - removed + number};
    changed.bytes = get(changed.size);
    memcpy(changed.bytes, content->bytes, place);
    if (number)
        memcpy(changed.bytes + place, bytes, number);
    memcpy(changed.bytes + place + number, content->bytes + place + removed, content->size - place - removed);
    free(content->bytes);
    *content = changed;
}

/* Return a place in the headers in half of the cases, else anywhere. */
static size_t any_place(const Content *content)
{
    size_t headers = content->size < 640 ? content->size : 640;
    return below(below(2) ? headers : content->size);
}

/* Return the place of a marker that is drawn, or anywhere if there is none. */
static size_t marker(const Content *content)
{
    size_t start = below(content->size);
    for (size_t i = 0; i < content->size; i++) {
        size_t place = (start + i) % content->size;
        if (content->bytes[place] == 0xff && place + 1 < content->size && content->bytes[place + 1] >= 0xc0)
            return place;
    }
    return start;
}

static void damage(Content *content, const Content *other)
{
    static const uint8_t extremes[] = {0x00, 0xff, 0x7f, 0x80, 0x01, 0xfe};
    static const uint8_t markers[] = {0xc0, 0xc1, 0xc2, 0xc4, 0xc9, 0xd0, 0xd3, 0xd7, 0xd8, 0xd9, 0xda,
                                      0xdb, 0xdc, 0xdd, 0xde, 0xe0, 0xe1, 0xe2, 0xee, 0xfe, 0x00, 0xff};
    uint8_t noise[64];
    size_t place, number, from;

    if (content->size < 8)
        return;
    place = any_place(content);
    switch (below(9)) {
    case 0: /* a bit */
        content->bytes[place] ^= 1 << below(8);
        break;
    case 1: /* a byte */
        content->bytes[place] = (uint8_t)draw();
        break;
    case 2: /* numbers at the ends of their range */
        for (number = 1 + below(4); number > 0 && place < content->size; number--)
            content->bytes[place++] = extremes[below(sizeof(extremes))];
        break;
    case 3: /* a part is missing */
        number = 1 + below(64);
        replace(content, place, number < content->size - place ? number : content->size - place, NULL, 0);
        break;
    case 4: /* noise that does not belong there */
        number = 1 + below(sizeof(noise));
        for (size_t i = 0; i < number; i++)
            noise[i] = (uint8_t)draw();
        replace(content, place, 0, noise, number);
        break;
    case 5: /* an early end */
        replace(content, place, content->size - place, NULL, 0);
        break;
    case 6: /* a part of another file, or of the same, in the place of another part */
        from = below(other->size);
        number = 1 + below(below(4) ? 64 : other->size);
        number = number < other->size - from ? number : other->size - from;
        replace(content, place, below(2) ? 0 : below(content->size - place), other->bytes + from, number);
        break;
    case 7: /* a length, or the first bytes of a segment */
        place = marker(content) + 2 + below(2) * below(12);
        if (place < content->size)
            content->bytes[place] = below(2) ? (uint8_t)draw() : extremes[below(sizeof(extremes))];
        break;
    default: /* another marker, or a marker in the midst of the codes */
        place = below(2) ? marker(content) : below(content->size);
        content->bytes[place] = 0xff;
        if (place + 1 < content->size)
            content->bytes[place + 1] = markers[below(sizeof(markers))];
    }
}

/* Draw what a model sees; one time in eight, it sees the whole image. */
static View draw_view(const Content *content)
{
    int width = 0, height = 0;
    View view = {below(3) ? 16 + (int)below(MOST_SIZE - 15) : 64, 0, 0.75, below(64) ? 1 << 15 : 1 << 22};
    view.margin = below(3) ? (int)below((view.size + 1) / 2) : view.size / 8;
    if (below(3) == 0)
        view.crop = (1 + below(1000)) / 1000.0;
    if (below(8) == 0 && read_headers(content->bytes, content->size, &width, &height) && width == height && width > 0 &&
        width <= MOST_SIZE) {
        view.size = width;
        view.margin = (int)below((width + 1) / 2);
    }
    return view;
}

static void leave(const Content *content, const char *reason)
{
    FILE *file = fopen("fuzz-failed.jpg", "wb");
    if (file) {
        fwrite(content->bytes, 1, content->size, file);
        fclose(file);
    }
    printf("%s: the file is in fuzz-failed.jpg\n", reason);
    exit(1);
}

int main(int number, char **arguments)
{
    Content files[MOST_FILES];
    int many = number - 3;
    const Kernel *kernels = available_kernels();
    Workspace *used = workspace_new(), *other = workspace_new();
    size_t decoded = 0;

    if (many < 1 || many > MOST_FILES || !used || !other) {
        fprintf(stderr, "fuzz COUNT SEED FILE.jpg... (at most %d files)\n", MOST_FILES);
        return 2;
    }
    size_t count = strtoull(arguments[1], NULL, 10);
    uint64_t seed = strtoull(arguments[2], NULL, 10);
    for (int i = 0; i < many; i++)
        files[i] = read_content(arguments[3 + i]);
    for (size_t i = 0; i < count; i++) {
        state = seed + i;
        state = draw();
        const Content *source = &files[below(many)];
        Content content = {get(source->size), source->size};
        memcpy(content.bytes, source->bytes, source->size);
        for (size_t edits = below(16) ? 1 + below(3) : 0; edits > 0; edits--)
            damage(&content, &files[below(many)]);
        View view = draw_view(&content);
        size_t bytes = (size_t)view.size * view.size * 3;
        uint8_t *first = get(bytes);
        int result = -1;
        for (const Kernel *kernel = kernels; kernel->name; kernel++) {
            uint8_t *pixels = get(bytes);
            memset(pixels, 0, bytes);
            if (kernel != kernels && i % NEW_WORKSPACE == 0) {
                workspace_free(other);
                other = workspace_new();
                if (!other)
                    return 2;
            }
            int found = decode_crop(kernel == kernels ? used : other, kernel, &view, content.bytes, content.size, pixels);
            if (kernel == kernels) {
                result = found;
                memcpy(first, pixels, bytes);
            } else if (found != result)
                leave(&content, "one workspace decodes what another does not");
            else if (found && memcmp(first, pixels, bytes) != 0)
                leave(&content, "two kernels or workspaces give other pixels");
            free(pixels);
        }
        decoded += result == 1;
        if (i % 64 == 0) {
            workspace_trim(used);
            workspace_trim(other);
        }
        free(first);
        free(content.bytes);
        if ((i + 1) % 50000 == 0) {
            printf("%zu of %zu damaged files, seed %llu: %zu decoded\n", i + 1, count, (unsigned long long)seed, decoded);
            fflush(stdout);
        }
    }
    printf("%zu damaged files, seed %llu: %zu decoded, nothing found\n", count, (unsigned long long)seed, decoded);
    for (int i = 0; i < many; i++)
        free(files[i].bytes);
    workspace_free(used);
    workspace_free(other);
    return 0;
}
