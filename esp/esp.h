/*
 * esp/esp.h: Encapsulating Security Payload, RFC 4303, with the transforms of RFC 8221.
 * Pure: no system call, no clock, no log; OpenSSL is the only thing it leans on. Nothing
 * is allocated per packet: contexts belong to the SA and are made when it is.
 *
 *     before   | headroom |            IP packet             | tailroom |
 *     after    | SPI seq IV |  IP packet | 1 2 3 .. pad | len nh | ICV  |
 *              |<- AAD ->|    |<----------- encrypted ----------->|
 *
 * Directions are two types: sealing with an inbound SA does not compile.
 */
#ifndef CYGNET_ESP_H
#define CYGNET_ESP_H

#include "packet/packet.h"

enum esp_spec {
	ESP_HEADER_LEN = 8,  /* SPI, sequence number */
	ESP_TRAILER_LEN = 2, /* pad length, next header */
	ESP_NO_NEXT_HEADER = 59,
};

enum esp_limits {
	ESP_ENCR_KEY_MAX = 36, /* AES-256 or ChaCha20 with its four bytes of salt */
	ESP_INTEG_KEY_MAX = 64,
	ESP_IV_MAX = 16,
	ESP_ICV_MAX = 32, /* HMAC-SHA2-512-256 */
	ESP_PAD_MAX = 15, /* we pad to the block, no further */
	ESP_HEADROOM = ESP_HEADER_LEN + ESP_IV_MAX,
	ESP_TAILROOM = ESP_PAD_MAX + ESP_TRAILER_LEN + ESP_ICV_MAX,
	ESP_WINDOW_MAX = 1 << 20,
};

/* ---- suites (suite.c) ------------------------------------------------------------------- */

enum esp_encr_id {
	ESP_ENCR_NULL,			/* RFC 2410 */
	ESP_ENCR_AES_CBC,		/* RFC 3602 */
	ESP_ENCR_AES_CTR,		/* RFC 3686 */
	ESP_ENCR_AES_GCM,		/* RFC 4106 */
	ESP_ENCR_AES_CCM,		/* RFC 4309 */
	ESP_ENCR_AES_GMAC,		/* RFC 4543: authenticates, encrypts nothing */
	ESP_ENCR_CHACHA20_POLY1305,	/* RFC 7634 */
	ESP_ENCR_AES_GCM_IIV,		/* RFC 8750: the nonce is the sequence number */
	ESP_ENCR_CHACHA20_POLY1305_IIV, /* RFC 8750 */
	/* Known by name only: esp_suite_find says why not. */
	ESP_ENCR_DES,
	ESP_ENCR_3DES,
	ESP_ENCR_BLOWFISH,
};

enum esp_integ_id {
	ESP_INTEG_NONE,		 /* with an AEAD only */
	ESP_INTEG_HMAC_SHA1,	 /* RFC 2404 */
	ESP_INTEG_HMAC_SHA2_256, /* RFC 4868 */
	ESP_INTEG_HMAC_SHA2_384, /* RFC 4868 */
	ESP_INTEG_HMAC_SHA2_512, /* RFC 4868 */
	ESP_INTEG_AES_XCBC,	 /* RFC 3566 */
	ESP_INTEG_AES_CMAC,	 /* RFC 4494 */
	/* Known by name only. */
	ESP_INTEG_HMAC_MD5,
};

/* Rows of the table of transforms; opaque, static, never freed. */
struct esp_encr;
struct esp_integ;

/* A suite is one row for secrecy and one for integrity (the NONE row with an AEAD). A plain
 * value; equal pointers are equal suites. */
struct esp_suite {
	const struct esp_encr *encr;
	const struct esp_integ *integ;
};

/* What names a suite from outside. Key lengths in bytes, the AEAD's salt included. icv_len in
 * bytes: of the AEAD, or of the separate integrity algorithm. */
struct esp_suite_spec {
	enum esp_encr_id encr;
	enum esp_integ_id integ;
	uint8_t encr_key_len;
	uint8_t integ_key_len;
	uint8_t icv_len;
};

/* Finds the rows. 0; -ENOSYS: no such transform, or one RFC 8221 forbids (DES, 3DES, Blowfish §5,
 * HMAC-MD5 §6); -EINVAL: a key or ICV length the transform does not have, or a pair RFC 8221
 * forbids (NULL without integrity §5, an AEAD with a separate integrity algorithm §4). *why is then
 * a sentence without secrets, static. */
int esp_suite_find(const struct esp_suite_spec *spec, struct esp_suite *out, const char **why)
	__attribute__((warn_unused_result));
/* The spec that esp_suite_find would turn into this suite. */
struct esp_suite_spec esp_suite_spec(const struct esp_suite *suite);
/* "AES-128-GCM-16", "AES-256-CBC/HMAC-SHA2-256-128": for status and logs; returns buf. */
const char *esp_suite_name(const struct esp_suite *suite, char buf[static 64]);
/* True if one (key, IV) pair used twice breaks it: AEADs and counter modes. */
bool esp_suite_needs_unique_iv(const struct esp_suite *suite);
/* True if the sequence number is the IV, RFC 8750: the key must be fresh and iv_mask 0. */
bool esp_suite_has_implicit_iv(const struct esp_suite *suite);
/* True if the payload is encrypted: neither NULL nor GMAC. */
bool esp_suite_encrypts(const struct esp_suite *suite);
/* Row i of all valid suites, for tests and help; false past the end. */
bool esp_suite_at(unsigned i, struct esp_suite *out);

/* ---- sizes (mtu.c) ---------------------------------------------------------------------- */

enum esp_encap { ESP_ENCAP_NONE, ESP_ENCAP_UDP }; /* RFC 3948: 8 bytes of UDP header */

/* Bytes of the outer packet for an inner packet of inner_len bytes, outer IP header included.
 * The one function that knows: status, routes, ICMP and documents all use these two. */
uint32_t esp_outer_len(const struct esp_suite *suite, enum esp_encap encap, uint8_t outer_family,
		       uint32_t inner_len);
/* The largest inner packet whose outer packet fits mtu bytes; 0 if none does. */
uint32_t esp_inner_mtu(const struct esp_suite *suite, enum esp_encap encap, uint8_t outer_family,
		       uint32_t mtu);
/* Bytes of an inner packet after TFC padding, RFC 4303 §2.7: filled up to pad_to, but no further
 * than inner_mtu (0: unknown) lets pass without fragments; a longer packet stays as it is. For
 * esp_seal_padded, and for esp_outer_len of such a packet. */
uint32_t esp_padded_len(uint32_t inner_len, uint32_t pad_to, uint32_t inner_mtu);

/* ---- another back end (aead.c) ---------------------------------------------------------- */

/* One packet's pass through an AEAD, in place. */
struct esp_aead_pass {
	uint8_t nonce[12];
	uint8_t aad[12];
	uint32_t aad_len;
	uint8_t *text;
	uint32_t text_len;
	uint8_t *icv; /* sealing: written; opening: what it must be */
	uint32_t icv_len;
};

/* AEADs of another library than OpenSSL: a table of functions, since looking for a library is not
 * esp's to do. What it does not have stays with OpenSSL. Every function may be called by several
 * threads at once, for different keys. */
struct esp_engine {
	/* The transform, with a key of key_len bytes without its salt. */
	bool (*has)(enum esp_encr_id id, uint8_t key_len);
	/* Expands a key; NULL if out of memory. */
	void *(*key_new)(enum esp_encr_id id, const uint8_t *key, uint8_t key_len);
	void (*key_free)(void *key); /* cleanses it; NULL is fine */
	void (*seal)(const void *key, const struct esp_aead_pass *pass);
	/* False: not authentic, the text is undefined. */
	bool (*open)(const void *key, const struct esp_aead_pass *pass);
};

/* ---- outbound (seal.c) ------------------------------------------------------------------ */

/* Key material. Borrowed by the constructors, which copy what they need into contexts that their
 * _free cleanses. Lengths are those of the suite. */
struct esp_keys {
	const uint8_t *encr;
	const uint8_t *integ;
	const struct esp_engine *engine; /* outlives the SA; NULL: OpenSSL for all */
};

/* Sequence numbers an outbound SA may use: first..last, both included. */
struct esp_grant {
	uint64_t first;
	uint64_t last;
};

struct esp_out;

/* Makes an outbound SA. spi in host order. grant says which sequence numbers it may use: 1..max
 * for a fresh key, else what the counters on disk gave. iv_mask is XORed onto the 64-bit sequence
 * number to make the 8-byte IV of AEADs, so that two gateways that share one manual key in both
 * directions still use different nonces (docs/decisions/0004); 0 for fresh keys. 0, -ENOMEM,
 * -EINVAL (spi 0; a grant that is empty, holds 0 or exceeds esp_seq_limit; a mask with an implicit
 * IV, which no peer would know of). */
int esp_out_new(struct esp_out **out, const struct esp_suite *suite, const struct esp_keys *keys,
		uint32_t spi, bool esn, struct esp_grant grant, uint64_t iv_mask)
	__attribute__((warn_unused_result));
void esp_out_free(struct esp_out *sa); /* NULL is fine; cleanses keys */

/* Seals the packet in place: takes the next sequence number, pads with 1,2,3.. (RFC 4303 §2.4),
 * writes trailer, header and IV, encrypts, appends the ICV. p needs ESP_HEADROOM and ESP_TAILROOM
 * around it. next_header: IPPROTO_IPIP, IPPROTO_IPV6 or ESP_NO_NEXT_HEADER. Data thread of the SA
 * only. V_OK, V_NO_ROOM, V_SEQ_EXHAUSTED (the counter would cycle, §3.3.3, whatever the suite),
 * V_SEQ_UNRESERVED (the grant is used up and no other has come), V_CRYPTO. On failure the packet
 * is spoilt and must be dropped; a sequence number once taken is not given back (V_NO_ROOM takes
 * none). */
enum verdict esp_seal(struct esp_out *sa, struct packet *p, uint8_t next_header);
/* esp_seal, with zero bytes behind the packet until it is padded_len bytes long: TFC padding, RFC
 * 4303 §2.7. The receiver cuts them off by the inner packet's own length, so next_header must be
 * IPPROTO_IPIP or IPPROTO_IPV6. p needs room for them beside ESP_TAILROOM. Verdicts of esp_seal;
 * V_NO_ROOM too if padded_len exceeds an IP packet. */
enum verdict esp_seal_padded(struct esp_out *sa, struct packet *p, uint8_t next_header,
			     uint32_t padded_len);
/* Makes a dummy packet of len bytes of content, RFC 4303 §2.6, in an empty p with ESP_HEADROOM and
 * len + ESP_TAILROOM around it. content: what an observer of a suite that encrypts nothing is to
 * see, best random, borrowed; NULL for zeros where esp_suite_encrypts. Verdicts of esp_seal; it
 * takes a sequence number like any packet. */
enum verdict esp_seal_dummy(struct esp_out *sa, struct packet *p, const uint8_t *content,
			    uint32_t len);

/* Hands over the next grant, to be used after the present one. Control thread only; -EAGAIN while
 * the last hand-over has not been taken up; -EINVAL for a grant that is empty, exceeds
 * esp_seq_limit or does not lie above all that were granted before. */
int esp_out_extend(struct esp_out *sa, struct esp_grant grant) __attribute__((warn_unused_result));
/* Numbers left in the present grant and the one handed over. Any thread. */
uint64_t esp_out_left(const struct esp_out *sa);
/* Last number used, 0 before the first packet. Any thread. */
uint64_t esp_out_seq(const struct esp_out *sa);
/* The last sequence number an SA may ever use: 2^32 - 1, or 2^64 - 1 with ESN. */
uint64_t esp_seq_limit(bool esn);

/* ---- inbound (open.c, replay.c) --------------------------------------------------------- */

struct esp_in;

/* Makes an inbound SA. window: packets, 0 switches the replay check off, up to ESP_WINDOW_MAX.
 * 0, -ENOMEM, -EINVAL (spi 0; window 0 with ESN: RFC 4303 §2.2.1 infers the high half from the
 * window; window too large). */
int esp_in_new(struct esp_in **out, const struct esp_suite *suite, const struct esp_keys *keys,
	       uint32_t spi, bool esn, uint32_t window) __attribute__((warn_unused_result));
void esp_in_free(struct esp_in *sa); /* NULL is fine; cleanses keys */
/* Which numbers a window has seen: bit i is that of the highest one, less i. */
enum { ESP_SEEN_MAX = 4096 };
struct esp_seen {
	uint32_t bits[ESP_SEEN_MAX / 32];
};
static inline bool esp_was_seen(const struct esp_seen *seen, uint32_t i)
{
	return seen->bits[i / 32] >> i % 32 & 1;
}
static inline void esp_note_seen(struct esp_seen *seen, uint32_t i)
{
	seen->bits[i / 32] |= 1U << i % 32;
}

/* Goes on after the highest number seen elsewhere. Below it counts as seen what the first ESP_SEEN_MAX
 * numbers of the window say, and whatever is beyond them; all of it if seen does not say that the
 * highest one was, so that it is the record of no window. Before the first packet; 0 changes nothing. */
void esp_in_resume(struct esp_in *sa, uint64_t seq, const struct esp_seen *seen);
/* The same of an SA that lives: seq and all below count as seen from the next packet on, and what was seen
 * above stays so. Control thread, at any time; a number below one given before changes nothing. */
void esp_in_raise(struct esp_in *sa, uint64_t seq);
/* What the window has seen, as far as it and the record go; the highest number of it. Any thread. Beside the
 * data thread it may be behind by packets of that moment, and may then say of some that they were seen which
 * were not, never the other way round. */
uint64_t esp_in_seen(const struct esp_in *sa, struct esp_seen *out);

/* Before the SA's first packet: padding other than 1, 2, 3.. shall be V_PADDING, as RFC 4303 §2.4
 * advises, whatever the transform. Without this peers may pad as they like, and some do. */
void esp_in_insist_on_padding(struct esp_in *sa);
/* The SPI of a packet that starts with an ESP header, host order. False if shorter. */
bool esp_peek_spi(const struct packet *p, uint32_t *spi);
/* Opens the packet in place: from ESP header to ICV on entry, the payload less its padding on
 * V_OK (TFC padding stays: its end is the inner header's to tell). Order, RFC 4303 §3.4: length,
 * replay check, integrity, replay commit, trailer. The window moves only for authentic packets.
 * Data thread of the SA only. V_OK, V_RUNT, V_BAD_LENGTH, V_REPLAY_OLD, V_REPLAY_DUP, V_ICV,
 * V_TRAILER, V_PADDING, V_DUMMY; the contents are then undefined. *next_header is set with V_OK and V_DUMMY.
 * *seq is the packet's full sequence number, set unless V_RUNT or V_BAD_LENGTH, for audit (§4). */
enum verdict esp_open(struct esp_in *sa, struct packet *p, uint8_t *next_header, uint64_t *seq);
/* Highest authenticated sequence number. Any thread. */
uint64_t esp_in_seq(const struct esp_in *sa);
uint32_t esp_in_window(const struct esp_in *sa);

#endif
