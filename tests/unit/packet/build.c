/* tests/unit/packet/build.c: see build.h. */
#include "tests/unit/packet/build.h"

#include <check.h>
#include <string.h>

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

uint8_t build_byte(uint32_t position)
{
	return (uint8_t)(position * 7 + position / 251);
}

static uint32_t plain_sum(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint16_t build_checksum(uint32_t sum, const uint8_t *data, size_t len)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~plain_sum(sum, data, len);
}

static uint32_t pseudo(const uint8_t *ip, uint32_t l4_len, uint8_t proto)
{
	uint32_t sum = plain_sum(0, ip[0] >> 4 == 4 ? ip + 12 : ip + 8, ip[0] >> 4 == 4 ? 8 : 32);

	sum += (l4_len >> 16) + (l4_len & 0xffff) + proto;
	return (sum & 0xffff) + (sum >> 16);
}

uint16_t build_l4_check(const uint8_t *ip, uint32_t len, uint32_t l4_off, uint8_t proto)
{
	return build_checksum(pseudo(ip, len - l4_off, proto), ip + l4_off, len - l4_off);
}

void build_partial(uint8_t *ip, uint32_t len, uint32_t l4_off)
{
	uint32_t sum = pseudo(ip, len - l4_off, 6);

	put16(ip + l4_off + 16, (sum & 0xffff) + (sum >> 16));
}

static uint32_t put_v4(const struct build_tcp *b, uint8_t *ip, uint32_t l4_len)
{
	uint32_t len = b->ip_options ? 24 : 20;

	memset(ip, 0, len);
	ip[0] = (uint8_t)(0x40 | len / 4);
	ip[1] = b->tos;
	put16(ip + 2, len + l4_len);
	put16(ip + 4, b->id);
	put16(ip + 6, (unsigned)(b->df << 14 | b->more_frags << 13 | b->frag_off / 8));
	ip[8] = b->ttl;
	ip[9] = 6;
	memcpy(ip + 12, (uint8_t[]){10, 1, 0, b->src_last, 10, 2, 0, b->dst_last}, 8);
	if (b->ip_options)
		memset(ip + 20, 1, 4);
	put16(ip + 10, build_checksum(0, ip, len));
	return len;
}

static uint32_t put_v6(const struct build_tcp *b, uint8_t *ip, uint32_t l4_len)
{
	static const uint8_t options[8] = {6, 0, 1, 4, 0, 0, 0, 0};
	bool fragment = b->more_frags || b->frag_off;
	uint32_t len = 40;

	memset(ip, 0, 56);
	put32(ip, 6u << 28 | (uint32_t)b->tos << 20 | b->flow_label);
	ip[6] = 6;
	ip[7] = b->ttl;
	memcpy(ip + 8, (uint8_t[]){0xfd, 1}, 2);
	memcpy(ip + 24, (uint8_t[]){0xfd, 2}, 2);
	ip[23] = b->src_last;
	ip[39] = b->dst_last;
	if (b->ip_options) {
		ip[6] = 60;
		memcpy(ip + len, options, sizeof(options));
		len += 8;
	} else if (fragment) {
		ip[6] = 44;
		ip[len] = 6;
		put16(ip + len + 2, (unsigned)(b->frag_off | b->more_frags));
		len += 8;
	}
	put16(ip + 4, len - 40 + l4_len);
	return len;
}

uint32_t build_tcp(const struct build_tcp *b, uint8_t *out)
{
	uint32_t tcp_len = b->timestamp ? 32 : 20;
	uint32_t l4_len = tcp_len + b->payload;
	uint32_t off = b->version == 4 ? put_v4(b, out, l4_len) : put_v6(b, out, l4_len);
	uint8_t *tcp = out + off;

	memset(tcp, 0, tcp_len);
	put16(tcp, b->sport);
	put16(tcp + 2, b->dport);
	put32(tcp + 4, b->seq);
	put32(tcp + 8, b->ack);
	tcp[12] = (uint8_t)(tcp_len / 4 << 4 | b->reserved);
	tcp[13] = b->flags;
	put16(tcp + 14, b->window);
	put16(tcp + 18, b->urgent);
	if (b->timestamp) {
		memcpy(tcp + 20, (uint8_t[]){1, 1, 8, 10}, 4);
		put32(tcp + 24, b->timestamp);
		put32(tcp + 28, 0x55667788);
	}
	for (uint32_t i = 0; i < b->payload; i++)
		tcp[tcp_len + i] = build_byte(b->at + i);
	put16(tcp + 16, build_l4_check(out, off + l4_len, off, 6));
	if (b->bad_checksum)
		tcp[17] ^= 1;
	return off + l4_len;
}

uint32_t build_udp(const struct build_tcp *b, uint8_t *out)
{
	uint32_t l4_len = 8 + b->payload;
	uint32_t off = b->version == 4 ? put_v4(b, out, l4_len) : put_v6(b, out, l4_len);
	uint8_t *udp = out + off;
	uint16_t checksum;

	out[b->version == 4 ? 9 : 6] = 17;
	if (b->version == 4) {
		put16(out + 10, 0);
		put16(out + 10, build_checksum(0, out, off));
	}
	put16(udp, b->sport);
	put16(udp + 2, b->dport);
	put16(udp + 4, l4_len);
	put16(udp + 6, 0);
	for (uint32_t i = 0; i < b->payload; i++)
		udp[8 + i] = build_byte(b->at + i);
	checksum = build_l4_check(out, off + l4_len, off, 17);
	put16(udp + 6, checksum ? checksum : 0xffff);
	if (b->bad_checksum)
		udp[7] ^= 1;
	return off + l4_len;
}

struct ip_view build_view(const uint8_t *ip, uint32_t len)
{
	struct ip_view v;

	ck_assert_int_eq(ip_parse(ip, len, 0, &v), V_OK);
	ck_assert_uint_eq(v.total_len, len);
	return v;
}
