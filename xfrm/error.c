/*
 * xfrm/error.c: a refusal as a value: errno, place in the message, and a sentence for the user.
 * Never given key bytes. Called by the parsers here, by the control server and by the client.
 */
#include "xfrm/xfrm.h"

#include <stdarg.h>
#include <stdio.h>

int xfrm_error_set(struct xfrm_error *err, int code, uint32_t offset, const char *format, ...)
{
	va_list args;

	err->code = code;
	err->offset = offset;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args); /* a long one is cut */
	va_end(args);
	return code;
}
