/*
 * ike-lite/ike.h: IKEv2 with pre-shared keys, RFC 7296. Pure: bytes, addresses, time and randomness
 * come in; bytes to send and SAs to make or remove go out. No socket, no clock, no log, no global.
 *
 *     bytes  --> ike_input ----+                        +--> IKE_SEND      to the wire
 *     time   --> ike_tick -----+--> struct ike: IKE SAs --> IKE_ADD_SA ..  to XFRM
 *     wishes --> ike_initiate -+    and their child SAs +--> IKE_EVENT     to the log and to status
 *
 * Every call but the readers may leave actions; the caller takes them with ike_next_action until there
 * is none, in order, before it calls again. One thread.
 *
 * Nothing that is not authenticated changes lasting state: before that a peer costs at most one
 * half-open IKE SA of bounded size, of which there are a bounded number, and past a threshold none
 * without a cookie (§2.6).
 */
#ifndef CYGNET_IKE_H
#define CYGNET_IKE_H

#include "esp/esp.h"
#include "ike-lite/spec.h"
#include "packet/packet.h"

/* ---- what configuration and wire both speak of ---------------------------------------------- */

/* Who somebody says he is, RFC 7296 §3.5. type 0: anybody (configuration only). */
struct ike_id {
	uint8_t type; /* enum ike_id_type */
	uint8_t len;
	uint8_t data[255]; /* addresses: 4 or 16 bytes; the others as they stand */
};
enum { IKE_ID_TEXT_MAX = 4 * 255 + 16 };

/* strongSwan's text forms: an address, "name@host", "@fqdn" or "fqdn", "@#hex" and "keyid:text" for
 * KEY_ID, explicit "fqdn:", "email:", "ipv4:", "ipv6:"; "%any": type 0. False if it is none. */
bool ike_id_parse(const char *text, struct ike_id *out);
/* A text ike_id_parse would take, unprintable bytes escaped; returns buf. */
const char *ike_id_format(const struct ike_id *id, char buf[static IKE_ID_TEXT_MAX]);
bool ike_id_equal(const struct ike_id *a, const struct ike_id *b);
/* True if id is what the configuration's pattern asks for: equal, type 0, or "*.domain" for FQDN and
 * "*@domain" for RFC822 ids. */
bool ike_id_matches(const struct ike_id *pattern, const struct ike_id *id);

/* A range of addresses, a protocol (0: any) and a range of ports, both ends included, host order:
 * RFC 7296 §3.13.1. ICMP type and code stand in the port, type in the high byte. Ports 65535..0 say
 * OPAQUE. */
struct ike_ts {
	uint8_t proto;
	uint16_t port_from, port_to;
	struct ip_addr from, to; /* of one family */
};
enum { IKE_TS_MAX = 32 };
struct ike_ts_list {
	unsigned count;
	struct ike_ts at[IKE_TS_MAX];
};
enum { IKE_TS_TEXT_MAX = 128 };
/* "10.1.0.0/16", "10.0.0.5-10.0.0.9", "fd00::/8[tcp/80]", "0.0.0.0/0[udp/1000-2000]". False if not. */
bool ike_ts_parse_text(const char *text, struct ike_ts *out);
const char *ike_ts_format(const struct ike_ts *ts, char buf[static IKE_TS_TEXT_MAX]);

/* One algorithm, RFC 7296 §3.3.2. key_bits is 0 where the algorithm has one length only. */
struct ike_transform {
	uint8_t type; /* enum ike_transform_type */
	uint16_t id, key_bits;
};
enum { IKE_TRANSFORMS_MAX = 64 };

/* What is offered, or, with one transform a type, what was chosen. Of several transforms of a type
 * the earlier one is preferred. */
struct ike_proposal {
	uint8_t protocol; /* IKE_PROTO_IKE or IKE_PROTO_ESP */
	uint8_t count;
	struct ike_transform at[IKE_TRANSFORMS_MAX];
};
enum { IKE_PROPOSALS_MAX = 8, IKE_PROPOSAL_TEXT_MAX = 512 };

/* "aes256gcm16-prfsha384-ecp384", strongSwan's words for algorithms: for IKE_PROTO_IKE or
 * IKE_PROTO_ESP. 0; -EINVAL: unknown, refused, or a set that no suite can be made of; *why is then a
 * sentence in why. *out is written only on success. */
int ike_proposal_parse(const char *text, enum ike_protocol protocol, struct ike_proposal *out,
		       char why[static 160]);
/* What the word "default" stands for: two proposals, AEADs and the others. Returns their number. */
unsigned ike_proposal_default(enum ike_protocol protocol, struct ike_proposal out[static 2]);
/* True if extended sequence numbers may come of it. */
bool ike_proposal_has_esn(const struct ike_proposal *p);
/* True if one of its algorithms sends no IV, RFC 8750. */
bool ike_proposal_has_implicit_iv(const struct ike_proposal *p);
/* The same words for a proposal, each type's transforms in order; returns buf, cut if it is full. */
const char *ike_proposal_format(const struct ike_proposal *p, char *buf, size_t size);

/* Two ends of a conversation, host order ports. */
struct ike_ends {
	struct ip_addr local, remote; /* of one family */
	uint16_t local_port, remote_port;
};

/* ---- configuration -------------------------------------------------------------------------- */

enum { IKE_NAME_MAX = 64, IKE_ADDRS_MAX = 8, IKE_SECRET_MAX = 256, IKE_SECRET_IDS_MAX = 8 };

/* Bits: a trap that is there before, beside and after what was started. */
enum ike_start {
	IKE_START_NONE = 0,
	IKE_START_TRAP = 1,
	IKE_START_START = 2,
	IKE_START_BOTH = IKE_START_TRAP | IKE_START_START
};
enum ike_fragmentation {
	IKE_FRAGMENT_NO,
	IKE_FRAGMENT_ACCEPT,
	IKE_FRAGMENT_YES,
	IKE_FRAGMENT_FORCE
};

/* A child's wish: what its SAs look like and when they are made. Times in seconds, 0: never. */
struct ike_child_config {
	char name[IKE_NAME_MAX];
	unsigned proposal_count;
	struct ike_proposal
		proposals[IKE_PROPOSALS_MAX]; /* a DH transform asks for PFS at rekeys */
	/* dynamic: the end's own outer or virtual address; it stands beside those listed. */
	struct ike_ts_list local_ts, remote_ts;
	bool local_dynamic, remote_dynamic;
	struct ike_ts dynamic_local, dynamic_remote; /* protocol and ports of the dynamic ones */
	enum ike_start start_action, dpd_action, close_action;
	uint64_t rekey_time_s, life_time_s, rand_time_s;
	uint64_t rekey_bytes, life_bytes, rand_bytes;
	uint64_t rekey_packets, life_packets, rand_packets;
	uint32_t reqid;		/* 0: one is chosen */
	uint32_t replay_window; /* packets */
	uint32_t tfc_padding;	/* bytes; UINT32_MAX: up to the MTU */
	uint32_t priority;	/* of the policies; 0: one is computed from the selectors */
	bool no_policies;
	bool clear_df, no_ecn, hide_dscp, take_dscp; /* copy_df = no, copy_ecn = no, copy_dscp */
	bool rekey_preflight; /* rekeys once right after set-up: a PFS mismatch shows now, not in an hour */
	unsigned line; /* in the file, for texts that explain; 0: unknown */
};

/* A peer. Whoever fills it owns what its pointers point at; ike_configure copies all of it. */
struct ike_connection {
	char name[IKE_NAME_MAX];
	char file[128]; /* and line of the section, for texts that explain */
	unsigned line, proposals_line;
	/* Addresses of our own and of the peer; none: any. Prefixes answer only, single ones initiate
	 * too. Where remote names were resolved the caller keeps them in step by ike_configure. */
	unsigned local_count, remote_count;
	struct ip_prefix local[IKE_ADDRS_MAX], remote[IKE_ADDRS_MAX];
	uint16_t local_port, remote_port;  /* 0: 500, moving to 4500 where there is a NAT */
	struct ike_id local_id, remote_id; /* local_id type 0: our address */
	unsigned proposal_count;
	struct ike_proposal proposals[IKE_PROPOSALS_MAX];
	bool encap; /* ESP in UDP, NAT or not */
	enum ike_fragmentation fragmentation;
	uint32_t dpd_delay_s; /* 0: no liveness check of our own */
	uint64_t rekey_time_s, over_time_s,
		rand_time_s;  /* IKE SA; over_time: hard end after that */
	uint32_t keyingtries; /* 0: for ever, with back-off */
	bool initial_contact; /* send it, and heed it: unique != never */
	struct ike_id ppk_id; /* type 0: none */
	bool ppk_required;
	unsigned vip_count; /* addresses asked for: 0.0.0.0 or :: for any */
	struct ip_addr vips[2];
	unsigned pool_count; /* addresses given to who asks, one pool a family at most */
	struct {
		struct ip_addr from, to;
	} pools[2];
	unsigned child_count;
	struct ike_child_config *children;
};

/* A pre-shared key and whose it is: of the ids that are listed, those of both ends if there are two
 * or more; none listed: everybody's. Carries secrets. */
struct ike_secret {
	unsigned id_count;
	struct ike_id ids[IKE_SECRET_IDS_MAX];
	unsigned len;
	uint8_t key[IKE_SECRET_MAX];
	bool is_ppk; /* RFC 8784: ids are PPK_IDs */
};

struct ike_config {
	unsigned connection_count, secret_count;
	struct ike_connection *connections;
	struct ike_secret *secrets; /* cleansed by their owner */
	/* Retransmission, strongSwan's: timeout * base^n, tries times. 0: 4000 ms, 1.8, 5. */
	uint32_t retransmit_timeout_ms, retransmit_base_percent, retransmit_tries;
	uint32_t keepalive_s;	      /* NAT keepalives; 0: none */
	uint32_t half_open_max;	      /* 0: 1024 */
	uint32_t cookie_threshold;    /* half-open ones; 0: 30 */
	uint32_t half_open_timeout_s; /* 0: 30 */
	uint16_t fragment_size;	      /* IP bytes of a fragment; 0: 1280 (RFC 7383 §2.5.1) */
	uint16_t port, encap_port;    /* our own; 0: 500 and 4500 */
};

/* ---- the machine ------------------------------------------------------------------------------ */

struct ike;

/* What the machine asks of its surroundings. All must answer at once. */
struct ike_env {
	void *ctx;
	/* Fills buf with random bytes fit for keys. */
	void (*random)(void *ctx, uint8_t *buf, size_t len);
	/* The address packets to dst would leave from; false: there is no route. */
	bool (*source_for)(void *ctx, const struct ip_addr *dst, struct ip_addr *src);
	/* Packets can leave from addr: it is an address of this host now. */
	bool (*is_ours)(void *ctx, const struct ip_addr *addr);
};

/* 0 and *out (owned), -ENOMEM. Without ike_configure it answers nobody. */
int ike_new(struct ike **out, const struct ike_env *env) __attribute__((warn_unused_result));
/* Forgets everything, cleanses keys, says goodbye to nobody. NULL is fine. */
void ike_free(struct ike *ike);

/* Takes a new configuration whole, copying it. What did not change keeps its SAs; SAs of connections
 * and children that changed or are gone are deleted, and what start_action asks for is done for what is new or
 * changed. 0; -EINVAL and a sentence: two of one name, an impossible value; nothing changed then. -ENOMEM. */
int ike_configure(struct ike *ike, uint64_t now_ms, const struct ike_config *config,
		  char why[static 160]) __attribute__((warn_unused_result));

/* One datagram, non-ESP marker taken off; ends.local_port tells which of our ports it came to. data is
 * only read. What is not for us, or not authentic, leaves at most an answer the RFC asks for. */
void ike_input(struct ike *ike, uint64_t now_ms, const struct ike_ends *ends, const uint8_t *data,
	       size_t len);
/* Does what is due: retransmissions, rekeys, liveness, ends. */
void ike_tick(struct ike *ike, uint64_t now_ms);
/* When ike_tick has something to do; UINT64_MAX: never, as it stands. */
uint64_t ike_next_tick(const struct ike *ike);

/* Wishes by name. child NULL: all children of the connection. 0: under way, or done already; -ENOENT:
 * no such connection or child; -EHOSTUNREACH: no single remote address, or no route; -ENOMEM. What
 * becomes of it is told by events whose .request is the id given here (0: nobody waits). */
int ike_initiate(struct ike *ike, uint64_t now_ms, const char *connection, const char *child,
		 uint32_t request);
/* Takes SAs down, and sets of them that are being made: child NULL, the IKE SA with all of them. They stay down until
 * ike_initiate, a packet that wants them, or the peer; a configuration that changed no more of them than addresses
 * brings them up no more than a peer's end does. -ENOENT: none is up, nor on its way; nothing changed then. */
int ike_terminate(struct ike *ike, uint64_t now_ms, const char *connection, const char *child,
		  uint32_t request);
/* Starts a rekey now; child NULL: of the IKE SA. */
int ike_rekey(struct ike *ike, uint64_t now_ms, const char *connection, const char *child);
/* Says delete to every peer; IKE_SEND actions follow. Before an orderly stop. */
void ike_shutdown(struct ike *ike, uint64_t now_ms);

/* What XFRM told. reqid and the packet's selectors of an ACQUIRE; seq goes into the SAs that answer
 * it. */
void ike_on_acquire(struct ike *ike, uint64_t now_ms, uint32_t reqid, const struct ike_ts *src,
		    const struct ike_ts *dst, uint32_t seq);
/* A child SA reached a limit; dst: of the SA. */
void ike_on_expire(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
		   bool hard);
/* The data plane saw an authentic ESP packet from elsewhere, RFC 7296 §2.23. */
void ike_on_mapping(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
		    const struct ip_addr *remote, uint16_t remote_port);
/* ESP arrived from the peer lately: no liveness check is needed (§2.4). idle_s: since then. */
void ike_on_inbound(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
		    uint64_t idle_s);
/* SAs are gone from the data plane: it is a new one, or could not move them. stands tells of either direction's
 * whether it is there yet. Each child that lacks one gets new keys, whatever else is under way: old ones are not
 * put back, since their sequence numbers and windows are lost. */
void ike_on_sas_lost(struct ike *ike, uint64_t now_ms,
		     bool (*stands)(void *ctx, const struct ip_addr *dst, uint32_t spi), void *ctx);
/* The data plane refused an SA. A child that lacks one for it stays as it is, so that its policies keep its packets from
 * leaving in clear, and gets new keys in half a minute, or when ike_initiate asks for it, once more if those are refused,
 * too: the reason may pass. Packets that want it make no other children meanwhile. */
void ike_on_sas_refused(struct ike *ike, uint64_t now_ms,
			bool (*stands)(void *ctx, const struct ip_addr *dst, uint32_t spi),
			void *ctx);
/* Local addresses or routes changed: paths that no longer have a source are left, and tried anew from another one,
 * if the configuration has one that is there; traps follow. */
void ike_on_addresses(struct ike *ike, uint64_t now_ms);
/* An authentic inner packet from .. to did not match the inbound SA of dst and spi: N(INVALID_SELECTORS) to the
 * peer, RFC 4301 §5.2, with its first bytes. Not if it lies in what was agreed: then it is not the peer who is
 * wrong, but policies of ours (others that are in front, or not there yet). */
void ike_on_bad_selector(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
			 const struct ike_ts *from, const struct ike_ts *to, const uint8_t *packet,
			 size_t len);

/* ---- actions ------------------------------------------------------------------------------------ */

/* One child SA in one direction, as XFRM wants it. Carries secrets; ike_action's memory is the
 * machine's, which cleanses it when the next action is taken. */
struct ike_sa_action {
	bool inbound;
	bool replaces; /* a rekey: the newest of a reqid is used, so order matters */
	uint32_t spi, reqid, acquire_seq;
	struct ip_addr src, dst;
	bool udp; /* ESP in UDP, between these ports */
	uint16_t sport, dport;
	struct esp_suite suite;
	bool esn;
	struct {
		uint8_t encr[ESP_ENCR_KEY_MAX];
		uint8_t integ[ESP_INTEG_KEY_MAX];
	} keys;
	bool peer_refuses_tfc; /* ESP_TFC_PADDING_NOT_SUPPORTED */
	/* Limits: soft ones start a rekey, hard ones end it; 0: none. */
	uint64_t soft_time_s, hard_time_s, soft_bytes, hard_bytes, soft_packets, hard_packets;
	const struct ike_child_config *config;		/* borrowed until the next action */
	const struct ike_ts_list *local_ts, *remote_ts; /* as narrowed; borrowed likewise */
};

/* A child's policies, in, out and fwd, between every local and every remote selector. Each ADD has one DELETE that says
 * the same; of those with the same selectors the one added last counts. */
struct ike_policy_action {
	uint32_t reqid;
	bool trap; /* no SA yet: an ACQUIRE is wanted. addresses may be unspecified */
	struct ip_addr local, remote; /* outer */
	const struct ike_child_config *config;
	const struct ike_ts_list *local_ts, *remote_ts;
};

/* What happened, for logs and for who waits. */
enum ike_event_kind {
	IKE_EV_IKE_UP,	 /* authenticated */
	IKE_EV_IKE_DOWN, /* text says why */
	IKE_EV_CHILD_UP,
	IKE_EV_CHILD_DOWN,
	IKE_EV_IKE_REKEYED,
	IKE_EV_CHILD_REKEYED,
	IKE_EV_FAILED, /* an exchange of ours or theirs failed: text explains, ours and theirs side by
			  * side, with file and line of what to change */
	IKE_EV_RETRY,	/* no answer, or failed; trying again later */
	IKE_EV_MOVED,	/* the peer's address or port changed */
	IKE_EV_REFUSED, /* a stranger's message was not taken: rate-limited by the machine */
	IKE_EV_NOTICE,	/* anything else worth a line */
};

struct ike_event {
	enum ike_event_kind kind;
	uint32_t request; /* of ike_initiate or ike_terminate that this answers for good; else 0 */
	const char *connection, *child; /* names; NULL: unknown or none. All borrowed */
	struct ike_ends ends;
	uint64_t spi_i, spi_r;
	uint32_t spi_in, spi_out; /* of a child */
	const char *text;	  /* one line without secrets */
};

/* Keys of an IKE SA for a debugging table; only after ike_export_keys. */
struct ike_key_action {
	uint64_t spi_i, spi_r;
	struct ike_proposal suite;
	unsigned encr_len, integ_len; /* salt included */
	const uint8_t *sk_ei, *sk_er, *sk_ai, *sk_ar;
};

enum ike_action_kind {
	IKE_SEND,
	IKE_ADD_SA,
	IKE_DELETE_SA,
	IKE_ADD_POLICIES,
	IKE_DELETE_POLICIES,
	IKE_MOVE_SA,	 /* .sa with its new addresses and ports; .old_dst and .spi find it */
	IKE_ADD_ADDRESS, /* a virtual IP of ours came */
	IKE_DELETE_ADDRESS,
	IKE_EVENT,
	IKE_KEYS,
};

struct ike_action {
	enum ike_action_kind kind;
	union {
		struct {
			struct ike_ends ends; /* without marker: ports 4500 need one put in front */
			const uint8_t *data;
			size_t len;	/* 0: memory was short, there is nothing to send */
			bool keepalive; /* one byte 0xff, which takes no marker: RFC 3948 §2.3 */
		} send;
		struct ike_sa_action sa; /* DELETE: dst, spi, src, inbound only */
		struct ike_policy_action policy;
		struct ip_addr address;
		struct ike_event event;
		struct ike_key_action keys;
	};
	struct ip_addr old_dst; /* MOVE_SA */
};

/* Takes the oldest action; false: none is left. What it points at is valid until the next call of any
 * function of the machine. */
bool ike_next_action(struct ike *ike, struct ike_action *out);
/* From now on keys of IKE SAs, present ones included, are told. */
void ike_export_keys(struct ike *ike);

/* ---- status -------------------------------------------------------------------------------------- */

enum ike_sa_state {
	IKE_STATE_CONNECTING, /* IKE_SA_INIT or IKE_AUTH under way */
	IKE_STATE_UP,
	IKE_STATE_REKEYING,
	IKE_STATE_REKEYED, /* its successor lives; waits for its delete */
	IKE_STATE_DELETING,
	IKE_STATE_WAITING, /* to try again */
};

struct ike_child_status {
	const char *name;
	uint32_t reqid, spi_in, spi_out;
	bool rekeying, deleting;
	struct esp_suite suite;
	bool esn, udp;
	uint16_t dh_group;	    /* 0: keys come from the IKE SA */
	uint64_t age_s, rekey_in_s; /* UINT64_MAX: never */
	const struct ike_ts_list *local_ts, *remote_ts;
};

struct ike_status {
	const char *connection;
	enum ike_sa_state state;
	bool initiator, nat_here, nat_there, fragmentation, ppk;
	uint64_t spi_i, spi_r;
	struct ike_ends ends;
	struct ike_id local_id, remote_id;
	struct ike_proposal suite; /* as chosen; count 0: not yet */
	uint64_t age_s, rekey_in_s, last_heard_s;
	unsigned vip_count;
	struct ip_addr vips[2]; /* ours, or given to the peer */
	unsigned child_count;
};
/* The i-th IKE SA, half-open ones of strangers left out; false past the end. Borrowed until the next
 * call that is not a reader. */
bool ike_status_at(const struct ike *ike, uint64_t now_ms, unsigned i, struct ike_status *out);
bool ike_child_status_at(const struct ike *ike, uint64_t now_ms, unsigned i, unsigned child,
			 struct ike_child_status *out);
unsigned ike_half_open_count(const struct ike *ike);

#endif
