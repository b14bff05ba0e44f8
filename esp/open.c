/*
 * esp/open.c: inbound ESP, RFC 4303 §3.4: length, replay check, integrity and decryption, replay
 * commit, trailer; in that order and in one function, so that no caller can forget a step. The
 * inbound line of the gateway calls esp_open after it found the SA by SPI and destination.
 */
#include "esp/crypto.h"
#include "esp/replay.h"
#include "esp/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct esp_in {
	/* Set at creation, then immutable. */
	struct esp_suite suite;
	struct esp_crypto *crypto; /* owned; its insides are the data thread's */
	bool strict_padding;
	/* The control thread writes: seen elsewhere, up to here. */
	_Atomic uint64_t raised;
	/* Data thread only, but for what it shows (replay.h). */
	struct esp_replay replay;
	uint64_t taken_up; /* of raised */
};

int esp_in_new(struct esp_in **out, const struct esp_suite *suite, const struct esp_keys *keys,
	       uint32_t spi, bool esn, uint32_t window)
{
	struct esp_in *sa;
	int rc;

	if (spi == 0) /* RFC 4303 §2.1: never on the wire */
		return -EINVAL;
	sa = calloc(1, sizeof(*sa));
	if (!sa)
		return -ENOMEM;
	sa->suite = *suite;
	rc = esp_replay_init(&sa->replay, window, esn);
	if (rc)
		goto err_free_sa;
	rc = esp_crypto_new(&sa->crypto, suite, keys, ESP_CRYPTO_OPEN, esn);
	if (rc)
		goto err_fini_replay;
	*out = sa;
	return 0;

err_fini_replay:
	esp_replay_fini(&sa->replay);
err_free_sa:
	free(sa);
	return rc;
}

void esp_in_free(struct esp_in *sa)
{
	if (!sa)
		return;
	esp_crypto_free(sa->crypto);
	esp_replay_fini(&sa->replay);
	free(sa); /* what is left holds no secret */
}

uint64_t esp_in_seen(const struct esp_in *sa, struct esp_seen *out)
{
	const uint64_t raised = atomic_load_explicit(&sa->raised, memory_order_relaxed);
	const uint32_t window = sa->replay.window;
	uint64_t top = esp_replay_seen(&sa->replay, out);

	if (top < raised) {
		top = raised;
		memset(out, 0, sizeof(*out));
	}
	/* It may not be taken up yet. */
	for (uint64_t i = top - raised; i < window && i < ESP_SEEN_MAX && i < top; i++)
		esp_note_seen(out, (uint32_t)i);
	return top;
}

void esp_in_resume(struct esp_in *sa, uint64_t seq, const struct esp_seen *seen)
{
	esp_replay_resume(&sa->replay, seq, seen);
}

void esp_in_raise(struct esp_in *sa, uint64_t seq)
{
	if (seq > atomic_load_explicit(&sa->raised, memory_order_relaxed))
		atomic_store_explicit(&sa->raised, seq, memory_order_relaxed);
}

/* The window is the data thread's alone: so what it saw meanwhile is not forgotten. */
static void take_up(struct esp_in *sa)
{
	const uint64_t raised = atomic_load_explicit(&sa->raised, memory_order_relaxed);

	if (raised == sa->taken_up)
		return;
	esp_replay_raise(&sa->replay, raised);
	sa->taken_up = raised;
}

void esp_in_insist_on_padding(struct esp_in *sa)
{
	sa->strict_padding = true;
}

bool esp_peek_spi(const struct packet *p, uint32_t *spi)
{
	if (p->len < ESP_HEADER_LEN)
		return false;
	*spi = load_be32(packet_data(p));
	return true;
}

/* The bytes between IV and ICV: V_OK and *text_len, V_RUNT, V_BAD_LENGTH. */
static enum verdict check_length(const struct esp_in *sa, const struct packet *p,
				 uint32_t *text_len)
{
	uint32_t around = ESP_HEADER_LEN + sa->suite.encr->iv_len + esp_suite_icv_len(&sa->suite);

	if (p->len < around + ESP_TRAILER_LEN)
		return V_RUNT;
	/* Whole blocks, and whatever the cipher whole words: RFC 4303 §2.4. */
	if (p->len > IP_PACKET_MAX || (p->len - around) % esp_suite_align(&sa->suite) != 0)
		return V_BAD_LENGTH;
	*text_len = p->len - around;
	return V_OK;
}

static bool padding_counts(const uint8_t *pad, uint32_t len)
{
	uint32_t i = 0;

	while (i < len && pad[i] == i + 1)
		i++;
	return i == len;
}

/* Leaves the payload alone in p. The bytes of the padding are looked at only for an SA that insists:
 * peers with other than 1, 2, 3.. exist, and the ICV has vouched for them (RFC 4303 §2.4 only SHOULDs
 * it). */
static enum verdict strip(const struct esp_in *sa, struct packet *p, uint32_t text_len,
			  uint8_t *next_header)
{
	const uint32_t front = ESP_HEADER_LEN + sa->suite.encr->iv_len;
	const uint8_t *trailer = packet_pull(p, front) + text_len - ESP_TRAILER_LEN;
	uint32_t pad_len = trailer[0];

	if (pad_len > text_len - ESP_TRAILER_LEN)
		return V_TRAILER;
	if (sa->strict_padding && !padding_counts(trailer - pad_len, pad_len))
		return V_PADDING;
	*next_header = trailer[1];
	(void)packet_trim(p, text_len - ESP_TRAILER_LEN - pad_len); /* shorter than it was */
	return *next_header == ESP_NO_NEXT_HEADER ? V_DUMMY : V_OK; /* RFC 4303 §2.6 */
}

enum verdict esp_open(struct esp_in *sa, struct packet *p, uint8_t *next_header, uint64_t *seq)
{
	uint8_t *esp = packet_data(p);
	uint32_t text_len;
	enum verdict v;

	v = check_length(sa, p, &text_len);
	if (v != V_OK)
		return v;
	take_up(sa);
	*seq = esp_replay_infer(&sa->replay, load_be32(esp + 4));
	/* Before the cipher, so that a flood of replays costs little: RFC 4303 §3.4.3. */
	v = esp_replay_check(&sa->replay, *seq);
	if (v != V_OK)
		return v;
	if (!esp_crypto_open(sa->crypto, esp, text_len, *seq))
		return V_ICV;
	/* Only now: a forged number must not move the window. */
	esp_replay_commit(&sa->replay, *seq);
	return strip(sa, p, text_len, next_header);
}

uint64_t esp_in_seq(const struct esp_in *sa)
{
	const uint64_t raised = atomic_load_explicit(&sa->raised, memory_order_relaxed);
	const uint64_t top = esp_replay_top(&sa->replay);

	return top > raised ? top : raised;
}

uint32_t esp_in_window(const struct esp_in *sa)
{
	return sa->replay.window;
}
