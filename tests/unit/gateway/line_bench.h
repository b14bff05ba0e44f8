/*
 * line_bench.h: the straight line on a bench, without root: outbound.c and inbound.c between a
 * socket pair in place of the TUN device and a wire made of memory. Shared by the files of
 * test_line.
 */
#ifndef CYGNET_LINE_BENCH_H
#define CYGNET_LINE_BENCH_H

#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/worker.h"

#include <check.h>
#include <errno.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SPI = 0x1001, BUF = 4096, INNER_MTU = 1446 };

struct wire {
	uint8_t tx[WIRE_BATCH][BUF];
	struct packet tx_packet[WIRE_BATCH];
	struct wire_dest dest[WIRE_BATCH];
	unsigned tx_count, sent;
	int refuse; /* errno for the next flush, 0 for none */
	uint8_t rx[WIRE_BATCH][BUF];
	struct wire_rx rx_packet[WIRE_BATCH];
	unsigned rx_count;
};

struct bench {
	struct sadb *db;
	struct wire wire;
	struct tun tun;
	int host; /* the kernel's end of the TUN device */
	struct worker *worker;
};

extern bool ike_taken;		  /* does anybody own the port's IKE? */
extern struct ip_addr local_addr; /* the host's only address */
extern unsigned icmp_errors;
extern uint16_t icmp_mtu;
extern struct bench b;
extern const struct sadb_limits no_limits;

struct ip_addr address(const char *text);
struct sa_config sa_config(uint32_t spi);
struct sa *add_sa(const struct sa_config *config, unsigned directions, uint64_t last_seq);
struct policy_config policy_config(enum policy_dir dir);
struct policy *add_policy(const struct policy_config *config);
void set_up_tunnel(void);
void setup(void);
void teardown(void);
void put16(uint8_t *at, unsigned v);
void make_udp(uint8_t *at, unsigned len, bool df);
void host_sends(const struct virtio_net_hdr *vnet, const uint8_t *data, size_t len);
void send_udp(unsigned len, bool df);
struct wire_rx *loop_back(unsigned i);
void assert_only(const _Atomic uint64_t *counters, enum verdict v, uint64_t n);

struct policy_config policy_of_port_53(enum policy_dir dir); /* test_line_out.c */

/* Each file adds its tests. */
void line_out_tests(TCase *tc);
void line_in_tests(TCase *tc);

#endif
