/*
 * service_names.c: see service_names.h.
 */
#include "gateway/iked/config/service_names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 40 };

/* What lies in [from, to); false: too much for a name. */
static bool word_of(const char *from, const char *to, char word[static WORD_MAX])
{
	size_t len = (size_t)(to - from);

	if (len >= WORD_MAX)
		return false;
	memcpy(word, from, len);
	word[len] = '\0';
	return true;
}

static bool is_name(const char *word)
{
	return word[0] != '\0' && strspn(word, "0123456789-") < strlen(word) &&
	       strcmp(word, "any") != 0 && strcmp(word, "%any") != 0 && strcmp(word, "opaque") != 0;
}

/* Of the protocol, by name or number; of any, if none is given. */
static const struct servent *find_service(const char *service, const char *protocol)
{
	const struct protoent *known = NULL;
	unsigned number;

	if (is_name(protocol))
		known = getprotobyname(protocol);
	else if (sscanf(protocol, "%3u", &number) == 1 && number > 0)
		known = getprotobynumber((int)number);
	else
		return getservbyname(service, NULL);
	return known ? getservbyname(service, known->p_name) : NULL;
}

void service_names_to_numbers(const char *text, char buf[static IKE_TS_TEXT_MAX])
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL, *slash;
	char protocol[WORD_MAX], service[WORD_MAX];
	const struct protoent *proto;
	const struct servent *serv;

	(void)snprintf(buf, IKE_TS_TEXT_MAX, "%s", text);
	if (!close || close[1] != '\0')
		return;
	slash = memchr(open, '/', (size_t)(close - open));
	if (!word_of(open + 1, slash ? slash : close, protocol) ||
	    !word_of(slash ? slash + 1 : close, close, service))
		return;
	serv = is_name(service) ? find_service(service, protocol) : NULL;
	if (serv)
		(void)snprintf(service, sizeof(service), "%u", ntohs((uint16_t)serv->s_port));
	proto = is_name(protocol) ? getprotobyname(protocol) : NULL;
	if (proto)
		(void)snprintf(protocol, sizeof(protocol), "%d", proto->p_proto);
	(void)snprintf(buf, IKE_TS_TEXT_MAX, "%.*s[%s%s%s]", (int)(open - text), text, protocol,
		       slash ? "/" : "", service);
}
