/* Random numbers of the test programs; `state` is the seed. */
#ifndef GALAXY_DRAW_H
#define GALAXY_DRAW_H

#include <stddef.h>
#include <stdint.h>

static uint64_t state;

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t draw(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(size_t limit)
{
    return (size_t)(draw() % limit);
}

#endif
