/*
 * packet/udp.h: where things stand in a UDP header, RFC 768. Private to packet/.
 */
#ifndef CYGNET_PACKET_UDP_H
#define CYGNET_PACKET_UDP_H

enum udp_offset {
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
};

#endif
