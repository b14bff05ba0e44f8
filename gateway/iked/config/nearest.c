/*
 * nearest.c: which known key a mistyped one was meant to be: the one with the fewest letters to add,
 * drop, change or swap, if those are few.
 */
#include "gateway/iked/config/keys.h"

#include <string.h>

enum { WORD_MAX = 32 };

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Damerau's distance without repeated edits of one place. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned m = (unsigned)strlen(a), n = (unsigned)strlen(b);

	for (unsigned j = 0; j <= n; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= m; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = smaller(best, smaller(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = smaller(best, above2[j - 2] + 1);
			row[j] = best;
		}
	}
	return rows[m % 3][n];
}

const char *config_key_nearest(enum config_place place, const char *name)
{
	unsigned count, best, len = (unsigned)strlen(name);
	const struct config_key *keys = config_keys(&count);
	const char *found = NULL;

	if (len > WORD_MAX)
		return NULL;
	/* A word of which more than a third is wrong is another word. */
	best = len / 3 + 1;
	for (unsigned i = 0; i < count; i++) {
		unsigned d;

		if (keys[i].place != place || strlen(keys[i].name) > WORD_MAX)
			continue;
		d = distance(name, keys[i].name);
		if (d < best || (d == best && !found)) {
			best = d;
			found = keys[i].name;
		}
	}
	return found;
}
