/*
 * dummy.c: dummy packets, RFC 4303 §2.6, for the SAs that ask for them (SA_XFLAG_DUMMIES): the packet
 * threads are told when to send one. At random times, since a clock would tell them from what they
 * are to hide among: each second each such SA is due with a chance of one in so many. Called by
 * control.c.
 */
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/rand.h>

enum {
	DUMMY_MIN = 40,	  /* bytes of content: a TCP packet without data */
	DUMMY_MAX = 1280, /* unless the SA pads its packets: all to one length then */
};

/* False without randomness, and then there is no dummy either. */
static bool random_below(uint32_t limit, uint32_t *out)
{
	uint32_t value;

	if (RAND_bytes((unsigned char *)&value, sizeof(value)) != 1)
		return false;
	*out = value % limit; /* limit is small: the bias is of no consequence */
	return true;
}

/* As long as the SA's other packets may be; the path's limit holds for both. False: no length. */
static bool choose_len(const struct control *c, const struct sa_config *sa, uint32_t *out)
{
	const uint32_t outer =
		hostnet_path_mtu(c->deps.hostnet, &sa->id.dst, &sa->src, sa_output_mark(sa));
	const enum esp_encap encap = sa_encap_is_udp(&sa->encap) ? ESP_ENCAP_UDP : ESP_ENCAP_NONE;
	uint32_t inner = esp_inner_mtu(&sa->suite, encap, sa->id.dst.family,
				       outer ? outer : (uint32_t)DUMMY_MAX);
	uint32_t max = inner < DUMMY_MAX ? inner : (uint32_t)DUMMY_MAX;
	uint32_t above;

	if (max < DUMMY_MIN)
		return false;
	*out = esp_padded_len(DUMMY_MIN, sa->tfcpad, inner);
	if (*out > DUMMY_MIN)
		return true;
	if (!random_below(max - DUMMY_MIN + 1, &above))
		return false;
	*out += above;
	return true;
}

static void consider(struct control *c, const struct sa *sa)
{
	struct notice order = notice_about(NOTICE_DUMMY, sa);
	uint32_t chance;

	if (!random_below(c->deps.dummies_s, &chance) || chance != 0)
		return;
	if (choose_len(c, &sa->config, &order.len))
		c->deps.order(c->deps.ctx, &order);
}

void dummy_run(struct control *c)
{
	struct sadb_walk walk;
	struct sa *sa;

	sadb_walk_begin(c->deps.db, &walk, false);
	while ((sa = sadb_walk_sa(&walk))) {
		if (sa->out && (sa->config.extra_flags & SA_XFLAG_DUMMIES))
			consider(c, sa);
	}
	sadb_walk_end(&walk);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dummy_run(arg);
}

int dummy_open(struct control *c)
{
	const struct timeval second = {.tv_sec = 1};

	if (c->deps.dummies_s == 0)
		return 0;
	c->dummies = event_new(c->base, -1, EV_PERSIST, on_second, c);
	return c->dummies && event_add(c->dummies, &second) == 0 ? 0 : -ENOMEM;
}

void dummy_close(struct control *c)
{
	if (c->dummies)
		event_free(c->dummies);
}
