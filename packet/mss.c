/*
 * packet/mss.c: the MSS option of TCP, RFC 9293 §3.7.1. Hosts whose path MTU discovery a firewall
 * breaks hang in a tunnel unless the gateway lowers what they tell each other. Called by
 * gateway/dataplane for SAs that ask for it.
 */
#include "packet/load.h"
#include "packet/packet.h"
#include "packet/tcp.h"

#include <netinet/in.h>

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_MSS_LEN = 4,
};

bool tcp_is_syn(const uint8_t *data, const struct ip_view *v)
{
	return v->proto == IPPROTO_TCP && !ip_is_fragment(v) &&
	       v->total_len >= v->l4_off + TCP_HEADER_MIN &&
	       (data[v->l4_off + TCP_FLAGS] & TCP_SYN);
}

/* The two bytes of the MSS in a TCP header of len bytes, options included; NULL if there are none. */
static uint8_t *find_mss(uint8_t *tcp, uint32_t len)
{
	uint32_t at = TCP_OPTIONS;

	while (at < len && tcp[at] != OPTION_END) {
		uint32_t size = 1;

		if (tcp[at] != OPTION_NOP) {
			size = at + 1 < len ? tcp[at + 1] : 0;
			if (size < 2 || size > len - at)
				return NULL;
		}
		if (tcp[at] == OPTION_MSS)
			return size == OPTION_MSS_LEN ? tcp + at + 2 : NULL;
		at += size;
	}
	return NULL;
}

bool tcp_clamp_mss(uint8_t *data, const struct ip_view *v, uint32_t mtu)
{
	const uint32_t headers =
		(v->version == 6 ? IP6_HEADER_LEN : IP4_HEADER_MIN) + (uint32_t)TCP_HEADER_MIN;
	uint32_t l4_len, header_len;
	uint8_t *tcp, *mss;

	if (mtu <= headers || !tcp_is_syn(data, v))
		return false;
	tcp = data + v->l4_off;
	l4_len = (uint32_t)v->total_len - v->l4_off;
	header_len = (uint32_t)(tcp[TCP_DATA_OFFSET] >> 4) * 4;
	if (header_len > l4_len)
		return false;
	mss = find_mss(tcp, header_len);
	if (!mss || load_be16(mss) <= mtu - headers || !checksum_l4_ok(data, v))
		return false;
	store_be16(mss, (uint16_t)(mtu - headers));
	store_be16(tcp + TCP_CHECKSUM, 0);
	store_be16(tcp + TCP_CHECKSUM,
		   checksum_fold(checksum_add(checksum_pseudo(v, l4_len), tcp, l4_len)));
	return true;
}
