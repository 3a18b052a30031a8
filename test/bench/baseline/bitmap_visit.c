/* Visit and clear the set bits of a bitmap of 2^28 bits. args: set bits in 1,000. Straightforward: 64-bit words, count trailing zeros. */
#include "bench.h"
#define BITS (1ull << 28)
#define WORDS (BITS / 64)

int main(int argc, char **argv)
{
	uint32_t share = atoi(argv[1]);
	uint64_t *words = calloc(1, BITS / 8), *start = calloc(1, BITS / 8);
	char check[64];
	uint32_t s = 1;
	(void)argc;
	memset(start, share == 1000 ? 0xff : 0, BITS / 8);
	if (share < 1000) {
		uint32_t limit = (uint32_t)(share * 4294967.296);
		for (uint64_t bit = 0; bit < BITS; bit++) {
			s = next_lcg(s);
			if (s < limit)
				start[bit / 64] |= 1ull << (bit % 64);
		}
	}
	ready();
	while (next_round()) {
		memcpy(words, start, BITS / 8);
		double t = now_ms();
		uint32_t sum = 0, count = 0;
		for (uint64_t w = 0; w < WORDS; w++) {
			uint64_t bits = words[w];
			if (!bits)
				continue;
			words[w] = 0;
			while (bits) {
				sum += (uint32_t)(w * 64 + __builtin_ctzll(bits));
				count++;
				bits &= bits - 1;
			}
		}
		t = now_ms() - t;
		snprintf(check, sizeof(check), "%u:%u", count, sum);
		answer(t, check);
	}
	return 0;
}
