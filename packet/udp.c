/*
 * packet/udp.c: ESP in UDP, RFC 3948: what a datagram on such a port is, the UDP header where a
 * raw socket wants it written, and which packets may leave as the segments of one datagram. The
 * gateway's UDP side of the wire calls it.
 */
#include "packet/load.h"
#include "packet/packet.h"

#include <netinet/in.h>
#include <string.h>

enum {
	MARKER_LEN = 4,	       /* §2.2: four zero bytes where ESP has its SPI */
	KEEPALIVE_BYTE = 0xff, /* §2.3 */
	ESP_START_LEN = 8,     /* RFC 4303 §2: SPI and sequence number ... */
	ESP_ALIGN = 4,	       /* ... of a packet whose length is a multiple of this */
};

enum udp_kind udp_kind(const uint8_t *data, size_t len)
{
	if (len == 1 && data[0] == KEEPALIVE_BYTE)
		return UDP_KEEPALIVE;
	/* Shorter ones are no ESP either, as whoever looks for an SPI in them finds out. */
	if (len >= MARKER_LEN && load_be32(data) == 0)
		return UDP_IKE;
	return UDP_ESP;
}

void udp_header_put(uint8_t out[static UDP_HEADER_LEN], const struct udp_ends *ends,
		    const uint8_t *payload, uint16_t len, bool no_sum)
{
	const uint16_t total = (uint16_t)(UDP_HEADER_LEN + len);
	const struct ip_view view = {.src = ends->src,
				     .dst = ends->dst,
				     .version = ends->src.family == AF_INET6 ? 6 : 4,
				     .proto = IPPROTO_UDP};
	uint64_t sum = checksum_pseudo(&view, total);
	uint16_t check;

	store_be16(out, ends->sport);
	store_be16(out + 2, ends->dport);
	store_be16(out + 4, total);
	store_be16(out + 6, 0);
	if (no_sum && view.version == 4)
		return;
	sum = checksum_add(checksum_add(sum, out, UDP_HEADER_LEN), payload, len);
	check = checksum_fold(sum);
	/* RFC 768: 0 would say that there is none. */
	store_be16(out + 6, check ? check : 0xffff);
}

unsigned udp_segment_run(const uint32_t *len, unsigned count)
{
	uint32_t total = 0;
	unsigned n = 0;

	while (n < count && n < UDP_SEGMENTS_MAX && len[n] && len[n] <= len[0] &&
	       total + len[n] <= UDP_SEGMENTED_MAX) {
		total += len[n];
		/* The kernel cuts every so many bytes: only the last may be shorter. */
		if (len[n++] < len[0])
			break;
	}
	return n ? n : count != 0;
}

uint32_t udp_esp_segment(const uint8_t *esp, uint32_t len)
{
	uint32_t spi, seq, segment, k;

	if (len < 2 * ESP_START_LEN)
		return len;
	spi = load_be32(esp);
	seq = load_be32(esp + 4);
	for (segment = ESP_START_LEN; segment <= len - ESP_START_LEN; segment += ESP_ALIGN) {
		for (k = 1; k * segment <= len - ESP_START_LEN; k++) {
			if (load_be32(esp + k * segment) != spi ||
			    load_be32(esp + k * segment + 4) != seq + k)
				break;
		}
		if (k * segment > len - ESP_START_LEN)
			return segment;
	}
	return len;
}
