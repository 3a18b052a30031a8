/* dst[dst_first + i] |= src[src_first + i], 0 <= i < n, over bitmaps of 2^28 bits (32 MiB: 1 TiB of 4 KiB pages).
 * args: share of set bits in 1/256, src_first, dst_first, count (1: also count the bits that were newly set).
 * Straightforward: 64-bit words, one shift pair each; -O2 as it comes. */
#include "bench.h"
#define BITS (1ull << 28)
#define WORDS (BITS / 64)

static void fill(uint64_t *words, uint32_t seed, uint32_t share)
{
	uint32_t *half = (uint32_t *)words; /* little endian, as ours */
	uint32_t s = seed;
	for (uint64_t i = 0; i < BITS / 32; i++) {
		if (share >= 128) {
			s = next_lcg(s);
			uint32_t high = s >> 16;
			s = next_lcg(s);
			half[i] = high << 16 | s >> 16;
			continue;
		}
		/* One bit in some words: share/256 of the words hold one. */
		s = next_lcg(s);
		half[i] = (s >> 24) < share ? 1u << ((s >> 16) & 31) : 0;
	}
}

static uint64_t or_range(uint64_t *dst, uint64_t dst_first, const uint64_t *src, uint64_t src_first, uint64_t n, int count)
{
	uint64_t newly = 0;
	uint64_t first_word = dst_first / 64, last_word = (dst_first + n - 1) / 64;
	int64_t delta = (int64_t)src_first - (int64_t)dst_first; /* src bit = dst bit + delta */
	for (uint64_t w = first_word; w <= last_word; w++) {
		int64_t bit = (int64_t)(w * 64) + delta;
		int64_t sw = bit >> 6;
		unsigned shift = bit & 63;
		uint64_t low = sw >= 0 ? src[sw] : 0;
		uint64_t v = low >> shift;
		if (shift && sw + 1 < (int64_t)WORDS)
			v |= src[sw + 1] << (64 - shift);
		if (w == first_word)
			v &= ~0ull << (dst_first & 63);
		if (w == last_word)
			v &= ~0ull >> (63 - ((dst_first + n - 1) & 63));
		uint64_t old = dst[w];
		if (count)
			newly += __builtin_popcountll(v & ~old);
		dst[w] = old | v;
	}
	return newly;
}

int main(int argc, char **argv)
{
	uint32_t share = atoi(argv[1]);
	uint64_t src_first = atoi(argv[2]), dst_first = atoi(argv[3]);
	int count = atoi(argv[4]);
	uint64_t n = BITS - 64;
	uint64_t *src = calloc(1, BITS / 8), *dst = calloc(1, BITS / 8), *start = calloc(1, BITS / 8);
	char check[64];
	(void)argc;
	fill(src, 1, share);
	fill(start, 2, share);
	ready();
	while (next_round()) {
		memcpy(dst, start, BITS / 8);
		double t = now_ms();
		uint64_t newly = or_range(dst, dst_first, src, src_first, n, count);
		t = now_ms() - t;
		uint64_t sum = 0, total = 0;
		for (uint64_t w = 0; w < WORDS; w++) {
			total += __builtin_popcountll(dst[w]) - __builtin_popcountll(start[w]);
			sum = sum * 31 + (uint32_t)(dst[w] ^ dst[w] >> 32);
			sum &= 0xffffffff;
		}
		if (count && newly != total)
			return 1;
		snprintf(check, sizeof(check), "%llu:%llu", (unsigned long long)total, (unsigned long long)sum);
		answer(t, check);
	}
	return 0;
}
