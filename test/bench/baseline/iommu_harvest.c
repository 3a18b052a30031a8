/* Read and clear the Dirty bits of a domain mapped by 4 KiB pages (AMD v1): a walk over every entry, runs of dirty pages out.
 * args: 4 KiB pages mapped, pages dirtied before each round (one for each page: everything). */
#include "bench.h"
#define ADDRESS 0x0000fffffffff000ull
#define BASE_PAGE 0x100000ull
enum { LEVELS = 4 };

static uint64_t *root;
static uint64_t (*runs)[2];
static uint64_t run_count, total, sum;

static uint64_t *table_new(void)
{
	void *p = NULL;
	if (posix_memalign(&p, 4096, 4096))
		exit(3);
	memset(p, 0, 4096);
	return p;
}

static uint64_t *leaf_table(uint64_t page)
{
	uint64_t *table = root;
	for (int level = LEVELS - 1; level > 0; level--) {
		uint64_t *pte = &table[(page >> (9 * level)) & 511];
		if (!*pte)
			*pte = (uint64_t)table_new() | 1 | (uint64_t)level << 9 | 3ull << 61;
		table = (uint64_t *)(*pte & ADDRESS);
	}
	return table;
}

static void harvest(uint64_t *table, int level, uint64_t base)
{
	for (int i = 0; i < 512; i++) {
		uint64_t pte = table[i], page = base + ((uint64_t)i << (9 * level));
		if (!(pte & 1))
			continue;
		if (level > 0 && ((pte >> 9) & 7) == (uint64_t)level) {
			harvest((uint64_t *)(pte & ADDRESS), level - 1, page);
			continue;
		}
		if (!(pte & 0x40))
			continue;
		table[i] = pte & ~0x40ull;
		if (run_count && runs[run_count - 1][0] + runs[run_count - 1][1] == page) {
			runs[run_count - 1][1]++;
		} else {
			runs[run_count][0] = page;
			runs[run_count++][1] = 1;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t pages = strtoull(argv[1], 0, 0), dirty = strtoull(argv[2], 0, 0);
	uint32_t state = 1;
	char check[64];
	root = table_new();
	runs = malloc(sizeof(*runs) * (dirty < pages ? dirty + 1 : 1));
	for (uint64_t p = 0; p < pages; p += 512) {
		uint64_t *table = leaf_table(p);
		for (int i = 0; i < 512; i++)
			table[i] = (BASE_PAGE + p + i) << 12 | 1 | 7ull << 60;
	}
	ready();
	while (next_round()) {
		if (dirty == pages) {
			for (uint64_t p = 0; p < pages; p += 512) {
				uint64_t *table = leaf_table(p);
				for (int i = 0; i < 512; i++)
					table[i] |= 0x40;
			}
		} else {
			for (uint64_t i = 0; i < dirty; i++) {
				state = next_lcg(state);
				uint64_t page = (uint64_t)(state >> 4) % pages;
				leaf_table(page)[page & 511] |= 0x40;
			}
		}
		run_count = 0;
		double t = now_ms();
		harvest(root, LEVELS - 1, 0);
		t = now_ms() - t;
		total = sum = 0;
		for (uint64_t i = 0; i < run_count; i++) {
			total += runs[i][1];
			sum = (uint32_t)(sum * 31 + runs[i][0]);
		}
		snprintf(check, sizeof(check), "%lu:%lu:%lu", (unsigned long)run_count, (unsigned long)total, (unsigned long)sum);
		answer(t, check);
	}
	return 0;
}
