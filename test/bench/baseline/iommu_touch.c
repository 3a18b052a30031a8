/* Page touches through an IOTLB of 64 sets x 8 ways, a walk from the root, the Dirty bit and a bitmap of written pages.
 * args: format (see FORMATS), 4 KiB pages mapped, touches per round, pages per burst (1: single random pages).
 * Straightforward: one touch after another, a table is a calloc of its own; the format's masks are constants. */
#include "bench.h"

/* sfc32 and its seeding, as engine/core/random.ts. */
static uint32_t a, b, c, counter = 1;
static uint32_t next(void)
{
	uint32_t sum = a + b + counter++;
	a = b ^ (b >> 9);
	b = c + (c << 3);
	c = ((c << 21) | (c >> 11)) + sum;
	return sum;
}
static uint32_t mix_name(const char *name, uint32_t low)
{
	uint32_t hash = low, len = strlen(name);
	for (uint32_t i = 0; i <= len; i++) {
		uint32_t k = (i == 0 ? 0 : (uint32_t)name[i - 1]) * 0xcc9e2d51u;
		k = (k << 15) | (k >> 17);
		hash ^= k * 0x1b873593u;
		hash = (hash << 13) | (hash >> 19);
		hash = hash * 5 + 0xe6546b64u;
	}
	hash ^= len;
	hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
	hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
	return hash ^ (hash >> 16);
}

struct format {
	int granule_shift, index_bits, levels;
	uint64_t table, page;      /* entry bits before the address */
	uint64_t write_mask, write_xor;
	uint64_t dirty_mask, dirty_value; /* dirty if (pte & mask) == value */
	uint64_t set, clear;       /* the first write */
	uint64_t clean_clear, clean_set;
};
#define DBM (1ull << 51)
static const struct format FORMATS[] = {
	{ 12, 9, 4, 1 | 3ull << 61, 1 | 7ull << 60, 1ull << 62, 0, 0x40, 0x40, 0x40, 0, 0x40, 0 }, /* 0 AMD v1 */
	{ 12, 9, 4, 3, 3, 2, 0, 0x200, 0x200, 0x300, 0, 0x200, 0 },                                 /* 1 VT-d second stage */
	{ 12, 9, 4, 3, 0xf47 | DBM, DBM, 0, DBM | 0x80, DBM, 0, 0x80, 0, 0x80 },                    /* 2 ARM stage 1 */
	{ 12, 9, 4, 3, 0x7ff | DBM, DBM, 0, DBM | 0x80, DBM | 0x80, 0x80, 0, 0x80, 0 },             /* 3 ARM stage 2 */
	{ 12, 9, 4, 0x27, 0x67, 2, 0, 0x40, 0x40, 0x40, 0, 0x40, 0 },                               /* 4 x86-64 */
	{ 14, 11, 4, 3, 0xf47 | DBM, DBM, 0, DBM | 0x80, DBM, 0, 0x80, 0, 0x80 },                   /* 5 ARM stage 1, 16 KiB */
	{ 16, 13, 3, 3, 0xf47 | DBM, DBM, 0, DBM | 0x80, DBM, 0, 0x80, 0, 0x80 },                   /* 6 ARM stage 1, 64 KiB */
};
#define ADDRESS 0x0000fffffffff000ull
#define BASE_PAGE 0x100000ull

enum { SETS = 64, WAYS = 8 };
static struct { uint64_t key, pa; int valid, dirty; } tlb[SETS][WAYS];
static uint8_t hand[SETS];
static uint64_t *root;
static uint8_t *written;

static inline __attribute__((always_inline)) int is_table(const struct format f, int kind, uint64_t pte, int level)
{
	if (level == 0)
		return 0;
	if (kind == 0)
		return ((pte >> 9) & 7) == (uint64_t)level;
	if (kind == 1 || kind == 4)
		return !(pte & 0x80);
	return (pte & 3) == 3;
}

static inline __attribute__((always_inline)) uint64_t *walk(const struct format f, int kind, uint64_t granule)
{
	uint64_t *table = root;
	for (int level = f.levels - 1;; level--) {
		uint64_t *pte = &table[(granule >> (f.index_bits * level)) & ((1u << f.index_bits) - 1)];
		if (!(*pte & 3))
			return NULL;
		if (!is_table(f, kind, *pte, level))
			return pte;
		table = (uint64_t *)(*pte & ADDRESS);
	}
}

static uint64_t *table_new(const struct format f)
{
	void *p = NULL;
	size_t size = 8ull << f.index_bits;
	if (posix_memalign(&p, size, size))
		exit(3);
	memset(p, 0, size);
	return p;
}

static void map(const struct format f, int kind, uint64_t granule, uint64_t pa_page)
{
	uint64_t *table = root;
	for (int level = f.levels - 1; level > 0; level--) {
		uint64_t *pte = &table[(granule >> (f.index_bits * level)) & ((1u << f.index_bits) - 1)];
		if (!*pte)
			*pte = (uint64_t)table_new(f) | f.table | (kind == 0 ? (uint64_t)level << 9 : 0);
		table = (uint64_t *)(*pte & ADDRESS);
	}
	table[granule & ((1u << f.index_bits) - 1)] = pa_page << 12 | f.page;
}

static uint64_t hits, misses, dirty_sets, newly;

static inline __attribute__((always_inline)) void touch(const struct format f, int kind, uint64_t page)
{
	int shift = f.granule_shift - 12;
	uint64_t granule = page >> shift, pa;
	unsigned set = granule & (SETS - 1);
	int w;
	for (w = 0; w < WAYS; w++)
		if (tlb[set][w].valid && tlb[set][w].key == granule)
			break;
	if (w < WAYS && tlb[set][w].dirty) {
		hits++;
		if (hand[set] == w)
			hand[set] = (w + 1) % WAYS;
		pa = tlb[set][w].pa;
	} else {
		misses++;
		uint64_t *pte = walk(f, kind, granule);
		if (!pte || !((*pte ^ f.write_xor) & f.write_mask))
			return;
		if ((*pte & f.dirty_mask) != f.dirty_value) {
			*pte = (*pte | f.set) & ~f.clear;
			dirty_sets++;
		}
		pa = (*pte & ADDRESS) >> 12;
		w = hand[set];
		hand[set] = (w + 1) % WAYS;
		tlb[set][w].key = granule;
		tlb[set][w].pa = pa;
		tlb[set][w].valid = tlb[set][w].dirty = 1;
	}
	uint64_t ram = pa + (page & ((1u << shift) - 1)) - BASE_PAGE;
	if (!(written[ram >> 3] & (1 << (ram & 7)))) {
		written[ram >> 3] |= 1 << (ram & 7);
		newly++;
	}
}

static inline __attribute__((always_inline)) void rounds(const struct format f, int kind, uint64_t pages,
							  uint64_t touches, uint64_t burst)
{
	int shift = f.granule_shift - 12;
	char check[128];
	root = table_new(f);
	for (uint64_t p = 0; p < pages; p += 1ull << shift)
		map(f, kind, p >> shift, BASE_PAGE + p);
	written = calloc(pages / 8, 1);
	a = mix_name("bench", 1 ^ 0x9e3779b9u);
	b = mix_name("bench", 1 ^ 0x85ebca6bu);
	c = mix_name("bench", 1 ^ 0xc2b2ae35u);
	for (int i = 0; i < 16; i++)
		next();
	ready();
	while (next_round()) {
		/* Everything clean, nothing cached, nothing written. */
		for (uint64_t g = 0; g < pages >> shift; g++) {
			uint64_t *pte = walk(f, kind, g);
			*pte = (*pte & ~f.clean_clear) | f.clean_set;
		}
		memset(tlb, 0, sizeof(tlb));
		memset(hand, 0, sizeof(hand));
		memset(written, 0, pages / 8);
		hits = misses = dirty_sets = newly = 0;
		double t = now_ms();
		if (burst == 1) {
			for (uint64_t i = 0; i < touches; i++)
				touch(f, kind, (uint64_t)(next() * (1.0 / 4294967296.0) * (double)pages));
		} else {
			for (uint64_t i = 0; i < touches; i += burst) {
				uint64_t first = burst * (uint64_t)(next() * (1.0 / 4294967296.0) * (double)(pages / burst));
				for (uint64_t page = first; page < first + burst; page++)
					touch(f, kind, page);
			}
		}
		t = now_ms() - t;
		snprintf(check, sizeof(check), "%lu:%lu:%lu:%lu", (unsigned long)hits, (unsigned long)misses,
			 (unsigned long)dirty_sets, (unsigned long)newly);
		answer(touches / t / 1e3, check);
	}
}

int main(int argc, char **argv)
{
	int kind = atoi(argv[1]);
	uint64_t pages = strtoull(argv[2], 0, 0), touches = strtoull(argv[3], 0, 0), burst = strtoull(argv[4], 0, 0);
	switch (kind) {
	case 0: rounds(FORMATS[0], 0, pages, touches, burst); break;
	case 1: rounds(FORMATS[1], 1, pages, touches, burst); break;
	case 2: rounds(FORMATS[2], 2, pages, touches, burst); break;
	case 3: rounds(FORMATS[3], 3, pages, touches, burst); break;
	case 4: rounds(FORMATS[4], 4, pages, touches, burst); break;
	case 5: rounds(FORMATS[5], 5, pages, touches, burst); break;
	case 6: rounds(FORMATS[6], 6, pages, touches, burst); break;
	}
	return 0;
}
