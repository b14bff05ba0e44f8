/*
 * ike-lite/engine.c: the machine's lists, and where a datagram goes, RFC 7296 §2.5, §2.21.
 */
#include "ike-lite/engine.h"

#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/exchanges.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* ---- lists ---------------------------------------------------------------------------------------- */

static unsigned bucket(uint64_t spi)
{
	return (unsigned)((spi ^ spi >> 32) % SA_BUCKETS);
}

void engine_list(struct ike *ike, struct ike_sa *sa)
{
	struct ike_sa **at = &ike->by_spi[bucket(sa_our_spi(sa))];

	sa->hash_next = *at;
	*at = sa;
	sa->next = ike->sas;
	if (sa->next)
		sa->next->prev = sa;
	ike->sas = sa;
}

void engine_join_half_open(struct ike *ike, struct ike_sa *sa)
{
	struct ike_sa **at = &ike->half_open[bucket(sa->spi_i)];

	sa->half_next = *at;
	*at = sa;
	sa->is_half_open = true;
	ike->half_open_count++;
}

void engine_leave_half_open(struct ike *ike, struct ike_sa *sa)
{
	struct ike_sa **at = &ike->half_open[bucket(sa->spi_i)];

	if (!sa->is_half_open)
		return;
	while (*at != sa)
		at = &(*at)->half_next;
	*at = sa->half_next;
	sa->is_half_open = false;
	ike->half_open_count--;
}

void engine_unlist(struct ike *ike, struct ike_sa *sa)
{
	struct ike_sa **at = &ike->by_spi[bucket(sa_our_spi(sa))];

	engine_leave_half_open(ike, sa);
	while (*at != sa)
		at = &(*at)->hash_next;
	*at = sa->hash_next;
	if (sa->prev)
		sa->prev->next = sa->next;
	else
		ike->sas = sa->next;
	if (sa->next)
		sa->next->prev = sa->prev;
}

struct ike_sa *engine_find(const struct ike *ike, uint64_t our_spi)
{
	struct ike_sa *sa = ike->by_spi[bucket(our_spi)];

	while (sa && sa_our_spi(sa) != our_spi)
		sa = sa->hash_next;
	return sa;
}

struct ike_sa *engine_find_half_open(const struct ike *ike, uint64_t spi_i,
				     const struct ike_ends *ends)
{
	struct ike_sa *sa = ike->half_open[bucket(spi_i)];

	while (sa && (sa->spi_i != spi_i || sa->ends.remote_port != ends->remote_port ||
		      !ip_addr_equal(&sa->ends.remote, &ends->remote)))
		sa = sa->half_next;
	return sa;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

uint64_t engine_random64(struct ike *ike)
{
	uint64_t value = 0;

	while (value == 0)
		ike->env.random(ike->env.ctx, (uint8_t *)&value, sizeof(value));
	return value;
}

static bool spi_is_taken(const struct ike *ike, uint32_t spi)
{
	for (const struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (sa_child_by_spi_in(sa, spi))
			return true;
	}
	return false;
}

uint32_t engine_new_spi(struct ike *ike)
{
	uint32_t spi;

	do {
		spi = (uint32_t)engine_random64(ike);
	} while (spi <= 255 || spi_is_taken(ike, spi));
	return spi;
}

void engine_due_at(struct ike *ike, uint64_t when)
{
	if (when < ike->due)
		ike->due = when;
}

/* ---- life --------------------------------------------------------------------------------------------- */

int ike_new(struct ike **out, const struct ike_env *env)
{
	struct ike *ike = calloc(1, sizeof(*ike));

	if (!ike)
		return -ENOMEM;
	ike->env = *env;
	ike->due = UINT64_MAX;
	ike->next_reqid = 1;
	*out = ike;
	return 0;
}

void ike_free(struct ike *ike)
{
	if (!ike)
		return;
	while (ike->sas)
		sa_free(ike->sas);
	actions_fini(&ike->actions);
	settings_fini(&ike->settings);
	ike_cookies_cleanse(&ike->cookies);
	free(ike);
}

void engine_enter(struct ike *ike, uint64_t now_ms)
{
	if (now_ms > ike->now)
		ike->now = now_ms;
}

void engine_leave(struct ike *ike)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = ike->sas; sa && ike->has_dead; sa = next) {
		next = sa->next;
		if (sa->phase == SA_DEAD)
			sa_free(sa);
	}
	ike->has_dead = false;
}

bool ike_next_action(struct ike *ike, struct ike_action *out)
{
	return actions_take(&ike->actions, out);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

uint64_t ike_next_tick(const struct ike *ike)
{
	return ike->due;
}

void ike_tick(struct ike *ike, uint64_t now_ms)
{
	engine_enter(ike, now_ms);
	if (ike->now < ike->due)
		return;
	ike->due = UINT64_MAX;
	/* New ones are put in front: they wait for their own time. */
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (sa->phase != SA_DEAD && sa_due(sa) <= ike->now)
			sa_tick(sa);
	}
	engine_leave(ike);
	for (const struct ike_sa *sa = ike->sas; sa; sa = sa->next)
		engine_due_at(ike, sa_due(sa));
}

/* ---- datagrams ------------------------------------------------------------------------------------------- */

/* §2.5: who speaks a later version is told ours, in the clear, a few times a second. */
static void answer_version(struct ike *ike, const struct ike_ends *ends, const struct ike_header *h)
{
	struct ike_header answer = *h;
	struct ike_writer w;
	uint8_t buf[64];
	uint32_t len;

	if (h->flags & IKE_FLAG_RESPONSE || !engine_may_answer(ike))
		return;
	answer.version = IKE_VERSION_2;
	answer.flags = IKE_FLAG_RESPONSE | (h->flags & IKE_FLAG_INITIATOR ? 0 : IKE_FLAG_INITIATOR);
	ike_writer_begin(&w, buf, sizeof(buf), &answer);
	ike_put_notify(&w, &(struct ike_notify){.type = IKE_N_INVALID_MAJOR_VERSION});
	len = ike_writer_end(&w);
	emit_send(ike, ends, buf, len);
}

static void take_init(struct ike *ike, const struct ike_ends *ends, const struct ike_header *h,
		      struct ike_span datagram)
{
	struct ike_span chain = {datagram.data + IKE_HEADER_LEN, datagram.len - IKE_HEADER_LEN};
	struct message m = {.h = h, .ends = ends, .whole = datagram};
	bool response = h->flags & IKE_FLAG_RESPONSE;
	struct ike_sa *sa;

	if (h->id != 0 || h->spi_i == 0 || ike_payloads_parse(chain, h->next, &m.list) != 0)
		return;
	if (!response && h->flags & IKE_FLAG_INITIATOR && h->spi_r == 0) {
		init_take_request(ike, &m);
		return;
	}
	sa = response && !(h->flags & IKE_FLAG_INITIATOR) ? engine_find(ike, h->spi_i) : NULL;
	if (sa && sa->initiator && sa->phase == SA_INIT_SENT)
		init_take_answer(sa, &m);
}

static void take_encrypted(struct ike *ike, const struct ike_ends *ends, const struct ike_header *h,
			   struct ike_span datagram)
{
	bool from_initiator = h->flags & IKE_FLAG_INITIATOR;
	struct ike_sa *sa = engine_find(ike, from_initiator ? h->spi_r : h->spi_i);

	/* §2.21.4: nobody is told that we do not know an SPI: it would only help strangers, and a peer's
	 * liveness check finds out. */
	if (!sa || sa->phase == SA_DEAD || sa->initiator == from_initiator ||
	    sa->spi_i != h->spi_i || sa->spi_r != h->spi_r)
		return;
	sa_input(sa, ends, h, datagram);
}

void ike_input(struct ike *ike, uint64_t now_ms, const struct ike_ends *ends, const uint8_t *data,
	       size_t len)
{
	struct ike_span datagram = {data, (uint32_t)len};
	struct ike_header h;

	engine_enter(ike, now_ms);
	if (len > IKE_MESSAGE_MAX || !ike_header_parse(datagram, &h))
		return;
	if ((h.version & 0xf0) > IKE_VERSION_2)
		answer_version(ike, ends, &h);
	/* A minor version is not looked at, §2.5. */
	if ((h.version & 0xf0) != IKE_VERSION_2)
		return;
	if (h.exchange == IKE_SA_INIT)
		take_init(ike, ends, &h, datagram);
	else
		take_encrypted(ike, ends, &h, datagram);
	engine_leave(ike);
}
