/*
 * xfrm/replay.c: what an SA has done so far, RFC 4303 §3.3.3 and §3.4.3: both of XFRM's forms of
 * replay state, and the counters of XFRMA_LTIME_VAL; and the messages about nothing else, GETAE and
 * NEWAE. A manager that moves an SA (charon, when an address changes) reads it by GETSA and GETAE and
 * gives it back with a NEWSA. Called by parse_sa.c, put_sa.c, xfrm_parse and xfrm_put.
 *
 * The bitmap of the window has a form of its own in each: in the wide one a ring of as many bits as the
 * window has, in which number n stands at (n - 1) modulo that. One that does not say that the highest
 * number was seen, as one that is left out, tells nothing (esp_in_resume).
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum { LEGACY_WINDOW_MAX = 32 }; /* bits of struct xfrm_replay_state's bitmap */

/* ---- the sequence numbers --------------------------------------------------------------------- */

static int check_esn(const struct xfrm_input *in, const struct xfrm_replay_state_esn *esn)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_REPLAY_ESN_VAL];
	uint32_t offset = xfrm_attr_offset(in, attr);
	size_t bitmap = (size_t)esn->bmp_len * sizeof(uint32_t);

	if (esn->bmp_len > XFRMA_REPLAY_ESN_MAX / sizeof(uint32_t) / 8)
		return xfrm_error_set(
			in->err, -EINVAL, offset,
			"XFRMA_REPLAY_ESN_VAL: bitmap of %u words, at most 128 may be",
			esn->bmp_len);
	/* iproute2 sends the structure alone; the kernel supplies the bitmap, and so do we. */
	if (xfrm_attr_len(attr) < sizeof(*esn) + bitmap && xfrm_attr_len(attr) != sizeof(*esn))
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "XFRMA_REPLAY_ESN_VAL is too short for its bitmap");
	if (esn->replay_window > esn->bmp_len * sizeof(uint32_t) * 8)
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "replay window of %u does not fit a bitmap of %u words",
				      esn->replay_window, esn->bmp_len);
	return 0;
}

/* Where in the ring the number that is i below the highest one has its bit. */
static uint32_t ring_place(uint32_t seq, uint32_t window, uint32_t i)
{
	uint32_t place = (seq - 1) % window;

	return place >= i ? place - i : window - (i - place);
}

/* behind: the words after the structure, if they are there. */
static void get_ring(const struct xfrm_replay_state_esn *esn, const uint8_t *behind,
		     struct esp_seen *out)
{
	uint32_t word;

	memset(out, 0xff, sizeof(*out)); /* what it does not speak of was */
	for (uint32_t i = 0; i < esn->replay_window; i++) {
		uint32_t at = ring_place(esn->seq, esn->replay_window, i);

		memcpy(&word, behind + at / 32 * sizeof(word), sizeof(word));
		if (!(word >> at % 32 & 1))
			out->bits[i / 32] &= ~(1U << i % 32);
	}
}

/* Whichever of the two is there, and in it the numbers. */
static int get_numbers(const struct xfrm_input *in, struct xfrm_sa *out)
{
	const struct nlattr *wide = in->attrs.at[XFRMA_REPLAY_ESN_VAL];
	const struct nlattr *narrow = in->attrs.at[XFRMA_REPLAY_VAL];
	struct xfrm_replay_state_esn esn;
	struct xfrm_replay_state state;
	int rc;

	if (wide) {
		memcpy(&esn, xfrm_attr_data(wide), sizeof(esn));
		rc = check_esn(in, &esn);
		if (rc)
			return rc;
		out->config.replay_window = esn.replay_window;
		out->status.out_seq = (uint64_t)esn.oseq_hi << 32 | esn.oseq;
		out->status.in_seq = (uint64_t)esn.seq_hi << 32 | esn.seq;
		if (xfrm_attr_len(wide) > sizeof(esn))
			get_ring(&esn, (const uint8_t *)xfrm_attr_data(wide) + sizeof(esn),
				 &out->status.seen);
	} else if (narrow) {
		memcpy(&state, xfrm_attr_data(narrow), sizeof(state));
		out->status.out_seq = state.oseq;
		out->status.in_seq = state.seq;
		memset(&out->status.seen, 0xff, sizeof(out->status.seen));
		out->status.seen.bits[0] = state.bitmap;
	}
	return 0;
}

static bool exceeds_32_bits(const struct sa_status *status)
{
	return status->out_seq > UINT32_MAX || status->in_seq > UINT32_MAX;
}

int xfrm_replay_get(const struct xfrm_input *in, const struct xfrm_usersa_info *info,
		    struct xfrm_sa *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_REPLAY_ESN_VAL];
	uint32_t offset = xfrm_attr_offset(in, attr);
	int rc;

	out->config.esn = (info->flags & XFRM_STATE_ESN) != 0;
	if (!attr && out->config.esn)
		return xfrm_error_set(in->err, -EINVAL, XFRM_FIELD(struct xfrm_usersa_info, flags),
				      "extended sequence numbers need XFRMA_REPLAY_ESN_VAL");
	out->config.replay_window =
		info->replay_window > LEGACY_WINDOW_MAX ? LEGACY_WINDOW_MAX : info->replay_window;
	if (attr && info->replay_window != 0)
		return xfrm_error_set(in->err, -EINVAL,
				      XFRM_FIELD(struct xfrm_usersa_info, replay_window),
				      "replay_window must be 0 beside XFRMA_REPLAY_ESN_VAL");
	rc = get_numbers(in, out);
	if (rc)
		return rc;
	/* RFC 4303 §2.2.1: the high half is inferred from the window. */
	if (out->config.esn && out->config.replay_window == 0)
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "extended sequence numbers need a replay window above 0");
	if (in->request && !out->config.esn && exceeds_32_bits(&out->status))
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "sequence numbers beyond 32 bits need XFRM_STATE_ESN");
	return 0;
}

void xfrm_lifetime_get(const struct xfrm_input *in, struct sa_status *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_LTIME_VAL];
	struct xfrm_lifetime_cur cur;

	if (!attr)
		return;
	memcpy(&cur, xfrm_attr_data(attr), sizeof(cur));
	out->bytes = cur.bytes;
	out->packets = cur.packets;
	out->add_time = cur.add_time;
	out->use_time = cur.use_time;
}

/* ---- the same, written ------------------------------------------------------------------------ */

static void put_wide(struct xfrm_output *o, const struct xfrm_sa *sa)
{
	union {
		struct xfrm_replay_state_esn esn;
		uint32_t words[sizeof(struct xfrm_replay_state_esn) / sizeof(uint32_t) +
			       XFRMA_REPLAY_ESN_MAX / 32];
	} raw;
	uint32_t bitmap = sa->config.replay_window / 32 + (sa->config.replay_window % 32 != 0);

	if (sa->config.replay_window > XFRMA_REPLAY_ESN_MAX) {
		o->full = true; /* XFRM cannot say it */
		return;
	}
	memset(&raw, 0, sizeof(raw));
	raw.esn.bmp_len = bitmap;
	raw.esn.replay_window = sa->config.replay_window;
	raw.esn.oseq = (uint32_t)sa->status.out_seq;
	raw.esn.oseq_hi = (uint32_t)(sa->status.out_seq >> 32);
	raw.esn.seq = (uint32_t)sa->status.in_seq;
	raw.esn.seq_hi = (uint32_t)(sa->status.in_seq >> 32);
	for (uint32_t i = 0; i < raw.esn.replay_window; i++) {
		uint32_t at = ring_place(raw.esn.seq, raw.esn.replay_window, i);

		if (esp_was_seen(&sa->status.seen, i))
			raw.words[sizeof(raw.esn) / sizeof(uint32_t) + at / 32] |= 1U << at % 32;
	}
	xfrm_attr_put(o, XFRMA_REPLAY_ESN_VAL, &raw, sizeof(raw.esn) + bitmap * sizeof(uint32_t));
}

/* required: even if there is nothing to say. */
static void put_numbers(struct xfrm_output *o, const struct xfrm_sa *sa, bool wide, bool required)
{
	struct xfrm_replay_state state = {
		.oseq = (uint32_t)sa->status.out_seq,
		.seq = (uint32_t)sa->status.in_seq,
		.bitmap = sa->status.seen.bits[0],
	};

	if (wide)
		put_wide(o, sa);
	else if (required || sa->status.out_seq || sa->status.in_seq)
		xfrm_attr_put(o, XFRMA_REPLAY_VAL, &state, sizeof(state));
}

void xfrm_replay_put(struct xfrm_output *o, const struct xfrm_sa *sa, bool request)
{
	put_numbers(o, sa, sa->config.esn || sa->config.replay_window > LEGACY_WINDOW_MAX,
		    !request);
}

void xfrm_lifetime_put(struct xfrm_output *o, const struct sa_status *status, bool required)
{
	struct xfrm_lifetime_cur cur = {
		.bytes = status->bytes,
		.packets = status->packets,
		.add_time = status->add_time,
		.use_time = status->use_time,
	};

	if (required || cur.bytes || cur.packets || cur.add_time || cur.use_time)
		xfrm_attr_put(o, XFRMA_LTIME_VAL, &cur, sizeof(cur));
}

/* ---- GETAE, NEWAE ----------------------------------------------------------------------------- */

#define AE_FIELD(member) XFRM_FIELD(struct xfrm_aevent_id, member)

/* As the kernel's xfrm_new_ae. */
static int check_new_ae(const struct xfrm_input *in)
{
	const struct nlattr *const *at = in->attrs.at;

	bool sets = at[XFRMA_LTIME_VAL] || at[XFRMA_REPLAY_VAL] || at[XFRMA_REPLAY_ESN_VAL];
	bool threshold = at[XFRMA_ETIMER_THRESH] || at[XFRMA_REPLAY_THRESH];

	if (!sets && !threshold)
		return xfrm_error_set(in->err, -EINVAL, 0,
				      "NEWAE needs replay state, counters or a threshold");
	if (!in->request)
		return 0;
	if (!(in->nlh->nlmsg_flags & NLM_F_REPLACE))
		return xfrm_error_set(in->err, -EINVAL, 0, "NEWAE needs NLM_F_REPLACE");
	if (threshold)
		return xfrm_error_set(in->err, -EOPNOTSUPP, 0,
				      "thresholds of replay events are not supported");
	return 0;
}

int xfrm_parse_aevent(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct sa_config *config = &out->sa.config;
	struct xfrm_aevent_id id;
	int rc = 0;

	xfrm_header_get(in, &id, sizeof(id));
	if (id.sa_id.family != AF_INET && id.sa_id.family != AF_INET6)
		return xfrm_error_set(in->err, -ESRCH, AE_FIELD(sa_id.family),
				      "address family %u: IPv4 or IPv6 is expected",
				      id.sa_id.family);
	if (out->type == XFRM_MSG_NEWAE)
		rc = check_new_ae(in);
	if (rc == 0)
		rc = xfrm_attr_refuse(in, XFRMA_IF_ID, "XFRM interfaces are not supported");
	if (rc == 0)
		rc = get_numbers(in, &out->sa);
	if (rc)
		return rc;
	config->id.dst = xfrm_addr_get(id.sa_id.family, &id.sa_id.daddr);
	config->id.spi = ntohl(id.sa_id.spi);
	config->id.proto = id.sa_id.proto;
	config->src = xfrm_addr_get(id.sa_id.family, &id.saddr);
	config->reqid = id.reqid;
	config->mark = xfrm_mark_get(in);
	config->esn = exceeds_32_bits(&out->sa.status);
	out->ae_flags = id.flags;
	out->ae_replay = in->attrs.at[XFRMA_REPLAY_VAL] || in->attrs.at[XFRMA_REPLAY_ESN_VAL];
	out->ae_lifetime = in->attrs.at[XFRMA_LTIME_VAL] != NULL;
	xfrm_lifetime_get(in, &out->sa.status);
	return 0;
}

/* An event or an answer has both parts, as the kernel's; a request what it is to set. */
void xfrm_put_aevent(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct sa_config *config = &msg->sa.config;
	const bool news = msg->type == XFRM_MSG_NEWAE;
	struct xfrm_aevent_id id;

	memset(&id, 0, sizeof(id));
	xfrm_addr_put(&id.sa_id.daddr, &config->id.dst);
	id.sa_id.spi = htonl(config->id.spi);
	id.sa_id.family = config->id.dst.family;
	id.sa_id.proto = config->id.proto;
	xfrm_addr_put(&id.saddr, &config->src);
	id.flags = msg->ae_flags;
	id.reqid = config->reqid;
	xfrm_header_put(o, &id, sizeof(id));
	if (news && (!request || msg->ae_replay))
		put_numbers(o, &msg->sa,
			    config->esn || config->replay_window > LEGACY_WINDOW_MAX ||
				    exceeds_32_bits(&msg->sa.status),
			    true);
	if (news && (!request || msg->ae_lifetime))
		xfrm_lifetime_put(o, &msg->sa.status, true);
	xfrm_mark_put(o, &config->mark);
}
