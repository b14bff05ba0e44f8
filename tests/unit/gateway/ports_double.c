/*
 * ports_double.c: a stand-in for UDP ports that carry ESP: nothing is opened, users are counted, and
 * a port that is given back once too often ends the test.
 */
#include "ports_double.h"

#include "gateway/dataplane/wire/encap_ports.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

_Atomic int ports_double_users[65536];
_Atomic int ports_double_fails;

int encap_ports_get(struct encap_ports *p, uint8_t family, uint16_t port)
{
	(void)p;
	(void)family;
	if (ports_double_fails)
		return ports_double_fails;
	ports_double_users[port]++;
	return 0;
}

void encap_ports_put(struct encap_ports *p, uint8_t family, uint16_t port)
{
	(void)p;
	(void)family;
	assert(ports_double_users[port] > 0);
	ports_double_users[port]--;
}

bool encap_ports_none(const struct encap_ports *p)
{
	(void)p;
	return true;
}

int encap_ports_register(struct encap_ports *p, uint16_t port, int *client)
{
	(void)p;
	if (port == PORTS_DOUBLE_FREE)
		*client = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (port == PORTS_DOUBLE_FREE)
		return 0;
	return port == 4500 ? -EBUSY : port == 500 ? -EINVAL : -EADDRINUSE;
}

void encap_ports_keepalive(const struct encap_ports *p, const struct udp_ends *ends, uint32_t mark)
{
	(void)mark;
	(void)p;
	(void)ends;
}
