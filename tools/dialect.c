/*
 * dialect.c: the names of the dialects.
 */
#include "tools/dialect.h"

#include <string.h>

bool dialect_lookup(const char *name, enum setkey_dialect *out)
{
	if (!strcmp(name, "linux"))
		*out = DIALECT_LINUX;
	else if (!strcmp(name, "bsd"))
		*out = DIALECT_BSD;
	else
		return false;
	return true;
}
