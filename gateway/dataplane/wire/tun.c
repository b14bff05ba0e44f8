/*
 * tun.c: see tun.h. The device carries superpackets of up to 64 kB, so its own MTU is no limit;
 * the routes that lead to it carry each policy's inner MTU (capture.h).
 */
#include "gateway/dataplane/wire/tun.h"

#include "gateway/dataplane/log.h"
#include "gateway/dataplane/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* headers before Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { TUN_MTU = 65535, REQUEST_MAX = 512, ANSWER_MAX = 8192 };

/* Sends one rtnetlink request and waits for its acknowledgement. */
static int link_request(struct nlmsghdr *nlh)
{
	char buf[ANSWER_MAX];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	ssize_t n;
	int rc = -1;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0) {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n >= 0)
			rc = mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq, mnl_socket_get_portid(nl),
					NULL, NULL);
	}
	rc = rc < 0 ? -errno : 0;
	mnl_socket_close(nl);
	return rc;
}

static int set_inet6(const char *name, const char *setting, int value)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", name, setting);
	return sysctl_write(path, value);
}

/* With forwarding on, the kernel makes a new device join the routers' multicast groups, and would
 * report that through it as soon as it is up. Only switching forwarding off leaves them again, only
 * while the device still has its multicast flag, and only MLD version 1 forgets a group it has not
 * reported without a word. Returns what forwarding was; a host without IPv6 has no such setting. */
static int leave_router_groups(const char *name)
{
	char path[96];
	int forwarding = 0;

	(void)snprintf(path, sizeof(path), "net/ipv6/conf/%s/forwarding", name);
	if (sysctl_read(path, &forwarding) == 0 && forwarding) {
		(void)set_inet6(name, "force_mld_version", 1);
		(void)set_inet6(name, "forwarding", 0);
	}
	return forwarding;
}

/* Quiet first, then up. */
static int configure(int ifindex)
{
	char buf[REQUEST_MAX];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	struct nlattr *spec, *inet6;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	ifi->ifi_change = IFF_MULTICAST;
	mnl_attr_put_u32(nlh, IFLA_MTU, TUN_MTU);
	mnl_attr_put_u32(nlh, IFLA_TXQLEN, TUN_TXQUEUELEN);
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	return link_request(nlh);
}

static int bring_up(int ifindex)
{
	char buf[REQUEST_MAX];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 2;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return link_request(nlh);
}

/* What superpackets we take and give. A kernel before 6.2 knows none of UDP. */
static int set_offloads(int fd, bool *takes_udp)
{
	const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	*takes_udp = ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0;
	return *takes_udp || ioctl(fd, TUNSETOFFLOAD, tcp) == 0 ? 0 : -errno;
}

static int create(int fd, const char *name, struct ifreq *ifr)
{
	int header = sizeof(struct virtio_net_hdr);

	memset(ifr, 0, sizeof(*ifr));
	/* One queue, and root's: to a device that has several and no owner anybody who may open
	 * /dev/net/tun could attach one more, and read and write what the tunnels carry. */
	ifr->ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	strncpy(ifr->ifr_name, name, sizeof(ifr->ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, ifr) < 0 || ioctl(fd, TUNSETOWNER, 0UL) < 0 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
		return -errno;
	return 0;
}

int tun_open(struct tun *tun, const char *name)
{
	struct ifreq ifr;
	int fd, rc, ifindex, forwarding;

	if (!*name || strlen(name) >= sizeof(ifr.ifr_name)) {
		log_err("TUN device name \"%s\": expected 1 to %zu characters", name,
			sizeof(ifr.ifr_name) - 1);
		return -EINVAL;
	}
	/* Attaching to a device that exists would share somebody else's queue. */
	if (if_nametoindex(name)) {
		log_err("TUN device \"%s\": a device of this name exists already", name);
		return -EEXIST;
	}
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		log_warn("cannot open /dev/net/tun, which the private side needs (modprobe tun)");
		return rc;
	}
	rc = create(fd, name, &ifr);
	if (rc == 0)
		rc = set_offloads(fd, &tun->takes_udp);
	if (rc < 0)
		goto close_device;
	ifindex = (int)if_nametoindex(ifr.ifr_name);
	forwarding = leave_router_groups(ifr.ifr_name);
	rc = ifindex ? configure(ifindex) : -errno;
	if (forwarding)
		(void)set_inet6(ifr.ifr_name, "forwarding", forwarding);
	if (rc == 0)
		rc = bring_up(ifindex);
	if (rc < 0)
		goto close_device;
	tun->fd = fd;
	tun->ifindex = ifindex;
	memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
	return 0;

close_device:
	errno = -rc;
	log_warn("cannot set up TUN device \"%s\"", name);
	close(fd);
	return rc;
}

void tun_close(struct tun *tun)
{
	if (tun->fd >= 0)
		close(tun->fd);
	tun->fd = -1;
}

int tun_read(const struct tun *tun, struct virtio_net_hdr *vnet, uint8_t *buf, size_t size)
{
	struct iovec iov[2] = {{vnet, sizeof(*vnet)}, {buf, size}};
	ssize_t n = readv(tun->fd, iov, 2);

	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(*vnet))
		return -EIO;
	return (int)((size_t)n - sizeof(*vnet));
}

int tun_write(const struct tun *tun, struct virtio_net_hdr *vnet, struct iovec *iov, unsigned count)
{
	iov[0].iov_base = vnet;
	iov[0].iov_len = sizeof(*vnet);
	return writev(tun->fd, iov, (int)count + 1) < 0 ? -errno : 0;
}
