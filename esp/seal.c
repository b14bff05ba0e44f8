/*
 * esp/seal.c: outbound ESP, RFC 4303 §3.3, and the sequence numbers it may use. The outbound line
 * of the gateway calls esp_seal for every packet from one thread; the control thread hands over
 * grants of sequence numbers while that goes on.
 *
 * Grants pass from the control thread to the data thread through one slot. The control thread
 * fills handed, then sets handed_full with release; the data thread sees it with acquire, copies
 * the slot and clears the flag with release, after which the slot is the control thread's again.
 * Neither waits.
 */
#include "esp/crypto.h"
#include "esp/wire.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>

struct esp_out {
	/* Set at creation, then immutable. */
	struct esp_suite suite;
	struct esp_crypto *crypto; /* owned; its insides are the data thread's */
	uint64_t iv_mask;
	uint64_t seq_limit;
	uint32_t spi;
	/* Data thread only: the grant in use. */
	uint64_t next; /* the next number, while left is not 0 */
	uint64_t left;
	uint64_t last; /* of the grant in use */
	/* The data thread writes, any thread reads. */
	_Atomic uint64_t seq;  /* last number used */
	_Atomic uint64_t used; /* how many were used */
	/* The control thread writes, any thread reads. */
	_Atomic uint64_t granted; /* how many were ever granted */
	uint64_t granted_last;	  /* control thread only: grants must ascend */
	/* The slot; whose it is says the flag. */
	struct esp_grant handed;
	atomic_bool handed_full;
};

uint64_t esp_seq_limit(bool esn)
{
	return esn ? UINT64_MAX : UINT32_MAX;
}

/* Ascending, not empty, within what the SA may ever use. 0 is no sequence number: RFC 4303 §2.2. */
static bool grant_is_valid(struct esp_grant grant, uint64_t after, uint64_t limit)
{
	return grant.first > after && grant.first <= grant.last && grant.last <= limit;
}

int esp_out_new(struct esp_out **out, const struct esp_suite *suite, const struct esp_keys *keys,
		uint32_t spi, bool esn, struct esp_grant grant, uint64_t iv_mask)
{
	struct esp_out *sa;
	int rc;

	if (spi == 0 || !grant_is_valid(grant, 0, esp_seq_limit(esn)))
		return -EINVAL;
	/* RFC 8750 §4: the receiver takes the bare sequence number for the IV. */
	if (iv_mask && esp_suite_has_implicit_iv(suite))
		return -EINVAL;
	sa = calloc(1, sizeof(*sa));
	if (!sa)
		return -ENOMEM;
	rc = esp_crypto_new(&sa->crypto, suite, keys, ESP_CRYPTO_SEAL, esn);
	if (rc)
		goto err_free_sa;
	sa->suite = *suite;
	sa->iv_mask = iv_mask;
	sa->seq_limit = esp_seq_limit(esn);
	sa->spi = spi;
	sa->next = grant.first;
	sa->left = grant.last - grant.first + 1;
	sa->last = grant.last;
	sa->granted_last = grant.last;
	atomic_init(&sa->granted, sa->left);
	*out = sa;
	return 0;

err_free_sa:
	free(sa);
	return rc;
}

void esp_out_free(struct esp_out *sa)
{
	if (!sa)
		return;
	esp_crypto_free(sa->crypto);
	free(sa); /* what is left holds no secret */
}

/* ---- sequence numbers ------------------------------------------------------------------- */

int esp_out_extend(struct esp_out *sa, struct esp_grant grant)
{
	uint64_t granted = atomic_load_explicit(&sa->granted, memory_order_relaxed);

	if (!grant_is_valid(grant, sa->granted_last, sa->seq_limit))
		return -EINVAL;
	if (atomic_load_explicit(&sa->handed_full, memory_order_acquire))
		return -EAGAIN;
	sa->handed = grant;
	sa->granted_last = grant.last;
	/* Before the flag: whoever sees a number of this grant used, sees it granted. */
	atomic_store_explicit(&sa->granted, granted + (grant.last - grant.first + 1),
			      memory_order_relaxed);
	atomic_store_explicit(&sa->handed_full, true, memory_order_release);
	return 0;
}

/* Takes up what was handed over, if anything was. */
static bool take_handed(struct esp_out *sa)
{
	struct esp_grant grant;

	if (!atomic_load_explicit(&sa->handed_full, memory_order_acquire))
		return false;
	grant = sa->handed;
	atomic_store_explicit(&sa->handed_full, false, memory_order_release);
	sa->next = grant.first;
	sa->left = grant.last - grant.first + 1;
	sa->last = grant.last;
	return true;
}

/* RFC 4303 §3.3.3: the counter never cycles, with or without anti-replay. */
static enum verdict take_seq(struct esp_out *sa, uint64_t *seq)
{
	uint64_t used = atomic_load_explicit(&sa->used, memory_order_relaxed);

	if (sa->left == 0 && !take_handed(sa))
		return sa->last == sa->seq_limit ? V_SEQ_EXHAUSTED : V_SEQ_UNRESERVED;
	*seq = sa->next++;
	sa->left--;
	atomic_store_explicit(&sa->seq, *seq, memory_order_relaxed);
	/* Release, for esp_out_left: see there. */
	atomic_store_explicit(&sa->used, used + 1, memory_order_release);
	return V_OK;
}

uint64_t esp_out_left(const struct esp_out *sa)
{
	/* In this order, and the first with acquire: a used number was granted before, so the
	 * difference never goes below zero. */
	uint64_t used = atomic_load_explicit(&sa->used, memory_order_acquire);

	return atomic_load_explicit(&sa->granted, memory_order_relaxed) - used;
}

uint64_t esp_out_seq(const struct esp_out *sa)
{
	return atomic_load_explicit(&sa->seq, memory_order_relaxed);
}

/* ---- sealing ---------------------------------------------------------------------------- */

/* Padding of 1, 2, 3.. (RFC 4303 §2.4), pad length, next header. */
static void put_trailer(uint8_t *at, uint32_t pad_len, uint8_t next_header)
{
	static const uint8_t pad[ESP_PAD_MAX] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	memcpy(at, pad, pad_len);
	at[pad_len] = (uint8_t)pad_len;
	at[pad_len + 1] = next_header;
}

enum verdict esp_seal_padded(struct esp_out *sa, struct packet *p, uint8_t next_header,
			     uint32_t padded_len)
{
	uint32_t tfc_len = padded_len > p->len ? padded_len - p->len : 0;
	uint32_t align = esp_suite_align(&sa->suite);
	uint32_t pad_len = (0u - (p->len + tfc_len + ESP_TRAILER_LEN)) & (align - 1);
	uint32_t text_len = p->len + tfc_len + pad_len + ESP_TRAILER_LEN;
	uint32_t front = ESP_HEADER_LEN + sa->suite.encr->iv_len;
	uint8_t *tail, *esp;
	uint64_t seq;
	enum verdict v;

	assert(!tfc_len || next_header == IPPROTO_IPIP || next_header == IPPROTO_IPV6);
	if (p->len > IP_PACKET_MAX || padded_len > IP_PACKET_MAX)
		return V_NO_ROOM;
	/* Room first: a packet that cannot be sealed takes no sequence number with it. */
	tail = packet_put(p, text_len - p->len + esp_suite_icv_len(&sa->suite));
	esp = tail ? packet_push(p, front) : NULL;
	if (!esp)
		return V_NO_ROOM;
	v = take_seq(sa, &seq);
	if (v != V_OK)
		return v;
	memset(tail, 0, tfc_len);
	put_trailer(tail + tfc_len, pad_len, next_header);
	store_be32(esp, sa->spi);
	store_be32(esp + 4, (uint32_t)seq); /* the high half does not travel, RFC 4303 §2.2.1 */
	return esp_crypto_seal(sa->crypto, esp, text_len, seq, seq ^ sa->iv_mask) ? V_OK : V_CRYPTO;
}

enum verdict esp_seal(struct esp_out *sa, struct packet *p, uint8_t next_header)
{
	return esp_seal_padded(sa, p, next_header, 0);
}

enum verdict esp_seal_dummy(struct esp_out *sa, struct packet *p, const uint8_t *content,
			    uint32_t len)
{
	uint8_t *room;

	assert(p->len == 0 && (content || esp_suite_encrypts(&sa->suite)));
	room = len <= IP_PACKET_MAX ? packet_put(p, len) : NULL;
	if (!room)
		return V_NO_ROOM;
	if (content)
		memcpy(room, content, len);
	else
		memset(room, 0, len); /* not what lay in the buffer: it may be another's secret */
	return esp_seal(sa, p, ESP_NO_NEXT_HEADER);
}
