/*
 * tun.h: the private edge: one TUN device with a virtio-net header, so that the kernel hands over
 * TCP and UDP superpackets whole and takes merged ones back. Opened as root; reads and writes belong to
 * the packet thread.
 */
#ifndef CYGNET_TUN_H
#define CYGNET_TUN_H

#include "packet/packet.h"

#include <net/if.h>

enum { TUN_TXQUEUELEN = 512 };

struct tun {
	int fd;
	int ifindex;
	bool takes_udp; /* superpackets of UDP, both ways: Linux 6.2 */
	char name[IFNAMSIZ];
};

/* Opens /dev/net/tun and creates the device name: multicast off and no link-local address before it
 * comes up, or it would talk by itself. 0, -errno (logged: no /dev/net/tun, name taken, no right). */
int tun_open(struct tun *tun, const char *name);
void tun_close(struct tun *tun); /* the device goes with the last descriptor */

/* Reads one packet into buf, the virtio-net header into vnet. Never waits. Length without the
 * header; -EAGAIN when there is none; another -errno. */
int tun_read(const struct tun *tun, struct virtio_net_hdr *vnet, uint8_t *buf, size_t size);
/* Writes one packet. iov[0] is filled here with vnet; count entries follow. 0, -errno. */
int tun_write(const struct tun *tun, struct virtio_net_hdr *vnet, struct iovec *iov,
	      unsigned count);

#endif
