/*
 * packet/packet.h: bytes in memory. The lowest layer: IP packets as views over borrowed
 * buffers, and the edits an IPsec gateway makes to them. Pure: no system call, no clock,
 * no log. Nothing here allocates; every function works on memory the caller owns.
 *
 * Bytes come from strangers. A parser reads nothing beyond the length it is given, and a
 * packet that lies about itself gets a verdict, never an assertion.
 */
#ifndef CYGNET_PACKET_H
#define CYGNET_PACKET_H

#include "packet/verdict.h"

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* headers before Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Limits of the specifications. */
enum packet_spec {
	IP4_HEADER_MIN = 20,
	IP6_HEADER_LEN = 40,
	IP_PACKET_MAX = 65535, /* the IPv4 total length field; IPv6 jumbograms are refused */
	IP6_MTU_MIN = 1280,    /* RFC 8200 §5 */
};

/* ---- addresses (addr.c) ---------------------------------------------------------------- */

/* An IPv4 or IPv6 address, a plain value. IPv4 stands in the first four bytes, the rest is
 * zero, so that two equal addresses are equal byte by byte. AF_UNSPEC: none, all zero. */
struct ip_addr {
	uint8_t bytes[16]; /* network order */
	uint8_t family;	   /* AF_INET, AF_INET6 or AF_UNSPEC */
};

/* Addresses that share their first len bits with addr. Host bits of addr may be set (setkey
 * files write them); they take no part in matching. */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len; /* 0..32 or 0..128 */
};

enum { IP_ADDR_TEXT_MAX = 46 }; /* INET6_ADDRSTRLEN */

/* Parses a numeric IPv4 or IPv6 address; the whole string must be one. False if not. */
bool ip_addr_parse(const char *text, struct ip_addr *out);
/* Writes the usual text form, "none" for AF_UNSPEC; returns buf. */
const char *ip_addr_format(const struct ip_addr *addr, char buf[static IP_ADDR_TEXT_MAX]);
struct ip_addr ip_addr_v4(const void *four_bytes);
struct ip_addr ip_addr_v6(const void *sixteen_bytes);
bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
/* True for AF_UNSPEC, 0.0.0.0 and ::. */
bool ip_addr_is_any(const struct ip_addr *addr);
/* 32 or 128; 0 for AF_UNSPEC. */
uint8_t ip_addr_bits(const struct ip_addr *addr);
/* True if addr lies in prefix. Families must agree. */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);
/* True if every address of inner lies in outer (equal prefixes: true). */
bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner);
/* The prefix with its host bits cleared. */
struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix);

/* ---- a packet in a buffer --------------------------------------------------------------- */

/* Bytes [off, off + len) of buf are the packet; what lies around them is head- and tailroom
 * for sealing in place. The buffer is borrowed from the batch; steps on the packet path move
 * off and len and never free anything. */
struct packet {
	uint8_t *buf;
	uint32_t size; /* of buf */
	uint32_t off;
	uint32_t len;
};

static inline uint8_t *packet_data(const struct packet *p)
{
	return p->buf + p->off;
}

/* Grow at the front, grow at the back, cut at the front, cut to len. Each returns a pointer to
 * the bytes gained, or to the new first byte; NULL, and no change, if the room does not exist. */
uint8_t *packet_push(struct packet *p, uint32_t n);
uint8_t *packet_put(struct packet *p, uint32_t n);
uint8_t *packet_pull(struct packet *p, uint32_t n);
uint8_t *packet_trim(struct packet *p, uint32_t len);

/* ---- IP headers (ip.c) ------------------------------------------------------------------ */

/* What an IP packet says about itself, in host byte order. */
struct ip_view {
	struct ip_addr src, dst;
	uint16_t total_len;  /* whole packet by its own header; <= the bytes given to ip_parse */
	uint16_t l4_off;     /* start of the upper-layer header, after options and extensions */
	uint16_t sport;	     /* TCP, UDP, SCTP, DCCP, UDP-Lite port; ICMP type; MH type; else 0 */
	uint16_t dport;	     /* port; ICMP code; else 0 */
	uint16_t frag_off;   /* bytes; 0 for a first or whole packet */
	uint16_t ip_id;	     /* IPv4 only */
	uint32_t flow_label; /* IPv6 only */
	uint8_t version;     /* 4 or 6 */
	uint8_t proto;	     /* upper-layer protocol, behind extension headers */
	uint8_t tos;	     /* DSCP and ECN */
	uint8_t ttl;
	bool df;	     /* IPv4 DF; true for IPv6, which routers never fragment */
	bool more_frags;     /* MF: with frag_off tells fragments from whole packets */
	bool has_ports;	     /* sport and dport were read from the packet */
	bool has_extensions; /* IPv4 options or IPv6 extension headers are there */
};

/* Reads the IP header at data, len bytes in all. next_header is IPPROTO_IPIP or IPPROTO_IPV6 to
 * insist on a family (RFC 4303 §2.6), 0 to go by the version nibble. Bytes after total_len are
 * allowed (TFC padding, RFC 4303 §2.7). V_OK and *out filled; V_INNER_MALFORMED otherwise: short
 * or lying lengths, wrong version, bad IPv4 header checksum, an extension chain that runs out.
 * A later fragment has no ports; a first fragment too short for its ports has none either. */
enum verdict ip_parse(const uint8_t *data, size_t len, uint8_t next_header, struct ip_view *out);
/* Packets of this protocol have ports, or what stands in their place (types of ICMP and of mobility headers): those that
 * ip_parse reads. */
bool ip_proto_has_ports(uint8_t proto);

/* True if the packet is any fragment, the first included. */
static inline bool ip_is_fragment(const struct ip_view *v)
{
	return v->more_frags || v->frag_off != 0;
}

/* ---- checksums (checksum.c) ------------------------------------------------------------- */

/* One's complement sum of len bytes, added to sum (opaque: only these functions make and read
 * one; only the last piece may be odd). fold gives the complemented 16-bit value to store, in host
 * order; 0 if the bytes held their own right checksum. RFC 1071. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t len);
uint16_t checksum_fold(uint64_t sum);
/* Sum of the pseudo header for an upper-layer length of l4_len bytes. RFC 793, RFC 8200 §8.1. */
uint64_t checksum_pseudo(const struct ip_view *v, uint32_t l4_len);
/* Completes the partial checksum a NEEDS_CSUM packet carries: sums from csum_start to the end of
 * the packet and stores at csum_start + csum_offset; a UDP result of 0 becomes 0xffff. False, and
 * nothing changed, if the fields point outside the packet. */
bool checksum_complete(uint8_t *data, size_t len, uint16_t csum_start, uint16_t csum_offset,
		       bool is_udp);
/* True if the TCP or UDP checksum of the whole packet is right (UDP over IPv4: 0 is right). False
 * for what has no such checksum, fragments, and packets still under way behind a routing header,
 * whose checksum is over another destination. */
bool checksum_l4_ok(const uint8_t *data, const struct ip_view *v);

/* ---- outer header and ECN (outer.c) ----------------------------------------------------- */

/* What an SA says about the headers around it; all false is the usual. XFRM's names beside. */
struct outer_options {
	bool hide_dscp; /* outer DSCP 0 instead of a copy: XFRM_SA_XFLAG_DONT_ENCAP_DSCP */
	bool take_dscp; /* on the way in, the outer DSCP replaces the inner: XFRM_STATE_DECAP_DSCP */
	bool no_ecn;	/* ECN is left out of the tunnel, both ways: XFRM_STATE_NOECN */
	bool clear_df;	/* outer DF clear whatever the inner says: XFRM_STATE_NOPMTUDISC */
	bool set_df;	/* outer DF set whatever the inner and clear_df say: SA_XFLAG_DF_SET */
};

/* What the outer header takes from the inner one. The raw socket's kernel writes the rest. */
struct outer_fields {
	uint8_t tos; /* DSCP and ECN copied, RFC 4301 §5.1.2.1, RFC 6040 §4.1 normal mode */
	bool df;     /* IPv4 outer: nobody may fragment it. IPv6 outer: always true */
};

struct outer_fields outer_from_inner(const struct ip_view *inner, uint8_t outer_family,
				     const struct outer_options *o);
/* A whole outer header, where no kernel writes one: DF set, or IPv6. */
struct outer_header {
	struct ip_addr src, dst; /* of one family */
	uint8_t proto, tos;
	uint16_t payload_len;
};

/* Writes it to out, TTL 64, IPv4 ID 0 (RFC 6864 §4.1: with DF it means nothing), and returns its
 * length, IP4_HEADER_MIN or IP6_HEADER_LEN. */
uint32_t outer_header_put(uint8_t out[static IP6_HEADER_LEN], const struct outer_header *h);
/* Carries the outer ECN field into the inner header by RFC 6040 §4.2, figure 4, and the DSCP if
 * asked, fixing an IPv4 checksum. V_ECN, and no change, for CE over Not-ECT. */
enum verdict outer_to_inner(uint8_t *inner, struct ip_view *view, uint8_t outer_tos,
			    const struct outer_options *o);

/* ---- ESP in UDP (udp.c), RFC 3948 ------------------------------------------------------------ */

enum {
	UDP_HEADER_LEN = 8,
	UDP_SEGMENTS_MAX = 64,	   /* of one datagram to be cut by the kernel or the device */
	UDP_SEGMENTED_MAX = 65000, /* bytes in all of them */
};

/* What a datagram on a port of encapsulated ESP is: §2.1, §2.3, §2.2 (IKE behind its marker). */
enum udp_kind { UDP_ESP, UDP_KEEPALIVE, UDP_IKE };
enum udp_kind udp_kind(const uint8_t *data, size_t len);

struct udp_ends {
	struct ip_addr src, dst; /* of one family */
	uint16_t sport, dport;
};

/* Writes the UDP header, checksum included, in front of len bytes of payload, which stand elsewhere
 * and are at most IP_PACKET_MAX - UDP_HEADER_LEN. no_sum: a checksum of 0, RFC 3948 §2.1; over IPv4,
 * elsewhere without effect (RFC 8200 §8.1). */
void udp_header_put(uint8_t out[static UDP_HEADER_LEN], const struct udp_ends *ends,
		    const uint8_t *payload, uint16_t len, bool no_sum);
/* How many of the packets of these lengths, from the first on, may be the segments of one datagram:
 * equal lengths, but the last may be shorter. 1 at least, unless count is 0. */
unsigned udp_segment_run(const uint32_t *len, unsigned count);
/* What a raw socket is given may still be segments in one piece, as a virtual device passes them,
 * and nothing beside it says so. The size of a segment if they are ESP packets of one SA in sequence,
 * else len: 64 bits that agree by chance would only make a packet that is not authentic. */
uint32_t udp_esp_segment(const uint8_t *esp, uint32_t len);

/* ---- ICMP errors (icmp.c) --------------------------------------------------------------- */

enum { ICMP_ERROR_MAX = 1280 - 40 }; /* RFC 4443 §2.4 (c); RFC 1812 §4.3.2.3 asks for 576 less 20 */

/* True if RFC 1122 §3.2.2 and RFC 4443 §2.4 (e) allow an error about this packet: not for ICMP
 * errors, later fragments, or multicast, broadcast and unspecified addresses. */
bool icmp_error_allowed(const uint8_t *data, const struct ip_view *v);
/* Writes the ICMP message (no IP header) that says "too big, the next hop takes mtu bytes":
 * ICMPv4 type 3 code 4, or ICMPv6 type 2, quoting what fits. from is the address it will be sent
 * from: ICMPv6 has it in its checksum. Returns its length. */
size_t icmp_too_big_put(const uint8_t *data, const struct ip_view *v, uint16_t mtu,
			const struct ip_addr *from, uint8_t out[static ICMP_ERROR_MAX]);

/* ---- fragmentation of the inner packet (fragment.c) -------------------------------------- */

/* Cuts an IPv4 packet with DF clear into fragments of at most mtu bytes, RFC 791 §3.2. */
struct fragmenter {
	const uint8_t *data; /* borrowed until the last fragment is taken */
	struct ip_view view;
	uint16_t mtu;
	uint16_t done; /* payload bytes already given out */
};

/* False if the packet is not IPv4, has DF set or no payload, or mtu is too small to carry 8 bytes.
 * Checksums of the upper layer must be complete before. */
bool fragmenter_init(struct fragmenter *f, const uint8_t *data, const struct ip_view *v,
		     uint16_t mtu);
/* Writes the next fragment into out (its off kept, len set; out must have room for mtu bytes).
 * False when there is none left. */
bool fragmenter_next(struct fragmenter *f, struct packet *out);

/* ---- segmentation (gso.c) --------------------------------------------------------------- */

/* A TCP or UDP superpacket read from TUN, given out segment by segment while it is sealed. */
struct gso_split {
	const uint8_t *data; /* borrowed until the last segment is taken */
	struct ip_view view;
	uint64_t pseudo; /* addresses and protocol of the pseudo header */
	uint32_t done;	 /* payload bytes already given out */
	uint32_t payload_len;
	uint16_t header_len; /* IP and TCP or UDP headers */
	uint16_t gso_size;
	uint16_t index; /* of the next segment */
};

/* v describes data; vnet is what TUN put in front of it (gso_type not NONE). V_OK; V_GSO for a
 * kind other than TCPV4, TCPV6 (with or without ECN) or UDP_L4, for a gso_size of 0 or headers that
 * disagree with the packet. */
enum verdict gso_split_init(struct gso_split *s, const uint8_t *data, const struct ip_view *v,
			    const struct virtio_net_hdr *vnet);
/* Size of the largest segment, IP header included, and how many there are. */
uint32_t gso_segment_max(const struct gso_split *s);
uint32_t gso_segment_count(const struct gso_split *s);
/* Writes the next segment into out (its off kept, len set; out must have gso_segment_max bytes of
 * room): lengths, IPv4 ID + index, sequence number, checksums; of TCP, CWR on the first segment only, FIN
 * and PSH on the last only. False when there is none left. */
bool gso_split_next(struct gso_split *s, struct packet *out);

/* ---- MSS of TCP (mss.c) ------------------------------------------------------------------ */

/* True if the packet, whole, opens a TCP connection: the only kind that says an MSS. */
bool tcp_is_syn(const uint8_t *data, const struct ip_view *v);
/* Lowers the MSS such a packet says to what an IP packet of mtu bytes carries without options, RFC
 * 6691 §2, and corrects the checksum. False, and nothing changed: no such packet, none said, small
 * enough already, no mtu of use, or a wrong checksum, which must arrive wrong. */
bool tcp_clamp_mss(uint8_t *data, const struct ip_view *v, uint32_t mtu);

/* ---- merging (gro.c) -------------------------------------------------------------------- */

enum { GRO_BATCH = 64, GRO_TOTAL_MAX = 65000 };

/* Opened packets of one batch, merged into few writes. Packets stay where they are: a group is a
 * chain of them; only the first one's headers are changed. Rules: docs/packet-path.md. */
struct gro {
	bool merges_udp; /* the caller's: the TUN device takes UDP superpackets */
	unsigned group_count;
	unsigned packet_count;
	struct gro_group {
		struct ip_view view; /* of the first packet */
		uint32_t next_seq;   /* TCP sequence number that would continue it */
		uint32_t total;	     /* bytes, headers of the first packet included */
		uint16_t header_len; /* IP and TCP or UDP headers */
		uint16_t seg_len;    /* payload of the first segment; all but the last have it */
		uint16_t count;
		uint16_t first, last; /* indices into packet[] */
		bool open;	      /* may still grow */
	} group[GRO_BATCH];
	struct gro_item {
		struct packet *p; /* borrowed until the batch is written */
		uint16_t next;	  /* next of the same group */
	} packet[GRO_BATCH];
};

void gro_init(struct gro *g, bool merges_udp);
/* Takes a packet (data and view agree, checksum not yet looked at) into the batch: appended to the
 * group it continues, else first of a new group. Groups keep the order of their flow's packets.
 * False if the batch already holds GRO_BATCH packets. */
bool gro_add(struct gro *g, struct packet *p, const struct ip_view *v);
/* Readies group i for one write: patches the first packet's lengths and checksums, fills vnet and
 * iov. iov[0] is left to the caller for vnet itself; returns the number of entries from iov[1] on.
 * A group of one packet is written as it came, whatever its checksum. */
unsigned gro_finish(struct gro *g, unsigned i, struct virtio_net_hdr *vnet,
		    struct iovec iov[static GRO_BATCH + 1]);

#endif
