/*
 * tests/unit/packet/build.h: TCP packets built to order, the slow and obvious way, for the tests
 * of what packet/ does to packets. Checksums here are summed two bytes at a time and share no
 * line with packet/checksum.c.
 */
#ifndef CYGNET_TEST_BUILD_H
#define CYGNET_TEST_BUILD_H

#include "packet/packet.h"

enum { BUILD_FIN = 1, BUILD_SYN = 2, BUILD_RST = 4, BUILD_PSH = 8 };
enum { BUILD_ACK = 16, BUILD_URG = 32, BUILD_ECE = 64, BUILD_CWR = 128 };

struct build_tcp {
	int version;
	uint16_t id;
	bool df;
	bool more_frags;
	uint16_t frag_off; /* bytes */
	uint8_t tos, ttl;
	uint32_t flow_label;
	uint8_t src_last, dst_last; /* last byte of the addresses */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint8_t reserved; /* low half of the byte that holds the data offset */
	uint16_t window, urgent;
	uint32_t timestamp; /* 0: no TCP options; else NOP NOP TS, 12 bytes */
	bool ip_options;    /* IPv4: four NOPs; IPv6: an empty destination options header */
	uint32_t payload;   /* length; byte at stream position i is build_byte(i) */
	uint32_t at;	    /* stream position of the first payload byte */
	bool bad_checksum;
};

uint8_t build_byte(uint32_t position);
/* RFC 1071, two bytes at a time, complemented, host order. */
uint16_t build_checksum(uint32_t sum, const uint8_t *data, size_t len);
/* Writes the packet and returns its length. */
uint32_t build_tcp(const struct build_tcp *b, uint8_t *out);
/* The same as a UDP datagram: what is about TCP alone plays no part; without IP options and fragments. */
uint32_t build_udp(const struct build_tcp *b, uint8_t *out);
/* The checksum over pseudo header and bytes: 0 if the field in it is right. */
uint16_t build_l4_check(const uint8_t *ip, uint32_t len, uint32_t l4_off, uint8_t proto);
/* Replaces a TCP checksum by the partial one of NEEDS_CSUM: the pseudo header's sum. */
void build_partial(uint8_t *ip, uint32_t len, uint32_t l4_off);
/* ip_parse, which must like it. */
struct ip_view build_view(const uint8_t *ip, uint32_t len);

#endif
