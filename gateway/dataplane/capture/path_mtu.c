/*
 * path_mtu.c: see path_mtu.h.
 */
#include "gateway/dataplane/capture/path_mtu.h"

#include <stdlib.h>
#include <string.h>

static int compare_addr(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare(const struct path_mtu *p, const struct ip_addr *src, const struct ip_addr *dst)
{
	int rc = compare_addr(&p->dst, dst);

	return rc ? rc : compare_addr(&p->src, src);
}

/* Where the path stands, or where it would. */
static size_t place(const struct path_mtus *t, const struct ip_addr *src, const struct ip_addr *dst)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&t->paths[middle], src, dst) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool stands_at(const struct path_mtus *t, size_t at, const struct ip_addr *src,
		      const struct ip_addr *dst)
{
	return at < t->count && compare(&t->paths[at], src, dst) == 0;
}

static bool make_room(struct path_mtus *t)
{
	size_t room = t->room ? t->room * 2 : 8;
	struct path_mtu *grown;

	if (t->count < t->room)
		return true;
	if (t->count == PATH_MTU_PATHS_MAX)
		return false;
	grown = reallocarray(t->paths, room, sizeof(*grown));
	if (!grown)
		return false;
	t->paths = grown;
	t->room = room;
	return true;
}

void path_mtus_fini(struct path_mtus *t)
{
	free(t->paths);
	*t = (struct path_mtus){0};
}

bool path_mtu_lower(struct path_mtus *t, const struct ip_addr *src, const struct ip_addr *dst,
		    uint32_t mtu, uint64_t now_s)
{
	size_t at = place(t, src, dst);
	struct path_mtu *path;
	bool lower;

	if (!stands_at(t, at, src, dst)) {
		if (!make_room(t))
			return false;
		memmove(&t->paths[at + 1], &t->paths[at], (t->count - at) * sizeof(t->paths[0]));
		t->paths[at] = (struct path_mtu){.src = *src, .dst = *dst, .mtu = UINT32_MAX};
		t->count++;
	}
	path = &t->paths[at];
	if (mtu > path->mtu) /* an old error, overtaken by a newer one */
		return false;
	lower = mtu < path->mtu;
	path->mtu = mtu;
	path->until = now_s + PATH_MTU_AGE_S;
	return lower;
}

uint32_t path_mtu_get(const struct path_mtus *t, const struct ip_addr *src,
		      const struct ip_addr *dst)
{
	size_t at = place(t, src, dst);

	return stands_at(t, at, src, dst) ? t->paths[at].mtu : 0;
}

bool path_mtu_age(struct path_mtus *t, uint64_t now_s)
{
	size_t kept = 0, before = t->count;

	for (size_t i = 0; i < before; i++) {
		if (t->paths[i].until > now_s)
			t->paths[kept++] = t->paths[i];
	}
	t->count = kept;
	return kept != before;
}

uint64_t path_mtu_next(const struct path_mtus *t)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < t->count; i++) {
		if (t->paths[i].until < next)
			next = t->paths[i].until;
	}
	return next;
}
