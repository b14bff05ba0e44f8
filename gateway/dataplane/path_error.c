/*
 * path_error.c: what the network says about packets we sent. RFC 4301 §6.1.1, §8.2. Anybody can send
 * an ICMP error, so one is believed only if it quotes a packet that one of our SAs has sent lately,
 * by SPI, destination and sequence number. Who does not see our packets has to guess: once in half a
 * million tries while an SA counts to 2^32, easily while it has sent few. So even then no path is made
 * narrower than IP allows, and none for ever. A peer that a NAT moved has its errors taken for a
 * stranger's until its IKE daemon, which heard of that, has told the SA (UPDSA, MIGRATE). Called by worker.c
 * on the packet thread; what is believed goes to the control thread.
 */
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/worker.h"

enum {
	ERRORS_AT_ONCE = 64,
	LATELY = 1 << 13,  /* packets: what is under way at 100 MB/s for 100 ms */
	IP4_PATH_MIN = 576 /* every host takes so much, RFC 791 §3.1; smaller is an attack */
};

/* Did the SA send number seq (its low half) lately? */
static bool sent_lately(const struct esp_out *out, uint32_t seq)
{
	const uint64_t top = esp_out_seq(out);
	const uint32_t age = (uint32_t)top - seq;

	return age < LATELY && age < top; /* the first packet has number 1 */
}

static enum verdict judge(const struct worker *w, const struct wire_error *e, const struct sa **sa)
{
	uint32_t least = e->dst.family == AF_INET6 ? (uint32_t)IP6_MTU_MIN : (uint32_t)IP4_PATH_MIN;

	/* Unreachable hosts and closed ports: IKE finds out by itself, §6.1.1 leaves the rest to policy. */
	if (!e->too_big)
		return V_ICMP_OTHER;
	*sa = e->names_packet ? sad_lookup_sent(w->db, e->spi, &e->dst) : NULL;
	if (!*sa || sa_encap_is_udp(&(*sa)->config.encap) != (e->sport != 0) ||
	    !sent_lately((*sa)->out, e->seq))
		return V_ICMP_STRANGER;
	return e->mtu < least ? V_ICMP_TOO_LOW : V_ICMP_TOO_BIG;
}

static void audit(const struct wire_error *e, enum verdict v)
{
	char offender[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	log_packet("ICMP type %u code %u from %s, MTU %u, about SPI 0x%08x to %s sequence number "
		   "%u: %s",
		   e->type, e->code, ip_addr_format(&e->offender, offender), e->mtu, e->spi,
		   ip_addr_format(&e->dst, dst), e->seq, verdict_text(v));
}

void path_error_batch(struct worker *w, uint8_t family)
{
	const struct sa *said = NULL;
	uint32_t said_mtu = 0;
	struct wire_error e;

	for (unsigned i = 0; i < ERRORS_AT_ONCE && wire_recv_error(w->wire, family, &e); i++) {
		const struct sa *sa = NULL;
		enum verdict v = judge(w, &e, &sa);

		worker_count_in(w, v, 1);
		if (v != V_ICMP_TOO_BIG) { /* what is believed the control thread logs */
			audit(&e, v);
			continue;
		}
		/* A whole flight of packets met the narrow link: told once. */
		if (sa == said && e.mtu >= said_mtu)
			continue;
		worker_notify_mtu(w, sa, e.mtu);
		said = sa;
		said_mtu = e.mtu;
	}
}
