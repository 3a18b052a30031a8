// A std::priority_queue ordered by (time, sequence): each step takes the first event and puts it back later.
// args: events pending, steps per round. Prints million steps a second.
#include "bench.h"
#include <queue>
#include <vector>

struct Event {
	uint64_t time;
	uint64_t sequence;
	uint32_t payload;
};
struct Later {
	bool operator()(const Event &a, const Event &b) const
	{
		return a.time != b.time ? a.time > b.time : a.sequence > b.sequence;
	}
};

int main(int, char **argv)
{
	uint32_t pending = atoi(argv[1]), steps = atoi(argv[2]);
	char check[64];
	ready();
	while (next_round()) {
		std::priority_queue<Event, std::vector<Event>, Later> queue;
		uint32_t s = 1;
		uint64_t sequence = 0;
		for (uint32_t i = 0; i < pending; i++) {
			s = next_lcg(s);
			queue.push({s >> 12, sequence++, i});
		}
		uint32_t sum = 0;
		uint64_t last = 0;
		double t = now_ms();
		for (uint32_t i = 0; i < steps; i++) {
			Event event = queue.top();
			queue.pop();
			sum = sum * 31 + event.payload;
			last = event.time;
			s = next_lcg(s);
			queue.push({event.time + (s >> 12), sequence++, event.payload});
		}
		t = now_ms() - t;
		snprintf(check, sizeof(check), "%llu:%u", (unsigned long long)last, sum);
		answer(steps / t / 1e3, check);
	}
	return 0;
}
