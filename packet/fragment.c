/*
 * packet/fragment.c: cuts an inner IPv4 packet whose source allows it (DF clear) so that each
 * piece fits the tunnel, RFC 791 §3.2. Fragmenting before ESP keeps the far gateway from having
 * to reassemble ciphertext (RFC 4301 §8.2.1). Called by gateway/dataplane/outbound.c.
 */
#include "packet/load.h"
#include "packet/packet.h"

#include <assert.h>
#include <string.h>

enum { IP4_HEADER_MAX = 60, IP4_MF = 0x2000, FRAGMENT_UNIT = 8 };
enum ip4_option { IP4_OPTION_END = 0, IP4_OPTION_NOP = 1, IP4_OPTION_COPIED = 0x80 };

bool fragmenter_init(struct fragmenter *f, const uint8_t *data, const struct ip_view *v,
		     uint16_t mtu)
{
	if (v->version != 4 || v->df || mtu < v->l4_off + FRAGMENT_UNIT ||
	    v->total_len == v->l4_off)
		return false;
	*f = (struct fragmenter){.data = data, .view = *v, .mtu = mtu};
	return true;
}

/* Writes the header of a later fragment, which carries only the options that say so (RFC 791
 * §3.1, copied flag), and returns its length. Options that make no sense end the copying: the
 * first fragment carries them all the same. */
static size_t put_later_header(const struct fragmenter *f, uint8_t out[static IP4_HEADER_MAX])
{
	const uint8_t *in = f->data;
	size_t len = IP4_HEADER_MIN;

	memcpy(out, in, IP4_HEADER_MIN);
	for (size_t i = IP4_HEADER_MIN; i < f->view.l4_off && in[i] != IP4_OPTION_END;) {
		size_t option_len = 1;

		if (in[i] != IP4_OPTION_NOP) {
			if (f->view.l4_off - i < 2)
				break;
			option_len = in[i + 1];
			if (option_len < 2 || option_len > f->view.l4_off - i)
				break;
		}
		if (in[i] & IP4_OPTION_COPIED) {
			memcpy(out + len, in + i, option_len);
			len += option_len;
		}
		i += option_len;
	}
	while (len % 4 != 0)
		out[len++] = IP4_OPTION_END;
	return len;
}

bool fragmenter_next(struct fragmenter *f, struct packet *out)
{
	uint16_t payload = (uint16_t)(f->view.total_len - f->view.l4_off);
	uint16_t left = (uint16_t)(payload - f->done);
	uint8_t *ip = packet_data(out);
	uint8_t header[IP4_HEADER_MAX];
	size_t header_len = f->view.l4_off, take;
	bool more = f->view.more_frags;

	if (left == 0)
		return false;
	if (f->done == 0)
		memcpy(header, f->data, header_len);
	else
		header_len = put_later_header(f, header);

	take = left;
	if (header_len + take > f->mtu) {
		take = (f->mtu - header_len) / FRAGMENT_UNIT * FRAGMENT_UNIT;
		more = true;
	}
	out->len = (uint32_t)(header_len + take);
	assert(out->off <= out->size && out->len <= out->size - out->off);

	/* The packet may be a fragment itself: its own offset and MF carry over. */
	header[0] = (uint8_t)(0x40 | header_len / 4);
	store_be16(header + 2, (uint16_t)out->len);
	store_be16(header + 6,
		   (uint16_t)((f->view.frag_off + f->done) / FRAGMENT_UNIT | (more ? IP4_MF : 0)));
	store_be16(header + 10, 0);
	store_be16(header + 10, checksum_fold(checksum_add(0, header, header_len)));
	memcpy(ip, header, header_len);
	memcpy(ip + header_len, f->data + f->view.l4_off + f->done, take);
	f->done = (uint16_t)(f->done + take);
	return true;
}
