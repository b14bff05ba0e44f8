/* packet/verdict.c: the verdict list as tables. Used by every program that prints counters. */
#include "packet/packet.h"

#include <assert.h>

struct verdict_row {
	const char *name;
	const char *text;
	const char *kernel;
	enum verdict_direction direction;
};

static const struct verdict_row rows[V_COUNT] = {
#define X(name_, direction_, kernel_, text_) \
	[V_##name_] = {#name_, text_, kernel_, VERDICT_##direction_},
	VERDICT_LIST(X)
#undef X
};

const char *verdict_name(enum verdict v)
{
	assert(v < V_COUNT);
	return rows[v].name;
}

const char *verdict_text(enum verdict v)
{
	assert(v < V_COUNT);
	return rows[v].text;
}

const char *verdict_kernel_name(enum verdict v)
{
	assert(v < V_COUNT);
	return rows[v].kernel;
}

enum verdict_direction verdict_direction(enum verdict v)
{
	assert(v < V_COUNT);
	return rows[v].direction;
}
