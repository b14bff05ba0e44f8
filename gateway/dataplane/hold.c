/*
 * hold.c: see hold.h. Slots stay where they are; their numbers are kept in order of age, the free
 * ones behind the used.
 */
#include "gateway/dataplane/hold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct hold {
	unsigned count;
	uint8_t order[HOLD_MAX]; /* the first count: oldest first; the others: free */
	struct held slot[HOLD_MAX];
};

static_assert(HOLD_MAX <= UINT8_MAX, "slots are numbered by bytes");

struct hold *hold_new(void)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	for (unsigned i = 0; hold && i < HOLD_MAX; i++)
		hold->order[i] = (uint8_t)i;
	return hold;
}

void hold_free(struct hold *hold)
{
	free(hold);
}

unsigned hold_count(const struct hold *hold)
{
	return hold->count;
}

struct held *hold_at(struct hold *hold, unsigned i)
{
	assert(i < hold->count);
	return &hold->slot[hold->order[i]];
}

void hold_remove(struct hold *hold, unsigned i)
{
	uint8_t slot = hold->order[i];

	assert(i < hold->count);
	hold->count--;
	memmove(hold->order + i, hold->order + i + 1, hold->count - i);
	hold->order[hold->count] = slot;
}

/* Makes room for one more of the policy. Number that had to go, 0 or 1. */
static unsigned make_room(struct hold *hold, uint32_t policy)
{
	unsigned of_policy = 0, oldest = 0;

	for (unsigned i = hold->count; i-- > 0;) {
		if (hold_at(hold, i)->policy == policy) {
			of_policy++;
			oldest = i;
		}
	}
	if (of_policy < HOLD_PER_POLICY && hold->count < HOLD_MAX)
		return 0;
	hold_remove(hold, of_policy < HOLD_PER_POLICY ? 0 : oldest);
	return 1;
}

bool hold_put(struct hold *hold, uint32_t policy, const struct virtio_net_hdr *vnet,
	      const uint8_t *data, size_t len, unsigned *dropped)
{
	struct held *held;

	if (len > HOLD_BYTES)
		return false;
	*dropped = make_room(hold, policy);
	hold->count++;
	held = hold_at(hold, hold->count - 1);
	held->policy = policy;
	held->vnet = *vnet;
	held->len = (uint32_t)len;
	memcpy(held->data, data, len);
	return true;
}
