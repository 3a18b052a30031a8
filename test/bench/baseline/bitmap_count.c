/* Count set bits from the second to the last but one of 2^28. */
#include "bench.h"
#define BITS (1ull << 28)
#define WORDS (BITS / 64)

int main(void)
{
	uint64_t *words = calloc(1, BITS / 8);
	uint32_t *half = (uint32_t *)words;
	uint32_t s = 1;
	char check[64];
	for (uint64_t i = 0; i < BITS / 32; i++) {
		s = next_lcg(s);
		uint32_t high = s >> 16;
		s = next_lcg(s);
		half[i] = high << 16 | s >> 16;
	}
	ready();
	while (next_round()) {
		double t = now_ms();
		uint64_t count = 0;
		for (uint64_t w = 0; w < WORDS; w++) {
			uint64_t bits = words[w];
			if (w == 0)
				bits &= ~1ull;
			if (w == WORDS - 1)
				bits &= ~0ull >> 1;
			count += __builtin_popcountll(bits);
		}
		t = now_ms() - t;
		snprintf(check, sizeof(check), "%llu", (unsigned long long)count);
		answer(t, check);
	}
	return 0;
}
