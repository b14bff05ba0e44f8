/*
 * packet/checksum.c: the Internet checksum, RFC 1071. A sum is kept as 64 bits in the byte order
 * of the machine (RFC 1071 §2 (B): the order does not matter until the end) with end-around
 * carry, so no length can overflow it. Every segment that is split or merged is summed here once:
 * this is the second hottest loop after the cipher.
 */
#include "packet/load.h"
#include "packet/packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static uint64_t add_carry(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* The last bytes, fewer than eight, as one word with zeros behind: RFC 1071 §1 pads an odd length
 * with a zero byte. */
static uint64_t load_rest(const uint8_t *p, size_t len)
{
	uint8_t padded[8] = {0};

	for (size_t i = 0; i < len; i++)
		padded[i] = p[i];
	return load64(padded);
}

/* Words of 32 bits, each in a lane of 64: no carry gets lost before 2^32 of them were added. */
typedef uint64_t lanes __attribute__((vector_size(16)));

static lanes load_lanes(const uint8_t *p)
{
	lanes words;

	memcpy(&words, p, sizeof(words));
	return (words & UINT32_MAX) + (words >> 32);
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	lanes a = {0}, b = {0};

	/* Two sums, because one alone would wait for itself. */
	for (; len >= 32; p += 32, len -= 32) {
		a += load_lanes(p);
		b += load_lanes(p + 16);
	}
	sum = add_carry(sum, a[0] + b[0]);
	sum = add_carry(sum, a[1] + b[1]);
	for (; len >= 8; p += 8, len -= 8)
		sum = add_carry(sum, load64(p));
	if (len >= 4) {
		uint32_t word;

		memcpy(&word, p, sizeof(word));
		sum = add_carry(sum, word);
		p += 4;
		len -= 4;
	}
	if (len > 0)
		sum = add_carry(sum, load_rest(p, len));
	return sum;
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ntohs((uint16_t)~sum);
}

uint64_t checksum_pseudo(const struct ip_view *v, uint32_t l4_len)
{
	size_t addr_len = v->version == 4 ? 4 : 16;
	uint64_t sum = (uint64_t)htonl(l4_len) + htonl(v->proto);

	sum = checksum_add(sum, v->src.bytes, addr_len);
	return checksum_add(sum, v->dst.bytes, addr_len);
}

bool checksum_complete(uint8_t *data, size_t len, uint16_t csum_start, uint16_t csum_offset,
		       bool is_udp)
{
	size_t field = (size_t)csum_start + csum_offset;
	uint16_t checksum;

	if (len < 2 || field > len - 2)
		return false;
	checksum = checksum_fold(checksum_add(0, data + csum_start, len - csum_start));
	if (is_udp && checksum == 0)
		checksum = 0xffff; /* RFC 768: zero on the wire means "none" */
	store_be16(data + field, checksum);
	return true;
}

static bool udp_ok(const uint8_t *udp, uint32_t l4_len, const struct ip_view *v)
{
	uint32_t udp_len;

	if (l4_len < 8)
		return false;
	udp_len = load_be16(udp + 4);
	if (udp_len < 8 || udp_len > l4_len)
		return false;
	if (load_be16(udp + 6) == 0)
		return v->version == 4; /* RFC 8200 §8.1: IPv6 has no "none" */
	return checksum_fold(checksum_add(checksum_pseudo(v, udp_len), udp, udp_len)) == 0;
}

bool checksum_l4_ok(const uint8_t *data, const struct ip_view *v)
{
	const uint8_t *l4 = data + v->l4_off;
	uint32_t l4_len = (uint32_t)v->total_len - v->l4_off;

	if (ip_is_fragment(v))
		return false;
	if (v->proto == IPPROTO_UDP)
		return udp_ok(l4, l4_len, v);
	if (v->proto != IPPROTO_TCP || l4_len < 20)
		return false;
	return checksum_fold(checksum_add(checksum_pseudo(v, l4_len), l4, l4_len)) == 0;
}
