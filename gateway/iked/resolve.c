/*
 * resolve.c: see resolve.h.
 */
#include "gateway/iked/resolve.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_S = 60, AFTER_FAILURE_S = 5 };

struct name {
	struct resolve *resolve;
	struct name *next;
	char text[CONFIG_NAME_MAX + 1];
	unsigned count;
	struct ip_addr addrs[IKE_ADDRS_MAX];
	struct evdns_getaddrinfo_request *request; /* under way; NULL: none */
	struct event *again;			   /* owned */
	bool wanted, failed_before;
	bool gone; /* nobody wants it; libevent still has its request */
};

struct resolve {
	struct event_base *base; /* borrowed */
	struct evdns_base *dns;	 /* owned; NULL until a name is wanted */
	struct name *names;	 /* owned */
	struct name *gone;	 /* owned until libevent lets go of them */
	void (*changed)(void *ctx);
	void *ctx;
};

int resolve_new(struct resolve **out, struct event_base *base, void (*changed)(void *ctx),
		void *ctx)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->base = base;
	r->changed = changed;
	r->ctx = ctx;
	*out = r;
	return 0;
}

static void ask_in(struct name *n, int seconds)
{
	const struct timeval wait = {.tv_sec = seconds};

	event_add(n->again, &wait);
}

static unsigned collect(const struct evutil_addrinfo *info, struct ip_addr *out)
{
	unsigned count = 0;

	for (; info && count < IKE_ADDRS_MAX; info = info->ai_next) {
		const void *sa = info->ai_addr;

		if (info->ai_family == AF_INET)
			out[count++] = ip_addr_v4(&((const struct sockaddr_in *)sa)->sin_addr);
		else if (info->ai_family == AF_INET6)
			out[count++] = ip_addr_v6(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	}
	return count;
}

/* Answers come in any order: the same set is no change. */
static bool same_set(const struct name *n, const struct ip_addr *addrs, unsigned count)
{
	if (n->count != count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		bool found = false;

		for (unsigned k = 0; k < count; k++)
			found |= ip_addr_equal(&n->addrs[i], &addrs[k]);
		if (!found)
			return false;
	}
	return true;
}

static void let_go(struct name *n)
{
	struct name **at = &n->resolve->gone;

	while (*at && *at != n)
		at = &(*at)->next;
	if (*at)
		*at = n->next;
	free(n);
}

static void on_answer(int result, struct evutil_addrinfo *info, void *arg)
{
	struct name *n = arg;
	struct ip_addr addrs[IKE_ADDRS_MAX];
	unsigned count = result ? 0 : collect(info, addrs);

	if (info)
		evutil_freeaddrinfo(info);
	if (n->gone) {
		let_go(n);
		return;
	}
	n->request = NULL;
	if (result == EVUTIL_EAI_CANCEL)
		return;
	if (!count) { /* what was known stays: a resolver that is down is no reason to let go */
		if (!n->failed_before)
			log_warnx("%s cannot be resolved: %s; asking again", n->text,
				  result ? evutil_gai_strerror(result) : "no address");
		n->failed_before = true;
		ask_in(n, AFTER_FAILURE_S);
		return;
	}
	n->failed_before = false;
	ask_in(n, AGAIN_S);
	if (same_set(n, addrs, count))
		return;
	memcpy(n->addrs, addrs, sizeof(addrs));
	n->count = count;
	n->resolve->changed(n->resolve->ctx);
}

static void ask(evutil_socket_t fd, short what, void *arg)
{
	const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct name *n = arg;

	(void)fd;
	(void)what;
	/* May answer before it returns, from /etc/hosts; then there is no request. */
	n->request = evdns_getaddrinfo(n->resolve->dns, n->text, NULL, &hints, on_answer, n);
}

/* A request that is cancelled still calls back, in a later turn of the loop: its name waits for that. */
static void free_name(struct name *n)
{
	if (n->again)
		event_free(n->again);
	n->again = NULL;
	if (!n->request) {
		free(n);
		return;
	}
	n->gone = true;
	n->next = n->resolve->gone;
	n->resolve->gone = n;
	evdns_getaddrinfo_cancel(n->request);
}

static struct name *find(const struct resolve *r, const char *text)
{
	struct name *n = r->names;

	while (n && strcmp(n->text, text) != 0)
		n = n->next;
	return n;
}

static int add(struct resolve *r, const char *text)
{
	struct name *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->resolve = r;
	n->wanted = true;
	snprintf(n->text, sizeof(n->text), "%s", text);
	n->again = evtimer_new(r->base, ask, n);
	if (!n->again) {
		free(n);
		return -ENOMEM;
	}
	n->next = r->names;
	r->names = n;
	ask_in(n, 0);
	return 0;
}

int resolve_watch(struct resolve *r, const struct iked_config *config)
{
	int rc = 0;

	if (config->host_count && !r->dns) {
		r->dns = evdns_base_new(r->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
							 EVDNS_BASE_DISABLE_WHEN_INACTIVE);
		if (!r->dns) { /* no resolv.conf: /etc/hosts is left */
			r->dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
			if (!r->dns)
				return -ENOMEM;
			(void)evdns_base_load_hosts(r->dns, "/etc/hosts");
		}
	}
	for (struct name *n = r->names; n; n = n->next)
		n->wanted = false;
	for (unsigned i = 0; i < config->host_count && !rc; i++) {
		struct name *n = find(r, config->hosts[i].name);

		if (n)
			n->wanted = true;
		else
			rc = add(r, config->hosts[i].name);
	}
	for (struct name **at = &r->names; *at;) {
		struct name *n = *at;

		if (n->wanted) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		free_name(n);
	}
	return rc;
}

unsigned resolve_lookup(const struct resolve *r, const char *name, struct ip_addr *out,
			unsigned max)
{
	const struct name *n = find(r, name);
	unsigned count = n ? n->count : 0;

	if (count > max)
		count = max;
	for (unsigned i = 0; i < count; i++)
		out[i] = n->addrs[i];
	return count;
}

void resolve_free(struct resolve *r)
{
	struct name *next;

	if (!r)
		return;
	for (struct name *n = r->names; n; n = next) {
		next = n->next;
		free_name(n);
	}
	if (r->dns)
		evdns_base_free(r->dns, 0);
	/* The loop turns no more: nobody calls back. */
	for (struct name *n = r->gone; n; n = next) {
		next = n->next;
		free(n);
	}
	free(r);
}
