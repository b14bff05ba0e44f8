/*
 * packet/buffer.c: a packet between its headroom and its tailroom. Sealing grows it at both ends
 * and opening cuts it at both ends, in place; no step on the packet path copies or allocates.
 * Sizes may come from the wire, so each function checks before it moves anything.
 */
#include "packet/packet.h"

uint8_t *packet_push(struct packet *p, uint32_t n)
{
	if (n > p->off)
		return NULL;
	p->off -= n;
	p->len += n;
	return packet_data(p);
}

uint8_t *packet_put(struct packet *p, uint32_t n)
{
	uint8_t *end = packet_data(p) + p->len;

	if (n > p->size - p->off - p->len)
		return NULL;
	p->len += n;
	return end;
}

uint8_t *packet_pull(struct packet *p, uint32_t n)
{
	if (n > p->len)
		return NULL;
	p->off += n;
	p->len -= n;
	return packet_data(p);
}

uint8_t *packet_trim(struct packet *p, uint32_t len)
{
	if (len > p->len)
		return NULL;
	p->len = len;
	return packet_data(p);
}
