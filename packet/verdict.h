/*
 * packet/verdict.h: why a packet stopped. One list gives the enum, the counter's index, its name
 * for machines, the sentence for people, and the counter of the Linux kernel's
 * /proc/net/xfrm_stat that moves for the same cause (NULL where the kernel has none).
 * Part of packet.h; every layer above returns these. docs/decisions/0003 says why a list.
 */
#ifndef CYGNET_VERDICT_H
#define CYGNET_VERDICT_H

/* X(NAME, direction, kernel counter, sentence) */
#define VERDICT_LIST(X)                                                                            \
	X(OK, BOTH, NULL, "carried")                                                               \
	/* inbound, in the order of the straight line */                                           \
	X(RUNT, IN, "XfrmInHdrError", "too short for an ESP header and its trailer")               \
	X(NO_SA, IN, "XfrmInNoStates", "no SA has this SPI and destination")                       \
	X(ENCAP, IN, "XfrmInStateMismatch",                                                        \
	  "the SA has UDP encapsulation, the packet not, or v.v.")                                 \
	X(BAD_LENGTH, IN, "XfrmInStateProtoError", "ciphertext is not a whole number of blocks")   \
	X(REPLAY_OLD, IN, "XfrmInStateSeqError", "sequence number lies before the replay window")  \
	X(REPLAY_DUP, IN, "XfrmInStateSeqError", "sequence number was received before")            \
	X(ICV, IN, "XfrmInStateProtoError", "integrity check failed: damaged or wrong key")        \
	X(TRAILER, IN, "XfrmInStateProtoError", "pad length exceeds the payload")                  \
	X(PADDING, IN, NULL, "padding is not 1, 2, 3 .. and the SA insists on it")                 \
	X(DUMMY, IN, NULL, "dummy packet, discarded as it should be")                              \
	X(IN_EXPIRED, IN, "XfrmInStateExpired", "the SA has reached a hard limit")                 \
	X(NEXT_HEADER, IN, "XfrmInStateModeError", "payload is neither IPv4 nor IPv6")             \
	X(INNER_MALFORMED, IN, "XfrmInHdrError", "decrypted packet is not a valid IP packet")      \
	X(ECN, IN, NULL, "congestion mark over a packet that cannot carry it")                     \
	X(SELECTOR, IN, "XfrmInStateMismatch", "decrypted packet is outside the SA's selector")    \
	X(NO_IN_POLICY, IN, "XfrmInNoPols", "no policy covers the packet that came in")            \
	X(IN_DISCARD, IN, "XfrmInPolBlock", "a policy discards the decrypted packet")              \
	X(IN_TEMPLATE, IN, "XfrmInTmplMismatch", "the policy asks for another SA")                 \
	X(IN_CLEARTEXT, IN, "XfrmInTmplMismatch", "came in clear and a policy protects it")        \
	X(TUN_WRITE, IN, NULL, "the kernel refused the packet at the TUN device")                  \
	X(WIRE_TRUNCATED, IN, NULL, "received packet exceeds the receive buffer")                  \
	/* ICMP errors about packets of ours */                                                    \
	X(ICMP_TOO_BIG, IN, NULL, "ICMP 'too big' about a packet of ours: path MTU lowered")       \
	X(ICMP_TOO_LOW, IN, NULL, "ICMP 'too big' with an MTU no path has: not believed")          \
	X(ICMP_STRANGER, IN, NULL, "ICMP 'too big' quotes nothing sent lately: not believed")      \
	X(ICMP_OTHER, IN, NULL, "ICMP error of another kind: not acted on")                        \
	X(KEEPALIVE, IN, NULL, "NAT keepalive, discarded as it should be")                         \
	X(IKE, IN, NULL, "IKE datagram on an ESP port: handed to its owner")                       \
	X(NO_IKE, IN, NULL, "IKE datagram on an ESP port without an owner: dropped")               \
	/* outbound */                                                                             \
	X(TUN_QUEUE, OUT, NULL, "more came from the private side than could be sent")              \
	X(OUT_MALFORMED, OUT, NULL, "packet from the TUN device is not a valid IP packet")         \
	X(GSO, OUT, NULL, "superpacket of a kind that cannot be split")                            \
	X(NO_OUT_POLICY, OUT, NULL, "no policy covers the packet: dropped")                        \
	X(OUT_DISCARD, OUT, "XfrmOutPolBlock", "a policy discards the packet")                     \
	X(OUT_BYPASS, OUT, NULL, "a bypass policy covers a packet that was routed to the TUN")     \
	X(NO_OUT_SA, OUT, "XfrmOutNoStates", "the policy has no SA yet")                           \
	X(ACQUIRE_TIMEOUT, OUT, "XfrmOutNoStates", "kept for an SA that did not come")             \
	X(HOLD_QUEUE, OUT, "XfrmOutNoStates", "kept for an SA until newer packets took its place") \
	X(OUT_EXPIRED, OUT, "XfrmOutStateExpired", "the SA has reached a hard limit")              \
	X(OUT_SELECTOR, OUT, NULL, "packet is outside the selector of the policy's SA")            \
	X(TOO_BIG, OUT, NULL, "larger than the tunnel's inner MTU: sender told by ICMP")           \
	X(SEQ_EXHAUSTED, OUT, "XfrmOutStateSeqError", "the SA has used its last sequence number")  \
	X(SEQ_UNRESERVED, OUT, NULL, "waiting for sequence numbers to be reserved on disk")        \
	X(NO_ROOM, OUT, NULL, "packet does not fit the sealing buffer")                            \
	X(CRYPTO, OUT, "XfrmOutStateProtoError", "the cipher failed")                              \
	X(WIRE_QUEUE, OUT, NULL, "the public socket's queue is full")                              \
	X(WIRE_REFUSED, OUT, NULL, "the kernel refused the outer packet: route, MTU or firewall")

enum verdict {
#define X(name, direction, kernel, text) V_##name,
	VERDICT_LIST(X)
#undef X
		V_COUNT
};

enum verdict_direction { VERDICT_BOTH, VERDICT_IN, VERDICT_OUT };

/* "ICV", "NO_OUT_POLICY": stable names for machines. */
const char *verdict_name(enum verdict v);
/* The sentence of the list. */
const char *verdict_text(enum verdict v);
/* The kernel's name for the same cause, or NULL. */
const char *verdict_kernel_name(enum verdict v);
enum verdict_direction verdict_direction(enum verdict v);

#endif
