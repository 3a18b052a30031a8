/* A baseline prepares, says "ready", then does one round per line on standard input and answers with JSON. */
#ifndef BENCH_H
#define BENCH_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* The generator shared with ours (test/bench/bench.ts, nextLcg). */
static inline uint32_t next_lcg(uint32_t state)
{
	return state * 1664525u + 1013904223u;
}

static inline void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Waits for the next round; 0 at the end of input. */
static inline int next_round(void)
{
	return getchar() == '\n';
}

static inline void answer(double value, const char *check)
{
	printf("{\"value\":%.6f,\"check\":\"%s\"}\n", value, check);
	fflush(stdout);
}
#endif
