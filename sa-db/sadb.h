/*
 * sa-db/sadb.h: the databases of RFC 4301 §4.4: security associations (SAD) and policies (SPD),
 * and the tie between them, which SA a policy uses now.
 *
 * Pure. One control thread owns all writes. Packet threads read without locks: every pointer they
 * follow is published with release order, and what is taken out goes to a retire callback, which
 * frees it once no reader can hold it. A pointer looked up is borrowed until the end of the
 * reader's section. Meanings are the Linux kernel's XFRM: same keys, same duplicates, same errno.
 */
#ifndef CYGNET_SADB_H
#define CYGNET_SADB_H

#include "esp/esp.h"

#include <stdatomic.h>

/* ---- selectors (selector.c) ------------------------------------------------------------- */

/* RFC 4301 §4.4.1.1, in XFRM's shape. AF_UNSPEC and proto 0 are any. Ports match where they agree
 * with the value in the bits of the mask; ICMP type and code stand in sport and dport. */
struct selector {
	uint8_t family, proto;
	struct ip_prefix src, dst;
	uint16_t sport, sport_mask, dport, dport_mask;
	int32_t ifindex;
	uint32_t user;
};

/* True if the packet lies inside. A port selector does not match a packet without readable ports
 * (RFC 4301 §7.1). ifindex and user take no part: a tunnel has one device. */
bool selector_matches(const struct selector *sel, const struct ip_view *v);
/* The XFRM identity: all fields as given, host bits included. */
bool selector_equal(const struct selector *a, const struct selector *b);
/* True if some packet could match both. */
bool selector_overlaps(const struct selector *a, const struct selector *b);
/* True if it says nothing about protocol and ports. */
bool selector_is_address_only(const struct selector *sel);

/* ---- ranges (range.c) ------------------------------------------------------------------- */

/* One end of a selector as RFC 4301 §4.4.1.1 and IKE (RFC 7296 §3.13.1) write it: addresses and ports
 * from .. to, both included. All ports, 0 to 65535, is ANY: packets without readable ports, too. */
struct selector_end {
	struct ip_addr from, to;
	uint16_t port_from, port_to; /* ICMP: types at src, codes at dst */
};

struct selector_range {
	uint8_t family; /* AF_INET or AF_INET6: of all four addresses */
	uint8_t proto;	/* 0: any */
	struct selector_end src, dst;
};

/* Writes the selectors, prefix by prefix and value by mask as XFRM has them, that together hold exactly
 * what range holds; no two share a packet, and no fewer disjoint prefixes would do. In ascending order of source,
 * destination, source port, destination port. Their number, 1 at least; -EINVAL: an end is empty
 * (from above to, so IKE's OPAQUE too) or of another family; -E2BIG: there are more than max. out
 * is undefined after an error. */
int selector_range_split(const struct selector_range *range, struct selector *out, unsigned max)
	__attribute__((warn_unused_result));

/* ---- what a manager says about an SA ---------------------------------------------------- */

/* RFC 4301 §4.1: destination, protocol, SPI (host order). */
struct sa_id {
	struct ip_addr dst;
	uint32_t spi;
	uint8_t proto; /* IPPROTO_ESP */
};

/* XFRM's look-up mark. It is part of an SA's identity the kernel's way: a key finds an SA if
 * (key.value & key.mask & sa.mask) == sa.value, so an SA without a mark is found by every key. */
struct xfrm_mark_value {
	uint32_t value, mask;
};

#define SADB_NO_LIMIT UINT64_MAX /* times, in seconds: 0 is none too */
struct sadb_limits {
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets;
	uint64_t soft_add_s, hard_add_s, soft_use_s, hard_use_s;
};

struct sa_keys {
	uint8_t encr[ESP_ENCR_KEY_MAX]; /* AEAD: key then salt */
	uint8_t integ[ESP_INTEG_KEY_MAX];
};

/* UDP encapsulation, RFC 3948: the SA's packets travel in UDP between these ports, sport being its
 * source's. Both 0: raw ESP. Host order. */
struct sa_encap {
	uint16_t sport, dport;
	struct ip_addr
		oa; /* NAT-OA, which only transport mode has a use for: kept and given back */
};
static inline bool sa_encap_is_udp(const struct sa_encap *encap)
{
	return encap->sport != 0;
}

/* Bits of XFRM's extra flags (XFRMA_SA_EXTRA_FLAGS) for what the RFCs ask and XFRM has no name for.
 * The kernel has two low bits of the 32 and keeps the others without a look. docs/decisions/0010. */
enum sa_xflag {
	SA_XFLAG_DF_SET = 1 << 24,     /* RFC 4301 §8.1: outer DF always set */
	SA_XFLAG_STRICT_PAD = 1 << 25, /* RFC 4303 §2.4: the receiver inspects padding */
	SA_XFLAG_UDP_NO_SUM = 1 << 26, /* RFC 3948 §2.1: UDP checksum 0, over IPv4 */
	SA_XFLAG_CLAMP_MSS = 1 << 27,  /* TCP's MSS is lowered to what the tunnel carries */
	SA_XFLAG_DUMMIES = 1 << 28,    /* RFC 4303 §2.6: dummy packets are sent */
};

/* A plain value that carries secrets: whoever fills one calls sa_config_cleanse on it. */
struct sa_config {
	struct sa_id id;
	struct xfrm_mark_value mark;
	struct ip_addr src;
	uint8_t mode;	   /* XFRM_MODE_TUNNEL; others are refused above this layer */
	uint8_t flags;	   /* XFRM_STATE_*: kept and given back; sa_outer_options reads some */
	uint8_t direction; /* as a manager says it, enum sa_direction or 0: kept and given back */
	uint32_t extra_flags; /* XFRM_SA_XFLAG_* and SA_XFLAG_*: same */
	uint32_t reqid, replay_window;
	uint32_t seq; /* XFRM's: which ACQUIRE the SA answers; kept and given back */
	bool esn;
	bool larval; /* RFC 2367 §1.2: an SPI set aside, or a wish; no suite and no keys yet */
	struct selector sel; /* what the SA may carry; family AF_UNSPEC: anything */
	struct sadb_limits limits;
	struct sa_encap encap;
	struct xfrm_mark_value output_mark; /* see sa_output_mark; no part of the SA's name */
	uint32_t tfcpad; /* TFC padding: fill inner packets up to so many bytes, RFC 4303 §2.7 */
	struct esp_suite suite;
	struct sa_keys keys;
};
void sa_config_cleanse(struct sa_config *config);
/* XFRM's set-mark on a packet that has none: what sealed packets of the SA carry. 0: nothing is said. */
static inline uint32_t sa_output_mark(const struct sa_config *config)
{
	return config->output_mark.value & config->output_mark.mask;
}
/* What its flags say about the outer header. */
struct outer_options sa_outer_options(const struct sa_config *config);

enum sa_direction { SA_IN = 1, SA_OUT = 2 };

/* What the SA has done. A plain value, read from atomics. Times are wall-clock seconds. */
struct sa_status {
	uint64_t bytes, packets; /* as the kernel counts: inner packets and their bytes */
	uint64_t add_time, use_time, last_use; /* use_time: first use, 0 for never */
	uint64_t out_seq, in_seq;
	uint32_t replay_drops, icv_drops; /* XFRM: replay, integrity_failed */
	uint8_t directions;		  /* SA_IN | SA_OUT */
	struct esp_seen seen; /* by the inbound end, up to in_seq; none: nothing is known of it */
};

/* Where a NAT lets the peer of an encapsulated SA appear, host order. */
struct sa_peer {
	struct ip_addr addr;
	uint16_t port;
};

/* The data thread that owns the SA in its direction writes, but for the last two; any thread reads. Shared
 * by successive versions of one SA, owned by the newest. */
struct sa_counters {
	_Atomic uint64_t bytes, packets, use_time, last_use;
	_Atomic uint64_t mapping_time; /* when the peer was last seen elsewhere */
	_Atomic uint64_t misfit_time;  /* when a packet that did not fit was last told of */
	_Atomic uint32_t replay_drops, icv_drops;
	_Atomic uint8_t told; /* enum sa_life the data thread has spoken of; control sets it back */
	bool soft_announced;  /* control thread only */
	_Atomic(struct sa_peer *) moved; /* control writes; owned; NULL: as configured */
	_Atomic uint64_t kept_alive;	 /* control writes: last NAT keepalive */
};

struct sa_keeper; /* the gateway's */
struct policy_keeper;

struct sa {
	/* Set at creation, then immutable. What a look-up reads comes first, in one cache line. */
	struct esp_in *in;   /* owned by the newest version; NULL unless we are the destination */
	struct esp_out *out; /* owned by the newest version; NULL unless we are the source */
	struct sa_counters *counters; /* owned by the newest version */
	struct sa_config config;
	uint64_t serial, add_time; /* creation order: the newest is used; wall clock, seconds */
	/* What it had done when it was taken over: shown until its ends know better. */
	uint64_t past_out_seq, past_in_seq;
	struct sa_links *links; /* owned by the newest version; control thread only */
	struct sa_keeper
		*keeper; /* the gateway's, handed from version to version; control thread */
};

/* Books one packet that was sealed or opened. bytes: length of the inner packet. */
void sa_on_packet(struct sa *sa, uint32_t bytes, uint64_t now);

/* Where the peer of an encapsulated SA is, as its packets come (SA_IN) or go (SA_OUT). Any thread,
 * in a read-side section. */
struct sa_peer sa_peer(const struct sa *sa, enum sa_direction direction);

/* ---- how long it lives (life.c) --------------------------------------------------------- */

enum sa_life {
	SA_ALIVE,
	SA_SOFT, /* a soft limit is reached: the manager should make another */
	SA_HARD, /* a hard one: it may carry nothing more */
};
enum {
	/* RFC 4303 §3.3.3: an SA with fewer numbers left asks for another, as at a soft limit. */
	SA_SEQ_LOW = 1 << 16,
};

/* What bytes, packets and sequence numbers say. Asked before each packet; any thread. The last
 * sequence number may still be used: what comes after it is esp_seal's V_SEQ_EXHAUSTED. */
enum sa_life sa_life(const struct sa *sa);
/* True if the last sequence number is used. Any thread. */
bool sa_is_exhausted(const struct sa *sa);
/* What the times say at now, and when to ask again (UINT64_MAX: never). */
enum sa_life sa_life_at(const struct sa *sa, uint64_t now, uint64_t *next);

struct policy;
/* The same of a policy, whose clocks are the kernel's: since it was made, and since its last use. */
enum sa_life policy_life_at(const struct policy *policy, uint64_t now, uint64_t *next);

/* ---- policies --------------------------------------------------------------------------- */

enum policy_dir { POLICY_IN, POLICY_OUT, POLICY_FWD, POLICY_DIRS }; /* as XFRM numbers them */
enum policy_action { POLICY_PROTECT, POLICY_BYPASS, POLICY_DISCARD };

/* The tunnel a policy asks for. A zero reqid or spi means any. */
struct policy_template {
	struct ip_addr src, dst;
	uint32_t spi, reqid;
	uint8_t proto, mode, share;
	bool optional;			 /* level use: clear if there is no SA */
	uint32_t aalgos, ealgos, calgos; /* kept and given back */
};

struct policy_config {
	struct selector sel;
	uint32_t index;	      /* 0: let the database choose; low 3 bits are the direction */
	uint32_t priority;    /* lowest wins; equal: older wins */
	uint8_t dir;	      /* enum policy_dir */
	uint8_t action;	      /* enum policy_action; PROTECT has tmpl, the others do not */
	uint8_t flags, share; /* XFRM_POLICY_*; kept and given back */
	struct xfrm_mark_value mark;
	struct sadb_limits limits;
	struct policy_template tmpl;
};

struct policy {
	/* Set at creation, then immutable. */
	struct policy_config config;
	uint64_t serial, add_time;  /* serial: insertion order, a replacement is a new insertion */
	_Atomic(struct sa *) sa;    /* control writes; borrowed: outbound SA in use, NULL: none */
	_Atomic uint32_t inner_mtu; /* control writes; 0: not known yet */
	_Atomic uint64_t use_time;  /* any thread writes; last use, wall clock */
	_Atomic bool acquiring;	    /* its packet thread sets, control clears: an SA is asked for */
	struct policy_links *links; /* owned; control thread only, see spd.c */
	struct policy_keeper *keeper; /* the gateway's; control thread only */
};

/* ---- the database ----------------------------------------------------------------------- */

/* Called for what readers may still hold; must arrange free_fn(ptr) after the last is done. fn NULL
 * frees at once (single-threaded tests). */
struct sadb_retire {
	void (*fn)(void *ctx, void *ptr, void (*free_fn)(void *ptr));
	void *ctx;
};

/* NULL if out of memory. */
struct sadb *sadb_new(struct sadb_retire retire);
/* SAs made from here on use the engine (borrowed, outlives them). NULL: OpenSSL, as without this. */
void sadb_use_engine(struct sadb *db, const struct esp_engine *engine);
/* Frees everything at once: no reader and no walk may be left. NULL is fine. */
void sadb_free(struct sadb *db);

/* Everything below is for the control thread, unless it says so. Entries are borrowed, NULL is none. */

/* What an SA's constructor needs from the gateway beside its configuration. */
struct sa_grant {
	unsigned directions; /* SA_IN, SA_OUT or both: which end this host is */
	struct esp_grant seq;
	uint64_t iv_mask;
	/* Of an SA that is taken over: counters, times and in_seq to go on from, and out_seq, which
	 * seq lies above. All zero: a new one. */
	struct sa_status past;
};

/* Adds an SA; config is copied. 0 and *out; -EEXIST: an SA with this id and mark is there, and is
 * left alone, unless it is larval: then the new one takes its place. A larval SA has no direction,
 * and with SPI 0 it is a wish that only walks and sadb_sa_next_between find; -EINVAL from esp; -ENOMEM. Outbound policies that ask for such an SA use it from now
 * on: the newest wins. */
int sadb_sa_add(struct sadb *db, const struct sa_config *config, const struct sa_grant *grant,
		uint64_t now, struct sa **out) __attribute__((warn_unused_result));
/* The kernel's UPDSA of a live SA: limits, the ports of an encapsulation (-EINVAL: it would begin
 * or end) and an output mark, if config has one, change; all else of config is left as it was; keys, sequence numbers, window and counters go on. *out is a new struct that took over the
 * old one's ends and was switched in atomically. -ESRCH if there is none, -ENOMEM. */
int sadb_sa_update(struct sadb *db, const struct sa_config *config, struct sa **out)
	__attribute__((warn_unused_result));
/* -ESRCH if there is none. Policies that used it fall back to the next newest, or none. */
int sadb_sa_delete(struct sadb *db, const struct sa_id *id, const struct xfrm_mark_value *mark);
/* Takes out this very SA, whatever others its key would find. Returns the last sequence number it
 * had used when no policy named it any more (0: none, or no outbound end): packet threads that are
 * still in a read-side section may use a few more. */
uint64_t sadb_sa_remove(struct sadb *db, struct sa *sa);
unsigned sadb_sa_flush(struct sadb *db, uint8_t proto); /* number removed; proto 0: all */
struct sa *sadb_sa_find(const struct sadb *db, const struct sa_id *id,
			const struct xfrm_mark_value *mark);
/* SAs between src and dst, oldest first; after: NULL to start, then the one before. Who deletes on
 * the way takes the next one first. */
struct sa *sadb_sa_next_between(const struct sadb *db, const struct ip_addr *src,
				const struct ip_addr *dst, const struct sa *after);
/* This host's addresses changed: the SA gains or loses an end, what stays goes on. grant: the
 * directions it is to have; seq and iv_mask only matter if it gains SA_OUT. *out is a new struct as
 * above, or sa if nothing changes. 0, -ENOMEM, -EINVAL from esp (then sa is as it was). */
int sadb_sa_set_directions(struct sadb *db, struct sa *sa, const struct sa_grant *grant,
			   struct sa **out) __attribute__((warn_unused_result));
/* The ends in grant->directions, which the SA has, go on after grant->past's numbers: the outbound one is
 * made anew, out of grant->seq, and *out then a new struct as above; the inbound one stays, and what it
 * sees meanwhile counts too. 0, -ENOMEM, -EINVAL from esp (then sa is as it was). */
int sadb_sa_resume(struct sadb *db, struct sa *sa, const struct sa_grant *grant, struct sa **out)
	__attribute__((warn_unused_result));
/* A second version of sa between other addresses, with its ends, counters and place in time; both are
 * found until one of them is taken out by sadb_sa_drop_version, which leaves ends and counters to the
 * other. Of config: id.dst, src, encap. 0; -EEXIST: another SA has that name; -ENOMEM. */
int sadb_sa_readdress(struct sadb *db, struct sa *sa, const struct sa_config *config,
		      struct sa **out) __attribute__((warn_unused_result));
/* Policies that use it fall back to the next newest, or none. Needs no memory. */
void sadb_sa_drop_version(struct sadb *db, struct sa *sa);
/* Its bytes, packets and time of first use are from now on these. What its packet thread counts at
 * this very moment may be lost. */
void sadb_sa_set_counters(struct sa *sa, const struct sa_status *status);
/* The SA's peer appears elsewhere; its configuration, and so its identity, stay. peer NULL: as
 * configured. 0, -ENOMEM. */
int sadb_sa_move_peer(struct sadb *db, struct sa *sa, const struct sa_peer *peer);
struct sa_status sa_status(const struct sa *sa);
unsigned sadb_sa_count(const struct sadb *db);

/* Any thread, in a read-side section: the inbound SA of a received packet (ESP, mark 0), RFC 4301
 * §4.1. NULL if none, or if it has no inbound end here. O(1). */
struct sa *sad_lookup(const struct sadb *db, uint32_t spi, const struct ip_addr *dst);
/* The SA that sent a packet with this SPI and destination, which an ICMP error quotes: NULL if none
 * has an outbound end here. Any thread, in a read-side section. O(1). */
struct sa *sad_lookup_sent(const struct sadb *db, uint32_t spi, const struct ip_addr *dst);

/* Adds a policy. 0 and *out; -EEXIST: one with the same direction, selector and mark is there, unless
 * replace: then it is switched atomically, keeping its index; -ENOMEM; -EINVAL: an index that does
 * not match the direction. One that is taken is passed over for another, as in the kernel. */
int sadb_policy_add(struct sadb *db, const struct policy_config *config, bool replace, uint64_t now,
		    struct policy **out) __attribute__((warn_unused_result));
/* By direction, mark and index; if the index is 0, by direction, mark and selector. */
struct policy *sadb_policy_find(const struct sadb *db, const struct policy_config *key);
/* -ENOENT; -ENOMEM, and it is still there. */
int sadb_policy_delete(struct sadb *db, const struct policy_config *key);
/* Number removed. Needs no memory. */
unsigned sadb_policy_flush(struct sadb *db);
unsigned sadb_policy_count(const struct sadb *db, enum policy_dir dir); /* any thread */

/* Walks survive additions and deletions between steps: begin, next until NULL, end (always). Deleted
 * entries are not seen, new ones are if they belong behind the place reached. */
struct sadb_walk {
	struct sadb_walk *prev, *next; /* owned by the database between begin and end */
	void *at;
	struct sadb *db;
	bool policies;
};
void sadb_walk_begin(struct sadb *db, struct sadb_walk *walk, bool policies);
struct sa *sadb_walk_sa(struct sadb_walk *walk);	 /* oldest first */
struct policy *sadb_walk_policy(struct sadb_walk *walk); /* in, out, fwd; each in look-up order */
void sadb_walk_end(struct sadb_walk *walk);

/* ---- what packet threads ask ------------------------------------------------------------ */

/* First policy of the direction, by priority then age, whose selector matches (mark 0); NULL if
 * none. Any thread, in a read-side section. */
struct policy *spd_lookup(const struct sadb *db, enum policy_dir dir, const struct ip_view *v);

/* A packet thread's own memory of flows it has seen, so that a look-up costs the same with 10 and
 * 10,000 policies. Forgets by itself whenever the SPD changes. One thread and one database each. */
struct spd_cache *spd_cache_new(void);
void spd_cache_free(struct spd_cache *cache);
struct policy *spd_lookup_cached(const struct sadb *db, struct spd_cache *cache,
				 enum policy_dir dir, const struct ip_view *v);

/* RFC 4301 §5.2 step 4: may what sa carried in be what policy (found for the opened packet, NULL
 * if none) wants? V_OK, V_SELECTOR, V_NO_IN_POLICY, V_IN_DISCARD, V_IN_TEMPLATE. */
enum verdict spd_permits(const struct policy *policy, const struct sa *sa, const struct ip_view *v);

/* True if packets can meet the policy at all: they carry mark 0 here, and XFRM asks for
 * (mark & mask) == value. */
bool policy_is_met(const struct policy_config *policy);

/* True if the SA is one the template asks for. An address the template leaves open takes any. */
bool template_accepts(const struct policy_template *tmpl, const struct sa_config *sa);

#endif
