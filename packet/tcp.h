/*
 * packet/tcp.h: the TCP header as far as splitting and merging look at it, RFC 9293 §3.1.
 * Private to packet/.
 */
#ifndef CYGNET_PACKET_TCP_H
#define CYGNET_PACKET_TCP_H

enum tcp_spec {
	TCP_SEQ = 4,
	TCP_ACK_SEQ = 8,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_WINDOW = 14,
	TCP_CHECKSUM = 16,
	TCP_URGENT = 18,
	TCP_OPTIONS = 20,
	TCP_HEADER_MIN = 20,
};

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

#endif
