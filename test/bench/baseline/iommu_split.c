/* Split 1 GiB blocks (VT-d second stage) into 4 KiB entries, or collapse them again. Tables come from a pool that stays warm.
 * args: blocks, 0 split sub-table first, 1 split recursively, 2 collapse. Answers milliseconds for one block. */
#include "bench.h"
#define ADDRESS 0x0000fffffffff000ull
#define BASE_PAGE 0x100000ull

static uint64_t *pool[1 << 20];
static int pooled;
static uint64_t *take(void)
{
	if (pooled)
		return pool[--pooled];
	void *p = NULL;
	if (posix_memalign(&p, 4096, 4096))
		exit(3);
	return p;
}

static uint64_t table_of(uint64_t pte, int level)
{
	uint64_t *table = take();
	uint64_t attributes = pte & ~ADDRESS, address = pte & ADDRESS;
	if (level == 0)
		attributes &= ~0x80ull;
	for (int i = 0; i < 512; i++)
		table[i] = (address + ((uint64_t)i << (12 + 9 * level))) | attributes;
	return (uint64_t)table | 3;
}

static void split_recursive(uint64_t *pte)
{
	*pte = table_of(*pte, 1);
	uint64_t *table = (uint64_t *)(*pte & ADDRESS);
	for (int i = 0; i < 512; i++)
		table[i] = table_of(table[i], 0);
}

static void split_first(uint64_t *pte)
{
	uint64_t *table = take();
	for (int i = 0; i < 512; i++)
		table[i] = table_of(*pte + ((uint64_t)i << 21), 0);
	*pte = (uint64_t)table | 3;
}

static int collapse(uint64_t *pte)
{
	uint64_t *upper = (uint64_t *)(*pte & ADDRESS), expected = 0, dirty = 0;
	expected = ((uint64_t *)(upper[0] & ADDRESS))[0] & ~0x300ull;
	uint64_t block = expected | 0x80;
	for (int i = 0; i < 512; i++) {
		uint64_t *table = (uint64_t *)(upper[i] & ADDRESS);
		for (int j = 0; j < 512; j++, expected += 4096) {
			if ((table[j] & ~0x300ull) != expected)
				return 0;
			dirty |= table[j] & 0x300;
		}
	}
	*pte = block | dirty;
	for (int i = 0; i < 512; i++)
		pool[pooled++] = (uint64_t *)(upper[i] & ADDRESS);
	pool[pooled++] = upper;
	return 1;
}

int main(int argc, char **argv)
{
	int blocks = atoi(argv[1]), what = atoi(argv[2]);
	uint64_t *root = take();
	char check[64];
	for (int i = 0; i < blocks; i++)
		root[i] = (BASE_PAGE + ((uint64_t)i << 18)) << 12 | 0x83;
	ready();
	while (next_round()) {
		uint32_t sum = 0;
		double t = now_ms();
		for (int i = 0; i < blocks; i++) {
			if (what == 1)
				split_recursive(&root[i]);
			else
				split_first(&root[i]);
		}
		double split_ms = now_ms() - t;
		for (int i = 0; i < blocks; i++) {
			uint64_t *upper = (uint64_t *)(root[i] & ADDRESS);
			for (int j = 0; j < 512; j++)
				for (int k = 0; k < 512; k += 73)
					sum = sum * 31 + (uint32_t)((uint64_t *)(upper[j] & ADDRESS))[k];
			/* One page of each block was written. */
			((uint64_t *)(upper[7] & ADDRESS))[9] |= 0x300;
		}
		t = now_ms();
		for (int i = 0; i < blocks; i++)
			collapse(&root[i]);
		double collapse_ms = now_ms() - t;
		for (int i = 0; i < blocks; i++) {
			sum = sum * 31 + (uint32_t)root[i];
			root[i] &= ~0x300ull;
		}
		snprintf(check, sizeof(check), "%u", sum);
		answer((what == 2 ? collapse_ms : split_ms) / blocks, check);
	}
	return 0;
}
