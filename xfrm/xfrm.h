/*
 * xfrm/xfrm.h: the control protocol. NETLINK_XFRM messages (linux/xfrm.h, RFC 3549 for the
 * framing) to and from sa-db's plain values, and the client's end of a connection. Every program
 * shares it: cygnetd serves these messages, setkey and the others send them, to cygnetd or, the
 * same bytes, to a Linux kernel.
 *
 * The parser is strict: what it does not know and what contradicts itself is refused with the
 * errno the kernel gives and a sentence. Messages are always encoded afresh from values, never
 * kept and echoed.
 */
#ifndef CYGNET_XFRM_H
#define CYGNET_XFRM_H

#include "sa-db/sadb.h"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#define CYGNET_SOCKET_DEFAULT	   "/run/cygnet/xfrm.sock"
#define CYGNET_SOCKET_ENV	   "CYGNET_SOCKET"
/* Where cygnet-iked is told what to do. */
#define CYGNET_IKED_SOCKET_DEFAULT "/run/cygnet/iked.sock"
#define CYGNET_IKED_SOCKET_ENV	   "CYGNET_IKED_SOCKET"

enum xfrm_limits {
	XFRM_DATAGRAM_MAX = 4000, /* of a dump: charon receives into one page */
	XFRM_REQUEST_MAX = 16384, /* a longer request is refused with EMSGSIZE */
	XFRM_ERROR_TEXT_MAX = 160,
};

/* Groups of events whose bits linux/xfrm.h does not name. */
enum xfrm_groups {
	XFRM_GROUP_AEVENTS = 1 << (XFRMNLGRP_AEVENTS - 1),
	XFRM_GROUP_MIGRATE = 1 << (XFRMNLGRP_MIGRATE - 1),
	XFRM_GROUP_MAPPING = 1 << (XFRMNLGRP_MAPPING - 1),
};

/* Our own messages, beyond every number the kernel uses. A client must ask for them. */
enum cygnet_msg {
	/* Below NLMSG_MIN_TYPE, so that no netlink peer answers it: what a socket's owner tells a
	 * kernel by bind(). Never answered unless an acknowledgement is asked for. */
	CYGNET_MSG_CTL = 0x0e,
	CYGNET_MSG_GETSTATUS = 0xc0, /* request; answered by one STATUS */
	CYGNET_MSG_STATUS,
	CYGNET_MSG_GETTUNNEL, /* request, dump only; answered by TUNNELs and DONE */
	CYGNET_MSG_TUNNEL,
	/* Request for the IKE datagrams of a UDP port that carries ESP, which cygnetd then opens and
	 * holds; acknowledged with one end of a SEQPACKET socket pair beside it (SCM_RIGHTS). Each of its
	 * datagrams is a struct cygnet_ike_header and an IKE message. It lasts until the client closes
	 * that end. EBUSY: another client has it; EADDRINUSE: another process holds the port. */
	CYGNET_MSG_IKEREG,
	/* Request, acknowledged: the client is about to write the keys of all SAs into a file. cygnetd
	 * puts that into its log. EPERM: the client is not root. */
	CYGNET_MSG_TAKEKEYS,
	/* Request, acknowledged: this connection wants MISFITs from now on. No group has them, since who joins
	 * all groups (ip xfrm monitor) wants what the kernel says, and no decrypted packets. */
	CYGNET_MSG_MISFITREG,
	/* Event: an authentic packet was dropped since it does not fit its SA (RFC 4301 §5.2): for
	 * INVALID_SELECTORS. Once a second and SA at most. */
	CYGNET_MSG_MISFIT,
};

/* A datagram of that socket pair: this header, host
 * order, then the IKE message without the marker that ports of ESP have in front of it (RFC 3948
 * §2.2). From cygnetd: src sent it. To cygnetd: src is a local address, or all zero for any, and
 * sport the registered port. */
struct cygnet_ike_header {
	uint8_t family; /* AF_INET, in the addresses' first four bytes, or AF_INET6 */
	uint8_t reserved[3];
	uint16_t sport, dport;
	uint8_t src[16], dst[16];
};
enum {
	CYGNET_IKE_MARKER_LEN = 4,
	CYGNET_IKE_MAX = 65535 - 20 - 8 - CYGNET_IKE_MARKER_LEN, /* of the message */
};

/* A refusal: 0 or -errno, a sentence for the user (no secrets), and where in the message. Goes out
 * as an extended ack. */
struct xfrm_error {
	int code;
	uint32_t offset; /* of the offending attribute or field from the start of the message; 0 */
	char text[XFRM_ERROR_TEXT_MAX];
};

/* Writes code and text (printf); returns code. */
int xfrm_error_set(struct xfrm_error *err, int code, uint32_t offset, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- values ------------------------------------------------------------------------------ */

struct xfrm_sa {
	struct sa_config config;
	struct sa_status status; /* a request's: sequence numbers and counters to go on from */
};

struct xfrm_policy {
	struct policy_config config;
	uint64_t add_time, use_time; /* replies only */
	bool socket;		     /* of one socket, not of the SPD: a kernel's replies only */
};

/* XFRMA_ADDRESS_FILTER and XFRMA_PROTO of a GETSA dump. */
struct xfrm_sa_filter {
	struct ip_prefix src, dst; /* family AF_UNSPEC: any */
	uint8_t proto;		   /* 0: any */
};

bool xfrm_sa_filter_matches(const struct xfrm_sa_filter *filter, const struct sa_config *sa);

/* What cygnetd says about itself. Strings are NUL-terminated. */
struct cygnet_status {
	char version[32];
	char tun[16];	 /* device name */
	char wire[96];	 /* which sender is in use, and why */
	char crypto[32]; /* which cipher back end */
	uint32_t workers;
	uint32_t sas, policies;
	uint64_t started;   /* wall clock, seconds */
	bool forwarding[2]; /* IPv4, IPv6: switched on in this namespace? */
	uint64_t verdict_in[V_COUNT];
	uint64_t verdict_out[V_COUNT];
};

/* One outbound protect policy with the SA it uses now. */
struct cygnet_tunnel {
	struct policy_config policy;
	uint32_t spi;		       /* 0: no SA */
	uint32_t outer_mtu, inner_mtu; /* 0: not known */
};

/* ALLOCSPI: the range, host order, both included. */
struct xfrm_spi_range {
	uint32_t min, max;
};

/* ACQUIRE: a packet of sel wants an SA for policy. */
struct xfrm_acquire {
	struct sa_id id; /* of the SA that is wanted; spi 0: any */
	struct ip_addr src;
	struct selector sel;
	struct xfrm_policy policy;
	uint32_t seq; /* for the SA's config.seq */
};

/* SADINFO. Cygnet's own tables have no buckets of XFRM's kind: 0 from cygnetd. */
struct xfrm_sad_info {
	uint32_t count, buckets, buckets_max;
};

/* From how many bits of prefix on a policy is found by hash: the kernel's tuning, local and remote
 * side. cygnetd keeps and gives back what it is told. */
struct xfrm_threshold {
	bool said; /* false: not in the message */
	uint8_t local, remote;
};

/* SPDINFO. NEWSPDINFO as a request sets the thresholds and nothing else. */
struct xfrm_spd_info {
	uint32_t count[POLICY_DIRS], socket_count[POLICY_DIRS], buckets, buckets_max;
	struct xfrm_threshold ipv4, ipv6;
};

/* What becomes of packets no policy speaks of: XFRM_USERPOLICY_*, by enum policy_dir. */
struct xfrm_defaults {
	uint8_t action[POLICY_DIRS];
};

/* MIGRATE: SAs between the old addresses, and the policy's template that names them, go on between
 * the new ones. */
struct xfrm_migration {
	struct ip_addr old_src, old_dst, new_src, new_dst;
	uint32_t reqid; /* 0: any */
	uint8_t proto, mode;
};
enum { XFRM_MIGRATIONS_MAX = 6 };
struct xfrm_migrate {
	struct xfrm_migration moves[XFRM_MIGRATIONS_MAX];
	uint32_t count;
	struct sa_encap encap;		    /* ports 0: as it was */
	struct ip_addr km_local, km_remote; /* the manager's own; family AF_UNSPEC: not said */
};

/* MISFIT: the packet that sa.config.id let in. */
enum { CYGNET_QUOTE_MAX = 64 };
struct cygnet_misfit {
	struct selector flow; /* its own; ports under mask 0: it shows none */
	uint32_t quote_len;
	uint8_t quote[CYGNET_QUOTE_MAX]; /* its first bytes */
};

/* What a client of cygnetd's socket says about itself. */
struct cygnet_ctl {
	uint32_t portid; /* nlmsg_pid of its answers from now on; 0: that of the request */
	uint32_t groups; /* XFRMGRP_*: events it wants */
};

/* One parsed message. Which part is valid follows from type. */
struct xfrm_message {
	uint16_t type;	/* XFRM_MSG_* or CYGNET_MSG_* */
	uint16_t flags; /* NLM_F_* */
	uint32_t seq, pid;
	bool dump; /* GET* with NLM_F_DUMP */
	/* NEWSA, UPDSA, EXPIRE: all (EXPIRE has no suite); DELSA, GETSA: config.id, .src, .mark;
	 * ALLOCSPI: those, .mode, .reqid and .seq. As an event to send, DELSA: all. */
	struct xfrm_sa sa;
	struct xfrm_spi_range range; /* ALLOCSPI */
	bool hard;		     /* EXPIRE, POLEXPIRE: it is gone; as a request: take it out */
	struct xfrm_acquire acquire; /* ACQUIRE */
	struct sa_peer was, is;	     /* MAPPING, with sa.config.id and .reqid */
	uint16_t port;		     /* IKEREG */
	struct cygnet_misfit misfit; /* MISFIT, with sa.config.id, .src and .mark */
	struct xfrm_policy
		policy; /* NEWPOLICY, UPDPOLICY, POLEXPIRE: all; DEL-, GETPOLICY: the key */
	struct xfrm_sa_filter filter; /* GETSA dump */
	uint8_t proto;		      /* FLUSHSA: 0 is all */
	/* GETAE: sa.config as in GETSA; NEWAE: that and sa.status; XFRM_AE_* */
	uint32_t ae_flags;
	bool ae_replay, ae_lifetime; /* NEWAE as a request: which of the two it sets */
	uint32_t info_flags; /* GET-, NEWSADINFO, GET-, NEWSPDINFO: given back, without meaning */
	struct xfrm_sad_info sad;
	struct xfrm_spd_info spd;
	struct xfrm_migrate migrate;   /* MIGRATE, with the policy's key in policy.config */
	struct xfrm_defaults defaults; /* SETDEFAULT, and GETDEFAULT as an answer */
	struct cygnet_status status;
	struct cygnet_tunnel tunnel;
	struct cygnet_ctl ctl;
};

/* Wipes the keys in it, and what it quotes. Whoever parsed or filled a message calls it when done. */
void xfrm_message_cleanse(struct xfrm_message *msg);

/* ---- messages (parse_sa.c, parse_policy.c, put_sa.c, put_policy.c, status.c) -------------- */

/* Parses one message, of either side of the conversation. len: bytes there are from nlh on. 0, or
 * err->code: -EINVAL malformed or contradictory (as the kernel judges), -ENOSYS unknown
 * algorithm, -EOPNOTSUPP what Cygnet does not do (AH, IPComp, transport, BEET, IPTFS, if_id,
 * security contexts, offload, encapsulations other than RFC 3948's; messages of XFRM that are
 * not among those above; attributes nobody here knows). The status of an SA in a request
 * (NLM_F_REQUEST) is what it brings in XFRMA_REPLAY_* and XFRMA_LTIME_VAL, to go on from. */
int xfrm_parse(const struct nlmsghdr *nlh, size_t len, struct xfrm_message *out,
	       struct xfrm_error *err) __attribute__((warn_unused_result));

/* Encodes msg (type, flags, seq, pid and the valid part; DELSA and DELPOLICY without NLM_F_REQUEST
 * as the kernel's events: with all of what is gone) into buf, which is aligned to four. Returns
 * its length; 0 if size is too small, or XFRM has no words for it: a replay window above 4096, a
 * filter with two address families, a type that is not of those above. */
size_t xfrm_put(void *buf, size_t size, const struct xfrm_message *msg)
	__attribute__((warn_unused_result));

/* Acknowledgement or refusal of request: NLMSG_ERROR with the request's header (capped), and with
 * err->text as NLMSGERR_ATTR_MSG. err NULL or code 0: success. Returns its length, 0 if too small. */
size_t xfrm_put_ack(void *buf, size_t size, const struct nlmsghdr *request, uint32_t pid,
		    const struct xfrm_error *err) __attribute__((warn_unused_result));
/* NLMSG_DONE of a dump. */
size_t xfrm_put_done(void *buf, size_t size, uint32_t seq, uint32_t pid)
	__attribute__((warn_unused_result));

/* ---- names for people (names.c) ----------------------------------------------------------- */

/* Kernel names of the transforms: "rfc4106(gcm(aes))", "cbc(aes)", "hmac(sha256)", with the
 * kernel's aliases ("aes", "sha256") understood. NULL if unknown; AEADs are marked. */
const char *xfrm_encr_name(enum esp_encr_id id, bool *aead);
const char *xfrm_integ_name(enum esp_integ_id id);
bool xfrm_encr_lookup(const char *name, bool aead, enum esp_encr_id *out);
bool xfrm_integ_lookup(const char *name, enum esp_integ_id *out);

/* ---- client (client.c) --------------------------------------------------------------------- */

struct xfrm_client;

/* A connection belongs to one thread. Connects. path: cygnetd's socket, NULL for $CYGNET_SOCKET or the default; kernel true: the
 * kernel's own NETLINK_XFRM. 0 and *out (owned); -errno and a sentence in err. */
int xfrm_client_open(const char *path, bool kernel, struct xfrm_client **out,
		     struct xfrm_error *err) __attribute__((warn_unused_result));
void xfrm_client_close(struct xfrm_client *client); /* NULL is fine */

/* Sends msg (type and its part; flags, dump, seq and pid are set here) and waits for its
 * acknowledgement: ten seconds, then -ETIMEDOUT; -ECONNRESET if the server goes away. 0, or the refusal's -errno with its sentence (the kernel's extended ack where
 * there is one, strerror otherwise). */
int xfrm_client_request(struct xfrm_client *client, struct xfrm_message *msg,
			struct xfrm_error *err) __attribute__((warn_unused_result));
/* IKEREG: the pair's end in *fd, close-on-exec, owned by the caller. A kernel has no such thing:
 * -EOPNOTSUPP. */
int xfrm_client_register_ike(struct xfrm_client *client, uint16_t port, int *fd,
			     struct xfrm_error *err) __attribute__((warn_unused_result));
/* Sends a GET of one object; the answer replaces *reply. */
int xfrm_client_get(struct xfrm_client *client, struct xfrm_message *msg,
		    struct xfrm_message *reply, struct xfrm_error *err)
	__attribute__((warn_unused_result));
/* Sends a dump request and hands each entry to fn until it returns non-zero, which is then
 * returned; the entry is the callee's only during the call. Entries Cygnet has no words for (a
 * kernel's transport mode SAs) are left out; the end of the dump then returns the first one's
 * -errno and says how many there were. */
int xfrm_client_dump(struct xfrm_client *client, struct xfrm_message *msg,
		     int (*fn)(void *ctx, const struct xfrm_message *entry), void *ctx,
		     struct xfrm_error *err) __attribute__((warn_unused_result));

/* ---- events (client_event.c) ---------------------------------------------------------------- */

/* Asks for the events of these groups (XFRMGRP_*), beside those asked for before. A connection that
 * listens should send no other requests: events that come in while it waits for an answer are
 * lost. 0, -errno and a sentence. */
int xfrm_client_subscribe(struct xfrm_client *client, uint32_t groups, struct xfrm_error *err)
	__attribute__((warn_unused_result));
/* Asks cygnetd for MISFITs, too. A kernel has no such event: -EOPNOTSUPP. */
int xfrm_client_hear_misfits(struct xfrm_client *client, struct xfrm_error *err)
	__attribute__((warn_unused_result));
/* Waits for the next event, timeout_ms at most (-1: for ever). 0 and *out, which is the caller's to
 * cleanse; -EAGAIN: none came; -ENOBUFS: some were lost, since they were not read in time; more
 * may follow. -errno and a sentence otherwise. Events Cygnet has no words for are skipped. */
int xfrm_client_event(struct xfrm_client *client, int timeout_ms, struct xfrm_message *out,
		      struct xfrm_error *err) __attribute__((warn_unused_result));
/* To wait on with others. */
int xfrm_client_fd(const struct xfrm_client *client);

#endif
